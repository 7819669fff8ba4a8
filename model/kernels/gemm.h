/* gemm.h - the int8 product, one for each level of vec.h; called through kernels.h. */
#ifndef GEMM_H
#define GEMM_H

#include "quant.h"

/* y [T, out] (rows ldy apart) = x [T, in] times w' [in, out] plus bias. */
typedef void gemm_function(float *y, size_t ldy, const struct quant_rows *x, size_t T,
                           const struct quant_weights *w);
gemm_function gemm_baseline, gemm_avx2, gemm_avxvnni, gemm_avx512, gemm_amx;

#endif
