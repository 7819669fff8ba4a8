/* matmul.c - fp32 GEMM by OpenBLAS. */
#include "matmul.h"

#include <cblas.h>

void matmul_rows(float *y, size_t ldy, const float *x, size_t ldx, size_t T,
                 const struct model_linear *lin)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)T, (blasint)lin->out,
                (blasint)lin->in, 1.0f, x, (blasint)ldx, lin->w, (blasint)lin->in, 0.0f, y,
                (blasint)ldy);
}
