/* matmul.h - the one GEMM shape that the engine needs, with shapes said once. */
#ifndef MATMUL_H
#define MATMUL_H

#include "model.h"

/* y [T, out] (rows ldy apart) = x [T, in] (rows ldx apart) times w' [in, out]; the bias is left
 * to whatever follows. Rows of x may overlap (ldx < in): that is how convolutions are done. */
void matmul_rows(float *y, size_t ldy, const float *x, size_t ldx, size_t T,
                 const struct model_linear *lin);

#endif
