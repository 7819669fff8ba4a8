/* kernels.h - the element-wise work around the GEMMs, in plain C that compilers vectorise.
 * Row-major [T, d]; in place unless said; pointers need no alignment and must not overlap. */
#ifndef KERNELS_H
#define KERNELS_H

#include <stddef.h>

/* y [T, d] = layer norm of x [T, d], eps 1e-5, times gain [d], plus bias [d] unless NULL. */
void kernels_norm(float *y, const float *x, const float *gain, const float *bias, size_t T,
                  size_t d);

/* x [T, d] += scale [d] * y [T, d]; scale NULL: 1. */
void kernels_residual(float *x, const float *y, const float *scale, size_t T, size_t d);

/* x [T, d] <- gelu(x + bias [d]), exact form: x/2 (1 + erf(x / sqrt 2)), error below 2e-6. */
void kernels_gelu(float *x, const float *bias, size_t T, size_t d);

/* x [T, d] += bias [d] */
void kernels_bias(float *x, const float *bias, size_t T, size_t d);

/* y [count] = e^x, x at most 88; relative error below 3e-7. */
void kernels_exp(float *y, const float *x, size_t count);

void kernels_tanh(float *x, size_t count);
void kernels_silu(float *x, size_t count);

/* y [T, d] = a * sigmoid(b), x [T, 2d] = (a | b) + bias [2d]. */
void kernels_glu(float *y, const float *x, const float *bias, size_t T, size_t d);

/* y [T, d] = depthwise convolution of x [T, d] with taps w [K, d], K odd, zeros outside, + bias
 * [d]. */
void kernels_depthwise(float *y, const float *x, const float *w, const float *bias, size_t T,
                       size_t d, size_t K);

/* Rows of x [T, n], each times factor, to probabilities. */
void kernels_softmax(float *x, float factor, size_t T, size_t n);
/* Rows of x [T, n] to log-probabilities. */
void kernels_log_softmax(float *x, size_t T, size_t n);

/* Rotary embedding on the halves of the first 2 * half dims of every head of x [T, heads * h];
 * cos and sin are [T, half]. */
void kernels_rotate(float *x, const float *cos, const float *sin, size_t T, size_t heads, size_t h,
                    size_t half);

#endif
