/* block.c - x + s0 attention(norm(x)); x + s1 conv(norm(x)); x + s2 ffn(norm(x)). Or, where the
 * seed has norms behind: norm(x + s0 attention(x)) and so on.
 *
 * The weights are the same in every unfold; gains, biases, the scales s and adapters, which add
 * up(down(x)) to a product, are rows of the unfold's own. That is what lets streams at different
 * unfolds share one product: rows of all streams, one after the other, are cut into slabs of some
 * dozen rows, and a slab goes through everything between two exchanges among frames (attention,
 * depthwise convolution) while it is in the cache. Only what such an exchange needs is kept for all
 * T frames: q, k and v. */
#include "block.h"

#include <string.h>

#include "arena.h"
#include "attention.h"
#include "matmul.h"

#define SLAB_INT8 48  /* rows of a slab; x ffn floats of it fit the second cache */
#define SLAB_FP32 384 /* OpenBLAS packs the weights anew for every product */

struct scratch {
    float *h, *y; /* [slab, d] */
    float *wide;  /* [slab, greater of ffn and 2d] */
    struct matmul_rows rows;
    /* Of adapters: [slab, low_rank], [slab, greater of ffn and d] */
    float *low, *high;
    struct matmul_rows low_rows;
    void *attention;
};

/* Consecutive rows of one stream, from frame t on, that are rows at .. of a slab. */
struct piece {
    const struct block_stream *s;
    size_t t, rows, at;
};

struct slab {
    const struct block_stream *const *streams;
    size_t streams_left, room, t; /* t: next frame of streams[0] */
    size_t rows, pieces_count;
    struct piece pieces[SLAB_FP32];
};

static size_t slab_room(const struct fold_model *m)
{
    return m->info.precision == FOLD_INT8 ? SLAB_INT8 : SLAB_FP32;
}

static void slab_begin(struct slab *s, const struct fold_model *m,
                       const struct block_stream *const *streams, size_t count)
{
    s->streams = streams;
    s->streams_left = count;
    s->room = slab_room(m);
    s->t = 0;
}

/* The next rows of the streams; false when there are none. */
static bool slab_next(struct slab *s)
{
    s->rows = s->pieces_count = 0;
    while (s->streams_left && s->rows < s->room) {
        const struct block_stream *stream = *s->streams;
        const size_t left = stream->T - s->t, room = s->room - s->rows;
        const size_t rows = left < room ? left : room;
        if (rows)
            s->pieces[s->pieces_count++] = (struct piece){stream, s->t, rows, s->rows};
        s->rows += rows;
        s->t += rows;
        if (s->t == stream->T) {
            s->streams++;
            s->streams_left--;
            s->t = 0;
        }
    }
    return s->rows > 0;
}

static size_t lay_out(struct scratch *s, const struct fold_model *m, size_t T, void *base)
{
    const size_t d = m->info.d, wide = m->ffn > 2 * d ? m->ffn : 2 * d, rows = slab_room(m);
    struct arena at = {base, 0};
    s->h = arena_take(&at, rows * d * sizeof(float));
    s->y = arena_take(&at, rows * d * sizeof(float));
    s->wide = arena_take(&at, rows * wide * sizeof(float));
    matmul_allocate(&s->rows, m, rows, m->ffn > d ? m->ffn : d, &at);
    const size_t low = m->low_rank, high = m->ffn > d ? m->ffn : d;
    s->low = arena_take(&at, rows * low * sizeof(float));
    s->high = arena_take(&at, low ? rows * high * sizeof(float) : 0);
    matmul_allocate(&s->low_rows, m, rows, low, &at);
    s->attention = arena_take(&at, attention_bytes(m, T));
    return at.used;
}

size_t block_bytes(const struct fold_model *m, size_t T)
{
    struct scratch s;
    return lay_out(&s, m, T, NULL);
}

/* h <- norm of a piece's rows, as its row of gains and biases wants it. */
static void norm(const struct scratch *s, const struct fold_model *m, const struct piece *p,
                 const struct model_norm *n)
{
    const size_t d = m->info.d;
    m->kernels->norm(s->h + p->at * d, p->s->x + p->t * d, n->gain + p->s->r * d,
                     n->bias ? n->bias + p->s->r * d : NULL, p->rows, d);
}

/* What a sub-layer hears: the slab's rows, normalised where norms stand before, made ready for
 * products. */
