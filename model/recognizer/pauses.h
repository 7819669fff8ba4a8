/* pauses.h - where a long recording may be cut, so that no piece is longer than can be heard at
 * once. */
#ifndef PAUSES_H
#define PAUSES_H

#include <stdbool.h>
#include <stddef.h>

/* Samples of pcm [samples] up to the cut, at most most_samples: all where that is enough; else up
 * to the middle of the longest pause in the later two thirds, which is then in *ret_pause true;
 * else, where nobody stops for a fifth of a second, most_samples. */
size_t pauses_cut(const float *pcm, size_t samples, size_t most_samples, unsigned rate_hz,
                  bool *ret_pause);

#endif
