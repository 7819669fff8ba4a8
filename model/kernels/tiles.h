/* tiles.h - gemm.h's product for many rows, where the CPU has registers of 1 KB (AMX). */
#ifndef TILES_H
#define TILES_H

#include "quant.h"

/* As quant_product. The process must have been allowed to use tiles (cpu.c). T >= 1. */
quant_product tiles_gemm;

#endif
