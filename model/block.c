/* block.c - x + s0 attention(norm(x)); x + s1 conv(norm(x)); x + s2 ffn(norm(x)).
 *
 * The weights are the same in every unfold; gains, biases and the scales s are unfold r's own
 * rows. Attention is computed for a few rows at a time, so no [T, T] exists. */
#include "block.h"

#include <cblas.h>
#include <math.h>

#include "kernels.h"
#include "matmul.h"

#define ROWS 64 /* attention rows at a time */

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t block_scratch(const struct fold_model *m, size_t T)
{
    const size_t d = m->info.d;
    const size_t attention = 4 * T * d + ROWS * T, conv = 3 * T * d, ffn = T * m->ffn;
    return 2 * T * d + larger(larger(attention, conv), ffn);
}

static void norm(float *y, const float *x, const struct model_norm *n, uint32_t r, size_t T,
                 size_t d)
{
    kernels_norm(y, x, n->gain + r * d, n->bias ? n->bias + r * d : NULL, T, d);
}

/* y [T, d] = attention over all T frames of h [T, d]. */
static void attention(const struct fold_model *m, const struct model_block *b, float *y,
                      const float *h, size_t T, const struct block_rope *rope, float *scratch)
{
    const size_t d = m->info.d, heads = m->info.heads, width = d / heads;
    float *q = scratch, *k = q + T * d, *v = k + T * d, *mixed = v + T * d;
    float *scores = mixed + T * d; /* [ROWS, T] */
    matmul_rows(q, d, h, d, T, &b->q);
    matmul_rows(k, d, h, d, T, &b->k);
    matmul_rows(v, d, h, d, T, &b->v);
    kernels_rotate(q, rope->cos, rope->sin, T, heads, width, m->rope_dims / 2);
    kernels_rotate(k, rope->cos, rope->sin, T, heads, width, m->rope_dims / 2);
    const float factor = 1.0f / sqrtf((float)width);
    for (size_t head = 0; head < heads; head++) {
        const size_t at = head * width;
        for (size_t t = 0; t < T; t += ROWS) {
            const size_t rows = T - t < ROWS ? T - t : ROWS;
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)T,
                        (blasint)width, 1.0f, q + t * d + at, (blasint)d, k + at, (blasint)d, 0.0f,
                        scores, (blasint)T);
            kernels_softmax(scores, factor, rows, T);
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (blasint)rows, (blasint)width,
                        (blasint)T, 1.0f, scores, (blasint)T, v + at, (blasint)d, 0.0f,
                        mixed + t * d + at, (blasint)d);
        }
    }
    matmul_rows(y, d, mixed, d, T, &b->o);
}

/* y [T, d] = pointwise, GLU, depthwise, norm, SiLU, pointwise of h [T, d] (Conformer's module). */
static void conv_module(const struct fold_model *m, const struct model_block *b, float *y,
                        const float *h, size_t T, float *scratch)
{
    const size_t d = m->info.d;
    float *wide = scratch, *gated = wide + 2 * T * d; /* [T, 2d], [T, d] */
    matmul_rows(wide, 2 * d, h, d, T, &b->pw1);
    kernels_glu(gated, wide, b->pw1.b, T, d);
    kernels_depthwise(wide, gated, b->dw, b->dw_bias, T, d, m->conv_kernel);
    kernels_norm(gated, wide, b->conv_gain, b->conv_bias, T, d);
    kernels_silu(gated, T * d);
    matmul_rows(y, d, gated, d, T, &b->pw2);
    kernels_bias(y, b->pw2.b, T, d);
}

void block_run(const struct fold_model *m, const struct model_block *b, uint32_t r, float *x,
               size_t T, const struct block_rope *rope, float *scratch)
{
    const size_t d = m->info.d;
    const float *scale = b->scale ? b->scale + 3 * d * r : NULL; /* [3, d] */
    float *h = scratch, *y = h + T * d, *rest = y + T * d;

    norm(h, x, &b->norm_attn, r, T, d);
    attention(m, b, y, h, T, rope, rest);
    kernels_residual(x, y, scale, T, d);
    if (b->pw1.w) {
        norm(h, x, &b->norm_conv, r, T, d);
        conv_module(m, b, y, h, T, rest);
        kernels_residual(x, y, scale ? scale + d : NULL, T, d);
    }
    norm(h, x, &b->norm_ffn, r, T, d);
    matmul_rows(rest, m->ffn, h, d, T, &b->fc1);
    kernels_gelu(rest, b->fc1.b, T, m->ffn);
    matmul_rows(y, d, rest, m->ffn, T, &b->fc2);
    kernels_bias(y, b->fc2.b, T, d);
    kernels_residual(x, y, scale ? scale + 2 * d : NULL, T, d);
}
