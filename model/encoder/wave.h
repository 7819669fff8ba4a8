/* wave.h - the front end of wav2vec 2.0 and HuBERT: convolutions over the wave, a projection, and a
 * grouped convolution that tells positions apart. */
#ifndef WAVE_H
#define WAVE_H

#include "weights.h"

/* As front_end.h says; kept is in floats. */
size_t wave_frames(const struct fold_model *model, size_t samples);
size_t wave_bytes(const struct fold_model *model);
size_t wave_kept(const struct fold_model *model, size_t T);
bool wave_run(const struct fold_model *model, float *x, const float *pcm, size_t samples,
              float *kept, bool (*stop)(const void *user), const void *user, void *scratch);

#endif
