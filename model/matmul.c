/* matmul.c - fp32 GEMM by OpenBLAS.
 *
 * BLAS does not allow rows that overlap (ldx < in), but a sum over columns may be cut anywhere:
 * where rows overlap, ldx columns at a time are multiplied and accumulated. A convolution of 7
 * frames every 3 is three products of widths 3, 3 and 1 frames. */
#include "matmul.h"

#include <cblas.h>

void matmul_rows(float *y, size_t ldy, const float *x, size_t ldx, size_t T,
                 const struct model_linear *lin)
{
    const size_t step = ldx < lin->in ? ldx : lin->in;
    for (size_t k = 0; k < lin->in; k += step) {
        const size_t width = lin->in - k < step ? lin->in - k : step;
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)T, (blasint)lin->out,
                    (blasint)width, 1.0f, x + k, (blasint)ldx, lin->w + k, (blasint)lin->in,
                    k ? 1.0f : 0.0f, y, (blasint)ldy);
    }
}
