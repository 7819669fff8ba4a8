/* aed.c - pre-norm layers: causal self-attention (rotary), attention over the frames, gated FFN.
 *
 * The frames are the encoder's under the exit's norm, which all depths share. Their keys and
 * values are computed once an utterance and, in int8, packed once (attend.c); those of pieces are
 * kept as they come, in floats: there are few. A pass costs one walk through all weights (14 MB in
 * the shipped shape), which lie in the third cache at best, so a dozen rows cost little more than
 * one, whosever they are.
 *
 * A seed may write a shallow depth with some of its layers. Utterances of several depths then go
 * through them side by side, as runs through their blocks (run.c): the one with the most layers
 * before it says which is next, and those whose next layer is the same come along. */
#include "aed.h"

#include <string.h>

#include "rope.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Keys in a row, as attend_behind wants them. */
static size_t padded(size_t count)
{
    return (count + 15) / 16 * 16;
}

static size_t heard_bytes(const struct fold_model *m, size_t T)
{
    const size_t d = m->info.d, heads = m->info.heads;
    return m->info.precision == FOLD_INT8 ? m->kernels->attend_packed_bytes(T, heads, d / heads)
                                          : (padded(T) + T) * d * sizeof(float);
}

void aed_workspace_allocate(struct aed_workspace *workspace, const struct fold_model *m,
                            size_t most_frames, size_t most_pieces, size_t together,
                            struct arena *at)
{
    const size_t d = m->info.d, half = m->rope_dims / 2, ffn = m->decoder.ffn;
    const size_t rows = together * AED_ROWS;
    *workspace = (struct aed_workspace){.model = m};
    workspace->cos = arena_take(at, most_pieces * half * sizeof(float));
    workspace->sin = arena_take(at, most_pieces * half * sizeof(float));
    workspace->memory = arena_take(at, most_frames * d * sizeof(float));
    workspace->k = arena_take(at, most_frames * d * sizeof(float));
    workspace->v = arena_take(at, most_frames * d * sizeof(float));
    workspace->x = arena_take(at, rows * d * sizeof(float));
    workspace->h = arena_take(at, rows * d * sizeof(float));
    workspace->y = arena_take(at, rows * d * sizeof(float));
    workspace->q = arena_take(at, rows * d * sizeof(float));
    workspace->w = arena_take(at, rows * d * sizeof(float));
    workspace->wide = arena_take(at, rows * 2 * ffn * sizeof(float));
    workspace->gated = arena_take(at, rows * ffn * sizeof(float));
    workspace->scores =
        arena_take(at, KERNELS_QUERIES * padded(larger(most_frames, most_pieces)) * sizeof(float));
    workspace->logits = arena_take(at, rows * (size_t)m->info.pieces * sizeof(float));
    matmul_allocate(&workspace->frame_rows, m, most_frames, d, at);
    matmul_allocate(&workspace->taken, m, rows, larger(ffn, d), at);
    workspace->scratch = arena_take(at, m->kernels->attend_over_bytes(d / m->info.heads));
    if (at->base)
        rope_fill(workspace->cos, workspace->sin, most_pieces, m);
}

void aed_allocate(struct aed *a, struct aed_workspace *workspace, const struct fold_model *m,
                  size_t most_frames, size_t most_pieces, struct arena *at)
{
    const size_t d = m->info.d, layers = m->decoder.longest;
    const size_t ld = padded(most_pieces);
    *a = (struct aed){
        .workspace = workspace, .most_frames = most_frames, .most_pieces = most_pieces, .ld = ld};
    a->heard_bytes = (heard_bytes(m, most_frames) + 63) / 64 * 64;
    a->keys = arena_take(at, layers * d * ld * sizeof(float));
    a->values = arena_take(at, layers * most_pieces * d * sizeof(float));
    a->heard = arena_take(at, layers * a->heard_bytes);
}

void aed_hear(struct aed *a, const float *x, size_t T, uint32_t depth)
{
    struct aed_workspace *workspace = a->workspace;
    const struct fold_model *m = workspace->model;
    const size_t d = m->info.d, heads = m->info.heads;
    a->T = T;
    a->writing = &m->decoder.depths[depth - 1];
    m->kernels->norm(workspace->memory, x, m->exit_norm.gain, m->exit_norm.bias, T, d);
    matmul_take(&workspace->frame_rows, m, workspace->memory, d, T, d);
    for (size_t i = 0; i < a->writing->count; i++) {
        const struct model_heads *cross = &a->writing->layers[i]->cross;
        unsigned char *heard = a->heard + i * a->heard_bytes;
        matmul(workspace->k, d, &workspace->frame_rows, &cross->k, m);
        if (m->info.precision == FOLD_INT8) {
            matmul(workspace->v, d, &workspace->frame_rows, &cross->v, m);
            m->kernels->attend_pack(heard, workspace->k, workspace->v, T, heads, d / heads);
            continue;
        }
        const size_t ld = padded(T);
        float *keys = (float *)(void *)heard, *values = keys + d * ld;
        matmul(values, d, &workspace->frame_rows, &cross->v, m);
        for (size_t t = 0; t < T; t++)
            for (size_t c = 0; c < d; c++)
                keys[c * ld + t] = workspace->k[t * d + c];
    }
}

