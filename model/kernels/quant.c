/* quant.c - packing weights when a seed is opened. */
#include "quant.h"

#include <math.h>

float quant_row(int8_t *w, const float *row, size_t in)
{
    float largest = 0;
    for (size_t k = 0; k < in; k++)
        largest = fmaxf(largest, fabsf(row[k]));
    const float scale = largest > 0 ? largest / 127 : 1;
    for (size_t k = 0; k < in; k++)
        w[k] = (int8_t)lrintf(row[k] / scale);
    return scale;
}

int32_t quant_pack_row(int8_t *packed, size_t n, const int8_t *w, size_t in)
{
    int8_t *to = packed + n / QUANT_PANEL * QUANT_PANEL * quant_stride(in) + n % QUANT_PANEL * 4;
    int32_t sum = 0;
    for (size_t k = 0; k < in; k++) {
        to[k / 4 * (4 * QUANT_PANEL) + k % 4] = w[k];
        sum += w[k];
    }
    return sum;
}
