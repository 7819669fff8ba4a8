/* quant.h - matrices of 8 bits: weights by output channel, activations by row.
 *
 *     weight[n][k] = scale[n] * w[n][k]                 w in [-127, 127]
 *     x[t][k]      = scale[t] * (q[t][k] - zero[t])     q in [0, 255]
 *     y[t][n]      = scale[t] * scale[n] * (sum_k q w - zero[t] * sum_k w) + bias[n]
 *
 * A row's scale and zero point come from its own least and greatest element, at run time, so a
 * row's result does not depend on the rows around it; and integer sums are exact, so it does not
 * depend on the order of summation either: any batch, any CPU gives the same bits from the same q.
 *
 * Weights are packed for dot products of four bytes: panels of 32 output channels, in each
 * panel for every four k the 32 channels' bytes, [out / 32][in / 4][32][4], zeros at the ends.
 */
#ifndef QUANT_H
#define QUANT_H

#include <stddef.h>
#include <stdint.h>

#define QUANT_PANEL 32

struct quant_weights {
    const int8_t *w;     /* packed */
    const float *scale;  /* [out padded to QUANT_PANEL] */
    const int32_t *sums; /* [out padded]: sum of w over k */
    const float *bias;   /* [out padded] */
    size_t out, in;
};

/* Rows of activations; memory is the caller's. */
struct quant_rows {
    uint8_t *q;    /* [rows, quant_stride(in)], zeros at the ends */
    float *scale;  /* [rows] */
    int32_t *zero; /* [rows] */
    size_t stride; /* quant_stride(in) of what is there now */
};

/* in, padded to whole dot products; out, padded to whole panels. */
static inline size_t quant_stride(size_t in)
{
    return (in + 3) / 4 * 4;
}

static inline size_t quant_padded(size_t out)
{
    return (out + QUANT_PANEL - 1) / QUANT_PANEL * QUANT_PANEL;
}

/* Bytes of packed weights. */
static inline size_t quant_packed_bytes(size_t out, size_t in)
{
    return quant_padded(out) * quant_stride(in);
}

/* Quantises one row of weights [in]: w <- [in], returns its scale. */
float quant_row(int8_t *w, const float *row, size_t in);

/* Puts row n, w [in], in its place among the packed weights (zeroed before); returns its sum. */
int32_t quant_pack_row(int8_t *packed, size_t n, const int8_t *w, size_t in);

/* y [T, out] (rows ldy apart) = x [T, in] times w' [in, out] plus bias. */
typedef void quant_product(float *y, size_t ldy, const struct quant_rows *x, size_t T,
                           const struct quant_weights *w);

#endif
