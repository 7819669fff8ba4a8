/* block.h - one physical block: attention, conv module (if it has one), feed-forward, pre-norm. */
#ifndef BLOCK_H
#define BLOCK_H

#include "model.h"

/* Rotary tables, cos and sin [T, rope_dims / 2]. */
struct block_rope {
    const float *cos, *sin;
};

/* Floats of scratch that block_run needs for T frames. */
size_t block_scratch(const struct fold_model *model, size_t T);

/* x [T, d] <- block(x), as in unfold r (0-based) of a shared block; r is 0 for unique ones. */
void block_run(const struct fold_model *model, const struct model_block *block, uint32_t r,
               float *x, size_t T, const struct block_rope *rope, float *scratch);

#endif
