/* cache.c - the last frames of a layer, the oldest first. */
#include "cache.h"

#include <string.h>

static size_t row_bytes(const struct fold_model *m)
{
    return m->info.precision == FOLD_INT8 ? kernels_row_bytes(m->info.d)
                                          : m->info.d * sizeof(float);
}

void cache_allocate(struct cache *c, const struct fold_model *m, bool conv, struct arena *at)
{
    const size_t bytes = m->info.left_frames * row_bytes(m);
    c->kept = 0;
    c->k = arena_take(at, bytes);
    c->v = arena_take(at, bytes);
    c->gates = conv ? arena_take(at, m->conv_kernel / 2 * m->info.d * sizeof(float)) : NULL;
}

void cache_load(const struct cache *c, const struct fold_model *m, float *k, float *v)
{
    if (m->info.precision == FOLD_INT8) {
        m->kernels->widen(k, c->k, c->kept, m->info.d);
        m->kernels->widen(v, c->v, c->kept, m->info.d);
        return;
    }
    memcpy(k, c->k, c->kept * row_bytes(m));
    memcpy(v, c->v, c->kept * row_bytes(m));
}

void cache_keep(struct cache *c, const struct fold_model *m, const float *k, const float *v,
                size_t T)
{
    const size_t bytes = row_bytes(m), d = m->info.d, most = m->info.left_frames;
    const size_t fresh = T < most ? T : most;
    const size_t old = c->kept < most - fresh ? c->kept : most - fresh;
    unsigned char *const to[] = {c->k, c->v};
    const float *const from[] = {k + (T - fresh) * d, v + (T - fresh) * d};
    for (int i = 0; i < 2; i++) {
        memmove(to[i], to[i] + (c->kept - old) * bytes, old * bytes);
        if (m->info.precision == FOLD_INT8)
            m->kernels->shrink(to[i] + old * bytes, from[i], fresh, d);
        else
            memcpy(to[i] + old * bytes, from[i], fresh * bytes);
    }
    c->kept = old + fresh;
}

size_t cache_gates(const struct fold_model *m, size_t kept)
{
    const size_t half = m->conv_kernel / 2;
    return kept < half ? kept : half;
}

void cache_keep_gates(struct cache *c, const struct fold_model *m, const float *gates, size_t T)
{
    const size_t kept = cache_gates(m, T), d = m->info.d;
    memcpy(c->gates, gates + (T - kept) * d, kept * d * sizeof *gates);
}
