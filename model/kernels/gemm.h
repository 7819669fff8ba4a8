/* gemm.h - the int8 product, one for each level of vec.h; called through kernels.h. */
#ifndef GEMM_H
#define GEMM_H

#include "quant.h"

quant_product gemm_baseline, gemm_avx2, gemm_avxvnni, gemm_avx512, gemm_amx, gemm_sdot, gemm_i8mm;

#endif
