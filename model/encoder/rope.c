/* rope.c - position times base^(-2i / rope_dims), in double: positions may be large. */
#include "rope.h"

#include <math.h>

void rope_fill(float *ret_cos, float *ret_sin, size_t T, const struct fold_model *model)
{
    const size_t half = model->rope_dims / 2;
    for (size_t i = 0; i < half; i++) {
        const double step = pow(model->rope_base, -(double)i / (double)half);
        for (size_t t = 0; t < T; t++) {
            ret_cos[t * half + i] = (float)cos((double)t * step);
            ret_sin[t * half + i] = (float)sin((double)t * step);
        }
    }
}