/* x [rows, d] */
static void embed(const struct fold_model *m, float *x, const uint32_t *pieces, size_t rows)
{
    const struct model_decoder *dec = &m->decoder;
    const size_t d = m->info.d;
    for (size_t row = 0; row < rows; row++, x += d) {
        const size_t piece = pieces[row];
        if (!dec->embed_bytes) {
            memcpy(x, dec->embed.w + piece * d, d * sizeof *x);
            continue;
        }
        for (size_t i = 0; i < d; i++)
            x[i] = dec->embed_scale[piece] * dec->embed_bytes[piece * d + i];
    }
}

/* Those of a reading that go through one layer together; their rows follow each other in h, y, q, w
 * and so on. */
struct group {
    struct aed_workspace *workspace;
    const struct aed_lines *lines[FOLD_AED_MANY];
    size_t count, rows;
};

/* The rows of line n, made ready for products with all others. */
static void normalise(const struct group *g, size_t n, size_t at, const float *gain)
{
    const struct fold_model *m = g->workspace->model;
    const size_t d = m->info.d;
    m->kernels->norm(g->workspace->h + at * d, g->lines[n]->aed->x, gain, NULL, g->lines[n]->rows,
                     d);
}

static void take_norm(const struct group *g, const struct model_norm *norm)
{
    const size_t d = g->workspace->model->info.d;
    for (size_t n = 0, at = 0; n < g->count; at += g->lines[n++]->rows)
        normalise(g, n, at, norm->gain);
    matmul_take(&g->workspace->taken, g->workspace->model, g->workspace->h, d, g->rows, d);
}

/* x += y */
static void add(const struct group *g)
{
    const struct fold_model *m = g->workspace->model;
    const size_t d = m->info.d;
    for (size_t n = 0, at = 0; n < g->count; at += g->lines[n++]->rows)
        m->kernels->residual(g->lines[n]->aed->x, g->workspace->y + at * d, NULL, g->lines[n]->rows,
                             d);
}

/* x += o(q), q the result of an attention */
static void add_attention(const struct group *g, const struct model_heads *h)
{
    struct aed_workspace *workspace = g->workspace;
    const size_t d = workspace->model->info.d;
    matmul_take(&workspace->taken, workspace->model, workspace->q, d, g->rows, d);
    matmul(workspace->y, d, &workspace->taken, &h->o, workspace->model);
    add(g);
}

/* Of one utterance, q [rows, d] queries, then results, and k, v [rows, d] of its new pieces:
 * attention over the pieces up to each row's own. */
static void look_at_pieces(const struct aed_lines *l, float *q, float *k, const float *v)
{
    const struct aed *a = l->aed;
    const struct aed_workspace *workspace = a->workspace;
    const struct fold_model *m = workspace->model;
    const size_t d = m->info.d, heads = m->info.heads, half = m->rope_dims / 2;
    const float *cos = workspace->cos + l->at * half, *sin = workspace->sin + l->at * half;
    float *keys = a->keys + a->next * d * a->ld, *values = a->values + a->next * a->most_pieces * d;
    m->kernels->rotate(q, cos, sin, l->rows, heads, d / heads, half);
    m->kernels->rotate(k, cos, sin, l->rows, heads, d / heads, half);
    for (size_t c = 0; c < d; c++)
        for (size_t row = 0; row < l->rows; row++)
            keys[c * a->ld + l->at + row] = k[row * d + c];
    memcpy(values + l->at * d, v, l->rows * d * sizeof *values);
    m->kernels->attend_behind(q, l->rows, keys, a->ld, values, l->at + 1, heads, d / heads,
                              workspace->scores);
}

/* Attention of each over its pieces. */
static void look_back(const struct group *g, const struct model_layer *layer)
{
    struct aed_workspace *workspace = g->workspace;
    const struct fold_model *m = workspace->model;
    const size_t d = m->info.d;
    take_norm(g, &layer->norm_self);
    matmul(workspace->q, d, &workspace->taken, &layer->self.q, m);
    matmul(workspace->y, d, &workspace->taken, &layer->self.k, m);
    matmul(workspace->w, d, &workspace->taken, &layer->self.v, m);
    for (size_t n = 0, at = 0; n < g->count; at += g->lines[n++]->rows * d)
        look_at_pieces(g->lines[n], workspace->q + at, workspace->y + at, workspace->w + at);
    add_attention(g, &layer->self);
}

