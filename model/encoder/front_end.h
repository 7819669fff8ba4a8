/* front_end.h - what makes frames x [T, d] of a recording, whichever of three kinds the seed has
 * (weights.h): Moonshine's stem, the convolutions of wav2vec 2.0 and HuBERT, or log-mels. */
#ifndef FRONT_END_H
#define FRONT_END_H

#include "weights.h"

/* Frames for so many samples; 0 below fold_info.min_samples. */
size_t front_end_frames(const struct fold_model *model, size_t samples);

/* Bytes of scratch that front_end_run needs, however long the recording. */
size_t front_end_bytes(const struct fold_model *model);

/* Bytes that it needs besides, for recordings of so many frames. */
size_t front_end_kept(const struct fold_model *model, size_t T);

/* x [T, d] from pcm [samples], T = front_end_frames(samples) > 0. Samples count as fold_run_begin
 * says. kept [front_end_kept(T)], 64-byte aligned, and scratch are not needed afterwards. False
 * when stop (NULL: never) said so; x is then unfinished. */
bool front_end_run(const struct fold_model *model, float *x, const float *pcm, size_t samples,
                   void *kept, bool (*stop)(const void *user), const void *user, void *scratch);

#endif
