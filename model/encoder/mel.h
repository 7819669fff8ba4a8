/* mel.h - the log-mel front end: 80 mels every 10 ms, centred over the recording, and two
 * convolutions of stride 2, 25 frames a second. */
#ifndef MEL_H
#define MEL_H

#include "weights.h"

/* As front_end.h says; kept is in floats. */
size_t mel_frames(size_t samples);
size_t mel_bytes(const struct fold_model *model);
size_t mel_kept(size_t T);
bool mel_run(const struct fold_model *model, float *x, const float *pcm, size_t samples,
             float *kept, bool (*stop)(const void *user), const void *user, void *scratch);

#endif
