/* block.h - one physical block: attention, conv module (if it has one), feed-forward; norms before
 * each, or behind. */
#ifndef BLOCK_H
#define BLOCK_H

#include "cache.h"

/* One stream in a block. Streams of different lengths, at different unfolds, go through it
 * together: their rows share the matrix products, attention and convolution see one stream. */
struct block_stream {
    float *x; /* [T, d], what the block works on */
    size_t T;
    uint32_t r;             /* unfold, 0-based; 0 in unique blocks */
    const float *cos, *sin; /* rotary tables [past + T, rope_dims / 2] */
    float *q, *k, *v;       /* [T, d], [past + T, d], [past + T, d]: scratch */
    /* Of a stream that is heard in chunks: what this layer remembers of the frames before, as many
     * as are past; keeps: these T are remembered as well. Else NULL, 0. */
    struct cache *cache;
    size_t past;
    bool keeps;
};

/* Bytes of scratch that block_run needs when no stream is longer than T, past included. */
size_t block_bytes(const struct fold_model *model, size_t T);

/* x <- block(x) for every stream. With int8 a stream's result has the same bits whatever its
 * companions; with fp32 OpenBLAS may round differently in products of other sizes. */
void block_run(const struct fold_model *model, const struct model_block *block,
               const struct block_stream *const *streams, size_t count, void *scratch);

#endif
