/* matmul.h - the one product that the network needs, in the precision of the weights. */
#ifndef MATMUL_H
#define MATMUL_H

#include "arena.h"
#include "quant.h"
#include "weights.h"

/* Rows of activations, ready to be multiplied by several matrices: as they are, or quantised. */
struct matmul_rows {
    const float *f;
    size_t ld, T;
    struct quant_rows q; /* unused in fp32 */
};

/* Room for T rows of up to n floats. */
void matmul_allocate(struct matmul_rows *rows, const struct fold_model *model, size_t T, size_t n,
                     struct arena *at);

/* Makes x [T, n], rows ldx apart, the rows of later products. Rows may overlap (ldx < n): that is
 * how convolutions are done. x must outlive them in fp32. */
void matmul_take(struct matmul_rows *rows, const struct fold_model *model, const float *x,
                 size_t ldx, size_t T, size_t n);

/* Rows first .. first + count of them. */
struct matmul_rows matmul_some(const struct matmul_rows *rows, size_t first, size_t count);

/* y [T, out], rows ldy apart, = rows times w' plus bias. */
void matmul(float *y, size_t ldy, const struct matmul_rows *rows, const struct model_linear *lin,
            const struct fold_model *model);

/* The same in fp32 whatever the model's precision, for matrices that are kept as floats. */
void matmul_float(float *y, size_t ldy, const float *x, size_t ldx, size_t T,
                  const struct model_linear *lin);

#endif
