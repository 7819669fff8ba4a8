/* stem.h - the raw-wave front end: three convolutions, 41.67 frames a second. */
#ifndef STEM_H
#define STEM_H

#include "weights.h"

/* Frames of the three convolutions for so many samples; all 0 when there is not one frame. */
struct stem_frames {
    size_t conv1, conv2, conv3;
};
struct stem_frames stem_frames(size_t samples);

/* Bytes of scratch that stem_run needs, however long the recording. */
size_t stem_bytes(const struct fold_model *model);

/* 16-bit numbers that stem_run keeps for so many frames: some more than 6 T d with int8, or 0. */
size_t stem_kept(const struct fold_model *model, size_t T);

/* x [T, d] from pcm [samples], T = stem_frames(samples).conv3 > 0. Samples count as fold_run_begin
 * says. kept [stem_kept(T)] is scratch. False when stop (NULL: never) said so; x is then
 * unfinished. */
bool stem_run(const struct fold_model *model, float *x, const float *pcm, size_t samples,
              int16_t *kept, bool (*stop)(const void *user), const void *user, void *scratch);

/* What a stream's group norm has heard: sums over the first convolution's frames and channels. */
struct stem_sums {
    double total, squares;
    size_t frames;
};

/* The same for the next chunk of a stream: x [T, d] from pcm [samples], which begin with the
 * chunk's first frame and end where its last one ends to hear: stem_samples(STEM_CHUNK_MOST) at
 * most. The group norm is over all up to here: *sums, which these samples are added to. */
void stem_chunk(const struct fold_model *model, float *x, const float *pcm, size_t samples,
                struct stem_sums *sums, void *scratch);

/* Samples that so many frames hear. */
size_t stem_samples(size_t frames);

#endif
