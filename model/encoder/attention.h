/* attention.h - softmax(q k' / sqrt(width)) v for one stream, in the model's precision. */
#ifndef ATTENTION_H
#define ATTENTION_H

#include "weights.h"

/* Bytes of scratch for T frames of keys; it grows with T, not with T squared. */
size_t attention_bytes(const struct fold_model *model, size_t T);

/* qy [rows, d]: queries, already rotated, become the result. k, v [T, d], rows <= T. */
void attention_run(const struct fold_model *model, float *qy, size_t rows, const float *k,
                   const float *v, size_t T, void *scratch);

#endif
