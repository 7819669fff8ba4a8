/* attend.h - attention of one stream in 8 bits, one for each level of vec.h; called through
 * kernels.h. */
#ifndef ATTEND_H
#define ATTEND_H

#include <stddef.h>

/* qy [T, heads * width] holds queries, rotated, and becomes the weighted means of v; k, v alike.
 * scratch: attend_bytes of T and width, 64-byte aligned. */
typedef void attend_function(float *qy, const float *k, const float *v, size_t T, size_t heads,
                             size_t width, void *scratch);
attend_function attend_baseline, attend_avx2, attend_avxvnni, attend_avx512;

/* Bytes of its scratch: grows with T by some two bytes for every dimension of one head. */
typedef size_t attend_bytes_function(size_t T, size_t width);
attend_bytes_function attend_bytes_baseline, attend_bytes_avx2, attend_bytes_avxvnni,
    attend_bytes_avx512;

#endif
