/* kernels.h - the work around the matrix products and, as gemm and attend, the int8 products
 * themselves: one table of functions for every level of instructions (vec.h). cpu.h picks.
 *
 * Plain C that compilers vectorise; row-major [T, d]; pointers need no alignment and must not
 * overlap unless it says in place. */
#ifndef KERNELS_H
#define KERNELS_H

#include <stdbool.h>

#include "attend.h"
#include "gemm.h"

struct kernels {
    const char *name;
    bool int8_pays; /* faster in 8 bits than OpenBLAS is in 32 */

    /* y [T, d] = layer norm of x [T, d], eps 1e-5, times gain [d], plus bias [d] unless NULL. */
    void (*norm)(float *y, const float *x, const float *gain, const float *bias, size_t T,
                 size_t d);
    /* Sum and sum of squares of x [d]. */
    void (*moments)(const float *x, size_t d, float *ret_sum, float *ret_squares);
    /* x [T, d] <- (x - mean) * inverse * gain [d] + bias [d] */
    void (*standardise)(float *x, float mean, float inverse, const float *gain, const float *bias,
                        size_t T, size_t d);
    /* x [T, d] += scale [d] * y [T, d]; scale NULL: 1. */
    void (*residual)(float *x, const float *y, const float *scale, size_t T, size_t d);
    /* x <- x/2 (1 + erf(x / sqrt 2)), the exact form; absolute error below 2e-6 * (1 + |x|). */
    void (*gelu)(float *x, size_t count);
    /* Relative error below 3e-7 for |x| <= 87; x outside counts as -87 or 88. */
    void (*exp)(float *y, const float *x, size_t count);
    void (*tanh)(float *x, size_t count); /* absolute error below 1e-6 */
    void (*silu)(float *x, size_t count); /* below 2e-6 * (1 + |x|) */
    /* y [T, d] = a * sigmoid(b), x [T, 2d] = (a | b). */
    void (*glu)(float *y, const float *x, size_t T, size_t d);
    /* y [T, d] = a * silu(b), x [T, 2d] = (a | b). */
    void (*swiglu)(float *y, const float *x, size_t T, size_t d);
    /* Rows first .. first + rows of the depthwise convolution of x [T, d] with taps w [K, d], K
     * odd, zeros outside, + bias [d], to y [rows, d]. */
    void (*depthwise)(float *y, const float *x, const float *w, const float *bias, size_t first,
                      size_t rows, size_t T, size_t d, size_t K);
    /* y [T, C] = bias [C] + windows of x, of K floats every stride, times taps w [K, C]: a
     * convolution with one channel in. A row has the same bits whatever rows are with it. */
    void (*slide)(float *y, const float *x, size_t stride, const float *w, const float *bias,
                  size_t T, size_t C, size_t K);
    /* Softmax in pieces: p [n] <- exp(p - new top), new top the greater of *top and p's greatest;
     * *top becomes it, *ret_sum the sum of p. Returns exp(old top - new top), by which what was
     * summed before must be multiplied; 0 where *top was -INFINITY. */
    float (*soften)(float *p, size_t n, float *top, float *ret_sum);
    /* Rows of x [T, n] to log-probabilities. */
    void (*log_softmax)(float *x, size_t T, size_t n);
    /* Index of the greatest of x [n], the first among equals; *ret_log_sum, unless NULL: log of the
     * sum of e^x. */
    size_t (*choose)(const float *x, size_t n, float *ret_log_sum);
    /* Queries of pieces in a row, qy [rows, heads * width] (in place: they become weighted means of
     * v), row r over the first n + r keys, to the same bits however many rows there are. k is
     * transposed, [heads * width, ldk], ldk a multiple of 16 and all of it readable;
     * v [n + rows - 1, heads * width]; scratch [KERNELS_QUERIES, ldk]. */
    void (*attend_behind)(float *qy, size_t rows, const float *k, size_t ldk, const float *v,
                          size_t n, size_t heads, size_t width, float *scratch);
    /* Rotary embedding on the halves of the first 2 * half dims of every head of x
     * [T, heads * width], in place; cos and sin are [T, half]. */
    void (*rotate)(float *x, const float *cos, const float *sin, size_t T, size_t heads,
                   size_t width, size_t half);
    /* to [T, n] = x [T, n], rows ldx apart (they may overlap), by row. */
    void (*quantise)(struct quant_rows *to, const float *x, size_t ldx, size_t T, size_t n);
    /* Rows x [T, d] in bytes: each the scales of its groups, then d signed bytes, to
     * [T, kernels_row_bytes(d)]; and back. */
    void (*shrink)(unsigned char *to, const float *x, size_t T, size_t d);
    void (*widen)(float *x, const unsigned char *from, size_t T, size_t d);
    /* x [count] in [-1, 1] as fractions of 32767, and back. */
    void (*to_shorts)(int16_t *to, const float *x, size_t count);
    void (*from_shorts)(float *to, const int16_t *from, size_t count);
    quant_product *gemm;
    attend_function *attend;
    attend_bytes_function *attend_bytes;
    attend_pack_function *attend_pack;
    attend_packed_bytes_function *attend_packed_bytes;
    attend_over_function *attend_over;
    attend_over_bytes_function *attend_over_bytes;
};

#define KERNELS_QUERIES 4
#define KERNELS_GROUP   32 /* floats with a scale of their own */

static inline size_t kernels_row_bytes(size_t d)
{
    return ((d + KERNELS_GROUP - 1) / KERNELS_GROUP * sizeof(float) + d + 3) / 4 * 4;
}

extern const struct kernels kernels_baseline, kernels_avx2, kernels_avxvnni, kernels_avx512,
    kernels_amx, kernels_sdot, kernels_i8mm;

#endif
