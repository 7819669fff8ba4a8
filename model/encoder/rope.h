/* rope.h - angles of the rotary embedding, for the encoder's frames and the decoder's pieces. */
#ifndef ROPE_H
#define ROPE_H

#include "weights.h"

/* cos, sin [T, rope_dims / 2] of positions 0 .. T - 1. */
void rope_fill(float *ret_cos, float *ret_sin, size_t T, const struct fold_model *model);

#endif
