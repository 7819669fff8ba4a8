/* aed.c - pre-norm layers: causal self-attention (rotary), attention over the frames, gated FFN.
 *
 * The frames are the encoder's under the exit's norm, which all depths share. Their keys and
 * values are computed once an utterance and, in int8, packed once (attend.c); those of pieces are
 * kept as they come, in floats: there are few. A pass costs one walk through all weights (14 MB in
 * the shipped shape), which lie in the third cache at best, so a dozen rows cost little more than
 * one. */
#include "aed.h"

#include <string.h>

#include "rope.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t heard_bytes(const struct fold_model *m, size_t T)
{
    const size_t d = m->info.d, heads = m->info.heads;
    return m->info.precision == FOLD_INT8 ? m->kernels->attend_packed_bytes(T, heads, d / heads)
                                          : 2 * T * d * sizeof(float);
}

void aed_place(struct aed *a, const struct fold_model *m, size_t most_frames, size_t most_pieces,
               struct place *at)
{
    const size_t d = m->info.d, half = m->rope_dims / 2, ffn = m->decoder.ffn;
    const size_t layers = m->decoder.layers_count, ld = (most_pieces + 15) / 16 * 16;
    *a = (struct aed){.model = m, .most_frames = most_frames, .most_pieces = most_pieces, .ld = ld};
    a->heard_bytes = (heard_bytes(m, most_frames) + 63) / 64 * 64;
    a->cos = place(at, most_pieces * half * sizeof(float));
    a->sin = place(at, most_pieces * half * sizeof(float));
    a->keys = place(at, layers * d * ld * sizeof(float));
    a->values = place(at, layers * most_pieces * d * sizeof(float));
    a->heard = place(at, layers * a->heard_bytes);
    a->memory = place(at, most_frames * d * sizeof(float));
    a->k = place(at, most_frames * d * sizeof(float));
    a->v = place(at, most_frames * d * sizeof(float));
    a->x = place(at, AED_ROWS * d * sizeof(float));
    a->h = place(at, AED_ROWS * d * sizeof(float));
    a->y = place(at, AED_ROWS * d * sizeof(float));
    a->q = place(at, AED_ROWS * d * sizeof(float));
    a->wide = place(at, AED_ROWS * 2 * ffn * sizeof(float));
    a->gated = place(at, AED_ROWS * ffn * sizeof(float));
    a->scores = place(at, larger(most_frames, most_pieces) * sizeof(float));
    a->logits = place(at, AED_ROWS * (size_t)m->info.pieces * sizeof(float));
    matmul_place(&a->frame_rows, m, most_frames, d, at);
    matmul_place(&a->rows, m, AED_ROWS, larger(ffn, d), at);
    a->scratch = place(at, m->kernels->attend_over_bytes(d / m->info.heads));
    if (at->base)
        rope_fill(a->cos, a->sin, most_pieces, m);
}

void aed_hear(struct aed *a, const float *x, size_t T)
{
    const struct fold_model *m = a->model;
    const size_t d = m->info.d, heads = m->info.heads;
    a->T = T;
    m->kernels->norm(a->memory, x, m->exit_norm.gain, NULL, T, d);
    matmul_take(&a->frame_rows, m, a->memory, d, T, d);
    for (size_t i = 0; i < m->decoder.layers_count; i++) {
        const struct model_heads *cross = &m->decoder.layers[i].cross;
        unsigned char *heard = a->heard + i * a->heard_bytes;
        matmul(a->k, d, &a->frame_rows, &cross->k, m);
        if (m->info.precision == FOLD_INT8) {
            matmul(a->v, d, &a->frame_rows, &cross->v, m);
            m->kernels->attend_pack(heard, a->k, a->v, T, heads, d / heads, a->scratch);
            continue;
        }
        float *keys = (float *)(void *)heard, *values = keys + d * T;
        matmul(values, d, &a->frame_rows, &cross->v, m);
        for (size_t t = 0; t < T; t++)
            for (size_t c = 0; c < d; c++)
                keys[c * T + t] = a->k[t * d + c];
    }
}