/* Of one utterance, q [rows, d] queries, then results: attention over all of its frames. */
static void look_at_frames(const struct aed_lines *l, float *q)
{
    const struct aed *a = l->aed;
    const struct fold_model *m = a->workspace->model;
    const size_t d = m->info.d, heads = m->info.heads;
    const unsigned char *heard = a->heard + a->next * a->heard_bytes;
    if (m->info.precision == FOLD_INT8) {
        m->kernels->attend_over(q, l->rows, heard, a->T, heads, d / heads, a->workspace->scratch);
        return;
    }
    const size_t ld = padded(a->T);
    const float *keys = (const float *)(const void *)heard, *values = keys + d * ld;
    for (size_t row = 0; row < l->rows; row++)
        m->kernels->attend_behind(q + row * d, 1, keys, ld, values, a->T, heads, d / heads,
                                  a->workspace->scores);
}

/* Attention of each over its frames. */
static void listen(const struct group *g, const struct model_layer *layer)
{
    struct aed_workspace *workspace = g->workspace;
    const size_t d = workspace->model->info.d;
    take_norm(g, &layer->norm_cross);
    matmul(workspace->q, d, &workspace->taken, &layer->cross.q, workspace->model);
    for (size_t n = 0, at = 0; n < g->count; at += g->lines[n++]->rows * d)
        look_at_frames(g->lines[n], workspace->q + at);
    add_attention(g, &layer->cross);
}

static void feed_forward(const struct group *g, const struct model_layer *layer)
{
    struct aed_workspace *workspace = g->workspace;
    const struct fold_model *m = workspace->model;
    const size_t d = m->info.d, ffn = m->decoder.ffn;
    take_norm(g, &layer->norm_ffn);
    matmul(workspace->wide, 2 * ffn, &workspace->taken, &layer->up, m);
    m->kernels->swiglu(workspace->gated, workspace->wide, g->rows, ffn);
    matmul_take(&workspace->taken, m, workspace->gated, ffn, g->rows, ffn);
    matmul(workspace->y, d, &workspace->taken, &layer->down, m);
    add(g);
}

/* Layers that are before an utterance. */
static size_t left(const struct aed *a)
{
    return a->writing->count - a->next;
}

/* The lines whose next layer is the next of the one with the most layers before it; NULL: all are
 * through. */
static const struct model_layer *gather(struct group *g, const struct aed_lines *lines,
                                        size_t count)
{
    const struct aed *longest = lines[0].aed;
    for (size_t n = 1; n < count; n++)
        longest = left(lines[n].aed) > left(longest) ? lines[n].aed : longest;
    if (!left(longest))
        return NULL;
    const struct model_layer *layer = longest->writing->layers[longest->next];
    g->count = g->rows = 0;
    for (size_t n = 0; n < count; n++) {
        const struct aed *a = lines[n].aed;
        if (!left(a) || a->writing->layers[a->next] != layer)
            continue;
        g->lines[g->count++] = &lines[n];
        g->rows += lines[n].rows;
    }
    return layer;
}

/* What follows each row, behind the last norm of its depth. */
static void conclude(struct group *g, struct aed_lines *lines, size_t count)
{
    struct aed_workspace *workspace = g->workspace;
    const struct fold_model *m = workspace->model;
    g->count = g->rows = 0;
    for (size_t n = 0; n < count; n++) {
        g->lines[g->count++] = &lines[n];
        normalise(g, n, g->rows, lines[n].aed->writing->gain);
        lines[n].logits = workspace->logits + g->rows * m->info.pieces;
        g->rows += lines[n].rows;
    }
    matmul_take(&workspace->taken, m, workspace->h, m->info.d, g->rows, m->info.d);
    matmul(workspace->logits, m->info.pieces, &workspace->taken, &m->decoder.embed, m);
}

void aed_read(struct aed_workspace *workspace, struct aed_lines *lines, size_t count)
{
    const struct model_layer *layer;
    struct group group = {.workspace = workspace};
    float *x = workspace->x;
    for (size_t n = 0; n < count; n++) {
        lines[n].aed->x = x;
        lines[n].aed->next = 0;
        embed(workspace->model, x, lines[n].pieces, lines[n].rows);
        x += lines[n].rows * workspace->model->info.d;
    }
    while ((layer = gather(&group, lines, count))) {
        look_back(&group, layer);
        listen(&group, layer);
        feed_forward(&group, layer);
        for (size_t n = 0; n < group.count; n++)
            group.lines[n]->aed->next++;
    }
    conclude(&group, lines, count);
}