static void take(struct scratch *s, const struct fold_model *m, const struct slab *slab,
                 const struct model_norm *n)
{
    const size_t d = m->info.d;
    for (size_t i = 0; i < slab->pieces_count; i++) {
        const struct piece *p = &slab->pieces[i];
        if (m->post_norm)
            memcpy(s->h + p->at * d, p->s->x + p->t * d, p->rows * d * sizeof(float));
        else
            norm(s, m, p, n);
    }
    matmul_take(&s->rows, m, s->h, d, slab->rows, d);
}

/* x += scale of sub-layer 0, 1 or 2, times y; then its norm, where norms stand behind. */
static void add(const struct scratch *s, const struct fold_model *m, const struct model_block *b,
                const struct slab *slab, size_t sublayer, const struct model_norm *n)
{
    const size_t d = m->info.d;
    for (size_t i = 0; i < slab->pieces_count; i++) {
        const struct piece *p = &slab->pieces[i];
        m->kernels->residual(p->s->x + p->t * d, s->y + p->at * d,
                             b->scale ? b->scale + (3 * p->s->r + sublayer) * d : NULL, p->rows, d);
        if (!m->post_norm)
            continue;
        norm(s, m, p, n);
        memcpy(p->s->x + p->t * d, s->h + p->at * d, p->rows * d * sizeof(float));
    }
}

/* y [rows, out] = the slab's rows times one of the block's matrices, with what a row's adapter
 * adds. */
static void product(struct scratch *s, const struct fold_model *m, const struct model_block *b,
                    const struct slab *slab, const struct model_linear *lin, enum model_part part,
                    float *y)
{
    matmul(y, lin->out, &s->rows, lin, m);
    for (size_t i = 0; b->adapters && i < slab->pieces_count; i++) {
        const struct piece *p = &slab->pieces[i];
        const struct model_adapter *a = &b->adapters[p->s->r * MODEL_PARTS + part];
        const struct matmul_rows rows = matmul_some(&s->rows, p->at, p->rows);
        if (!a->down.out)
            continue;
        matmul(s->low, a->down.out, &rows, &a->down, m);
        matmul_take(&s->low_rows, m, s->low, a->down.out, p->rows, a->down.out);
        matmul(s->high, lin->out, &s->low_rows, &a->up, m);
        m->kernels->residual(y + p->at * lin->out, s->high, NULL, p->rows, lin->out);
    }
}

static void project(struct scratch *s, const struct fold_model *m, const struct model_block *b,
                    const struct slab *slab)
{
    const size_t d = m->info.d, heads = m->info.heads, half = m->rope_dims / 2;
    const struct model_linear *parts[] = {&b->q, &b->k, &b->v};
    take(s, m, slab, &b->norm_attn);
    for (int part = MODEL_Q; part <= MODEL_V; part++) {
        const bool shared = slab->pieces_count > 1;
        if (shared)
            product(s, m, b, slab, parts[part], (enum model_part)part, s->y);
        for (size_t i = 0; i < slab->pieces_count; i++) {
            const struct piece *p = &slab->pieces[i];
            const size_t place = p->s->past + p->t;
            float *to = part == MODEL_Q   ? p->s->q + p->t * d
                        : part == MODEL_K ? p->s->k + place * d
                                          : p->s->v + place * d;
            if (shared)
                memcpy(to, s->y + p->at * d, p->rows * d * sizeof *to);
            else
                product(s, m, b, slab, parts[part], (enum model_part)part, to);
            if (half && (part == MODEL_Q || (part == MODEL_K && !p->s->cache)))
                m->kernels->rotate(to, p->s->cos + place * half, p->s->sin + place * half, p->rows,
                                   heads, d / heads, half);
        }
    }
}

/* Keys and values of the frames before join those of the chunk. */
static void remember(const struct fold_model *m, const struct block_stream *s)
{
    const size_t d = m->info.d, heads = m->info.heads;
    cache_load(s->cache, m, s->k, s->v);
    if (s->keeps)
        cache_keep(s->cache, m, s->k + s->past * d, s->v + s->past * d, s->T);
    m->kernels->rotate(s->k, s->cos, s->sin, s->past + s->T, heads, d / heads, m->rope_dims / 2);
}

/* Frames before the chunk that its convolution sees. */
static size_t gates_before(const struct fold_model *m, const struct block_stream *s)
{
    return cache_gates(m, s->past);
}