static void embed(const struct aed *a, const uint32_t *pieces, size_t rows)
{
    const struct model_decoder *dec = &a->model->decoder;
    const size_t d = a->model->info.d;
    float *x = a->x;
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

static void take_norm(struct aed *a, const struct model_norm *n, size_t rows)
{
    const struct fold_model *m = a->model;
    const size_t d = m->info.d;
    m->kernels->norm(a->h, a->x, n->gain, NULL, rows, d);
    matmul_take(&a->rows, m, a->h, d, rows, d);
}

/* x += o(q), q the result of an attention */
static void add_attention(struct aed *a, const struct model_heads *h, size_t rows)
{
    const struct fold_model *m = a->model;
    const size_t d = m->info.d;
    matmul_take(&a->rows, m, a->q, d, rows, d);
    matmul(a->y, d, &a->rows, &h->o, m);
    m->kernels->residual(a->x, a->y, NULL, rows, d);
}

/* Attention over the pieces up to each row's own. */
static void look_back(struct aed *a, size_t i, size_t at, size_t rows)
{
    const struct fold_model *m = a->model;
    const struct model_layer *layer = &m->decoder.layers[i];
    const size_t d = m->info.d, heads = m->info.heads, half = m->rope_dims / 2;
    const float *cos = a->cos + at * half, *sin = a->sin + at * half;
    float *keys = a->keys + i * d * a->ld, *values = a->values + i * a->most_pieces * d;
    take_norm(a, &layer->norm_self, rows);
    matmul(a->q, d, &a->rows, &layer->self.q, m);
    m->kernels->rotate(a->q, cos, sin, rows, heads, d / heads, half);
    matmul(a->y, d, &a->rows, &layer->self.k, m);
    m->kernels->rotate(a->y, cos, sin, rows, heads, d / heads, half);
    for (size_t c = 0; c < d; c++)
        for (size_t row = 0; row < rows; row++)
            keys[c * a->ld + at + row] = a->y[row * d + c];
    matmul(values + at * d, d, &a->rows, &layer->self.v, m);
    for (size_t row = 0; row < rows; row++)
        m->kernels->attend_one(a->q + row * d, keys, a->ld, values, at + row + 1, heads, d / heads,
                               a->scores);
    add_attention(a, &layer->self, rows);
}

/* Attention over all frames. */
static void listen(struct aed *a, size_t i, size_t rows)
{
    const struct fold_model *m = a->model;
    const struct model_layer *layer = &m->decoder.layers[i];
    const size_t d = m->info.d, heads = m->info.heads;
    const unsigned char *heard = a->heard + i * a->heard_bytes;
    take_norm(a, &layer->norm_cross, rows);
    matmul(a->q, d, &a->rows, &layer->cross.q, m);
    if (m->info.precision == FOLD_INT8) {
        m->kernels->attend_over(a->q, rows, heard, a->T, heads, d / heads, a->scratch);
    } else {
        const float *keys = (const float *)(const void *)heard, *values = keys + d * a->T;
        for (size_t row = 0; row < rows; row++)
            m->kernels->attend_one(a->q + row * d, keys, a->T, values, a->T, heads, d / heads,
                                   a->scores);
    }
    add_attention(a, &layer->cross, rows);
}

static void feed_forward(struct aed *a, const struct model_layer *layer, size_t rows)
{
    const struct fold_model *m = a->model;
    const size_t d = m->info.d, ffn = m->decoder.ffn;
    take_norm(a, &layer->norm_ffn, rows);
    matmul(a->wide, 2 * ffn, &a->rows, &layer->up, m);
    m->kernels->swiglu(a->gated, a->wide, rows, ffn);
    matmul_take(&a->rows, m, a->gated, ffn, rows, ffn);
    matmul(a->y, d, &a->rows, &layer->down, m);
    m->kernels->residual(a->x, a->y, NULL, rows, d);
}

void aed_read(struct aed *a, size_t at, const uint32_t *pieces, size_t rows)
{
    const struct fold_model *m = a->model;
    embed(a, pieces, rows);
    for (size_t i = 0; i < m->decoder.layers_count; i++) {
        look_back(a, i, at, rows);
        listen(a, i, rows);
        feed_forward(a, &m->decoder.layers[i], rows);
    }
    take_norm(a, &m->decoder.norm, rows);
    matmul(a->logits, m->info.pieces, &a->rows, &m->decoder.embed, m);
}
