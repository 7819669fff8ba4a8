/* attend.h - attention of one stream in 8 bits, one for each level of vec.h; called through
 * kernels.h. */
#ifndef ATTEND_H
#define ATTEND_H

#include <stddef.h>

/* qy [T, heads * width] holds queries, rotated, and becomes the weighted means of v; k, v alike.
 * scratch: attend_bytes of T and width, 64-byte aligned. */
typedef void attend_function(float *qy, const float *k, const float *v, size_t T, size_t heads,
                             size_t width, void *scratch);
attend_function attend_baseline, attend_avx2, attend_avxvnni, attend_avx512, attend_amx,
    attend_sdot, attend_i8mm;

/* Bytes of its scratch: grows with T by some two bytes for every dimension of one head. */
typedef size_t attend_bytes_function(size_t T, size_t width);
attend_bytes_function attend_bytes_baseline, attend_bytes_avx2, attend_bytes_avxvnni,
    attend_bytes_avx512, attend_bytes_amx, attend_bytes_sdot, attend_bytes_i8mm;

/* For queries that come a few at a time to keys and values that stay: those are packed once, into
 * memory of attend_packed_bytes, 64-byte aligned, which holds pointers into itself. v is read up to
 * T * heads * width. */
typedef void attend_pack_function(void *packed, const float *k, const float *v, size_t T,
                                  size_t heads, size_t width);
attend_pack_function attend_pack_baseline, attend_pack_avx2, attend_pack_avxvnni,
    attend_pack_avx512, attend_pack_amx, attend_pack_sdot, attend_pack_i8mm;

typedef size_t attend_packed_bytes_function(size_t T, size_t heads, size_t width);
attend_packed_bytes_function attend_packed_bytes_baseline, attend_packed_bytes_avx2,
    attend_packed_bytes_avxvnni, attend_packed_bytes_avx512, attend_packed_bytes_amx,
    attend_packed_bytes_sdot, attend_packed_bytes_i8mm;

/* qy [rows, heads * width] as above, over all T that were packed. A row's result has the same bits
 * whatever rows are with it. scratch: attend_over_bytes. */
typedef void attend_over_function(float *qy, size_t rows, const void *packed, size_t T,
                                  size_t heads, size_t width, void *scratch);
attend_over_function attend_over_baseline, attend_over_avx2, attend_over_avxvnni,
    attend_over_avx512, attend_over_amx, attend_over_sdot, attend_over_i8mm;

typedef size_t attend_over_bytes_function(size_t width);
attend_over_bytes_function attend_over_bytes_baseline, attend_over_bytes_avx2,
    attend_over_bytes_avxvnni, attend_over_bytes_avx512, attend_over_bytes_amx,
    attend_over_bytes_sdot, attend_over_bytes_i8mm;

#endif