/* The result of attention is in q. */
static void add_attention(struct scratch *s, const struct fold_model *m,
                          const struct model_block *b, const struct slab *slab)
{
    const size_t d = m->info.d;
    const float *mixed = slab->pieces[0].s->q + slab->pieces[0].t * d;
    for (size_t i = 0; slab->pieces_count > 1 && i < slab->pieces_count; i++) {
        const struct piece *p = &slab->pieces[i];
        memcpy(s->h + p->at * d, p->s->q + p->t * d, p->rows * d * sizeof(float));
        mixed = s->h;
    }
    matmul_take(&s->rows, m, mixed, d, slab->rows, d);
    product(s, m, b, slab, &b->o, MODEL_O, s->y);
    add(s, m, b, slab, 0, &b->norm_attn);
}

/* Conformer's module up to its exchange among frames: pointwise and GLU, into k. */
static void gate(struct scratch *s, const struct fold_model *m, const struct model_block *b,
                 const struct slab *slab)
{
    const size_t d = m->info.d;
    take(s, m, slab, &b->norm_conv);
    matmul(s->wide, 2 * d, &s->rows, &b->pw1, m);
    for (size_t i = 0; i < slab->pieces_count; i++) {
        const struct piece *p = &slab->pieces[i];
        m->kernels->glu(p->s->k + (gates_before(m, p->s) + p->t) * d, s->wide + p->at * 2 * d,
                        p->rows, d);
    }
}

/* The rest of it: depthwise, norm, SiLU, pointwise. */
static void add_conv(struct scratch *s, const struct fold_model *m, const struct model_block *b,
                     const struct slab *slab)
{
    const size_t d = m->info.d;
    for (size_t i = 0; i < slab->pieces_count; i++) {
        const struct piece *p = &slab->pieces[i];
        const size_t before = gates_before(m, p->s);
        m->kernels->depthwise(s->y + p->at * d, p->s->k, b->dw, b->dw_bias, before + p->t, p->rows,
                              before + p->s->T, d, m->conv_kernel);
    }
    m->kernels->norm(s->h, s->y, b->conv_gain, b->conv_bias, slab->rows, d);
    m->kernels->silu(s->h, slab->rows * d);
    matmul_take(&s->rows, m, s->h, d, slab->rows, d);
    matmul(s->y, d, &s->rows, &b->pw2, m);
    add(s, m, b, slab, 1, &b->norm_conv);
}

static void add_ffn(struct scratch *s, const struct fold_model *m, const struct model_block *b,
                    const struct slab *slab)
{
    take(s, m, slab, &b->norm_ffn);
    product(s, m, b, slab, &b->fc1, MODEL_FC1, s->wide);
    m->kernels->gelu(s->wide, slab->rows * m->ffn);
    matmul_take(&s->rows, m, s->wide, m->ffn, slab->rows, m->ffn);
    product(s, m, b, slab, &b->fc2, MODEL_FC2, s->y);
    add(s, m, b, slab, 2, &b->norm_ffn);
}

void block_run(const struct fold_model *m, const struct model_block *b,
               const struct block_stream *const *streams, size_t count, void *scratch)
{
    struct scratch s;
    struct slab slab;
    size_t longest = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t T = streams[i]->past + streams[i]->T;
        longest = T > longest ? T : longest;
    }
    lay_out(&s, m, longest, scratch);
    for (slab_begin(&slab, m, streams, count); slab_next(&slab);)
        project(&s, m, b, &slab);
    for (size_t i = 0; i < count; i++) {
        const struct block_stream *stream = streams[i];
        if (stream->cache)
            remember(m, stream);
        attention_run(m, stream->q, stream->T, stream->k, stream->v, stream->past + stream->T,
                      s.attention);
    }
    if (b->pw1.out) {
        for (size_t i = 0; i < count; i++) /* attention is done with k */
            if (streams[i]->past)
                memcpy(streams[i]->k, streams[i]->cache->gates,
                       gates_before(m, streams[i]) * m->info.d * sizeof(float));
        for (slab_begin(&slab, m, streams, count); slab_next(&slab);) {
            add_attention(&s, m, b, &slab);
            gate(&s, m, b, &slab);
        }
        for (size_t i = 0; i < count; i++)
            if (streams[i]->keeps)
                cache_keep_gates(streams[i]->cache, m, streams[i]->k,
                                 gates_before(m, streams[i]) + streams[i]->T);
        for (slab_begin(&slab, m, streams, count); slab_next(&slab);) {
            add_conv(&s, m, b, &slab);
            add_ffn(&s, m, b, &slab);
        }
    } else {
        for (slab_begin(&slab, m, streams, count); slab_next(&slab);) {
            add_attention(&s, m, b, &slab);
            add_ffn(&s, m, b, &slab);
        }
    }
}
