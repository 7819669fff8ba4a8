/* cache.h - what a stream remembers of its last frames in one logical layer: keys, values, and what
 * the convolution needs. With int8 in bytes, a scale for every KERNELS_GROUP of them, with fp32 as
 * they are.
 *
 * Keys are kept before their rotation, and rotated anew by their place among those that are heard
 * together: so a stream may be endless. */
#ifndef CACHE_H
#define CACHE_H

#include "arena.h"
#include "weights.h"

struct cache {
    size_t kept;          /* frames, the latest ones in a row */
    unsigned char *k, *v; /* [left, cache_row_bytes] */
    float *gates;         /* [conv_kernel / 2, d]; NULL: a layer without convolution */
};

/* Room for left frames; empty. */
void cache_allocate(struct cache *cache, const struct fold_model *model, bool conv,
                    struct arena *at);

/* k, v [kept, d] as they were kept. */
void cache_load(const struct cache *cache, const struct fold_model *model, float *k, float *v);

/* The next k, v [T, d], which push out the oldest. */
void cache_keep(struct cache *cache, const struct fold_model *model, const float *k, const float *v,
                size_t T);

/* Frames of gates that are kept in a cache that keeps `kept` frames of keys. */
size_t cache_gates(const struct fold_model *model, size_t kept);

/* The last of gates [T, d], with those before them. */
void cache_keep_gates(struct cache *cache, const struct fold_model *model, const float *gates,
                      size_t T);

#endif
