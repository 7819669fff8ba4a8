/* attend.c - attention in 8 bits, a head at a time, in pieces: no [T, T] exists.
 *
 * A head's keys are quantised by key and packed as the weights of a product that gives scores;
 * its values are quantised by dimension, KEYS keys at a time, and packed as the weights of a
 * product that takes probabilities. QUERIES queries then meet KEYS keys after KEYS keys:
 *
 *     s [QUERIES, KEYS]  = q k' log2 e                  int8 product
 *     p                  = 255 2^(s - top)   as u8      top: the greatest score so far
 *     y, total           = y keep + p v, total keep + sum p        keep = 2^(old top - top)
 *
 * and y / total is the result: the softmax one pass over the keys at a time (as in FlashAttention).
 * The sum is that of the rounded p, so that the weights of the mean sum to one. */
#include "attend.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "arena.h"
#include "gemm.h"
#include "vec.h"

#ifdef __AMX_INT8__
#define QUERIES 32 /* two tiles of rows */
#else
#define QUERIES 24
#endif
#define KEYS   256
#define LOG2_E 1.44269504f

/* One head's keys and values. */
struct packed {
    struct quant_weights keys;    /* [T, width] */
    struct quant_weights *values; /* [tiles]: [width, KEYS] each */
    float *zeros;                 /* no bias, no sums */
};

struct scratch {
    struct quant_rows q, p; /* [QUERIES, width], [QUERIES, KEYS] */
    float *scores;          /* [QUERIES, KEYS] */
    float *mixed, *y;       /* [QUERIES, padded width] */
};

static size_t tiles_of(size_t T)
{
    return (T + KEYS - 1) / KEYS;
}

/* Columns of the mean of values that are made: as many as registers hold whole. */
static size_t columns_of(size_t width)
{
    return (width + 15) / 16 * 16;
}

static size_t zeros_of(size_t width)
{
    const size_t padded = quant_padded(width);
    return padded > KEYS ? padded : KEYS;
}

static void lay_out_packed(struct packed *p, size_t T, size_t width, struct arena *at)
{
    const size_t padded = quant_padded(width), tiles = tiles_of(T);
    p->zeros = arena_take(at, zeros_of(width) * sizeof(float));
    p->keys = (struct quant_weights){
        .w = arena_take(at, tiles * quant_packed_bytes(KEYS, width)),
        .scale = arena_take(at, tiles * KEYS * sizeof(float)),
        .sums = arena_take(at, tiles * KEYS * sizeof(int32_t)),
        .bias = p->zeros,
        .out = KEYS,
        .in = width,
    };
    p->values = arena_take(at, tiles * sizeof *p->values);
    for (size_t i = 0; i < tiles; i++) {
        const struct quant_weights v = {
            .w = arena_take(at, quant_packed_bytes(width, KEYS)),
            .scale = arena_take(at, padded * sizeof(float)),
            .sums = (const int32_t *)(void *)p->zeros, /* probabilities have no zero point */
            .bias = p->zeros,
            .out = columns_of(width),
            .in = T - i * KEYS < KEYS ? T - i * KEYS : KEYS,
        };
        if (p->values)
            p->values[i] = v;
    }
}

static void lay_out_scratch(struct scratch *s, size_t width, struct arena *at)
{
    const size_t padded = quant_padded(width);
    struct quant_rows *rows[] = {&s->q, &s->p};
    for (size_t i = 0; i < 2; i++) {
        rows[i]->stride = i ? KEYS : padded;
        rows[i]->q = arena_take(at, QUERIES * rows[i]->stride);
        rows[i]->scale = arena_take(at, QUERIES * sizeof(float));
        rows[i]->zero = arena_take(at, QUERIES * sizeof(int32_t));
    }
    s->scores = arena_take(at, QUERIES * KEYS * sizeof(float));
    s->mixed = arena_take(at, QUERIES * padded * sizeof(float));
    s->y = arena_take(at, QUERIES * padded * sizeof(float));
}

size_t LEVEL_NAME(attend_bytes)(size_t T, size_t width)
{
    struct arena at = {NULL, 0};
    struct packed p;
    struct scratch s;
    lay_out_packed(&p, T, width, &at);
    lay_out_scratch(&s, width, &at);
    return at.used;
}

/* VEC of x [width] from i on, 0 behind its end. */
static inline vec_floats part_of(const float *x, size_t i, size_t width)
{
    return i + VEC <= width ? vec_load(x + i) : vec_load_some(x + i, width - i);
}

/* The largest size of x [width]. */
static inline float largest_of(const float *x, size_t width)
{
    vec_floats largest = {0};
    for (size_t i = 0; i < width; i += VEC)
        largest = vec_max(largest, vec_size(part_of(x, i, width)));
    return vec_greatest(largest);
}

/* Packs k [n, width], rows ld apart, as tile weights [n, width]. */
static void pack_keys(struct quant_weights tile, const float *k, size_t n, size_t width, size_t ld)
{
    int8_t *to = (int8_t *)tile.w;
    float *scale = (float *)tile.scale;
    int32_t *sums = (int32_t *)tile.sums;
    const size_t stride = quant_stride(width);
    for (size_t t = 0; t < n; t++, k += ld) {
        int8_t *place = to + t / QUANT_PANEL * QUANT_PANEL * stride + t % QUANT_PANEL * 4;
        const float largest = largest_of(k, width);
        const float inverse = largest > 0 ? 127 / largest : 0;
        vec_ints sum = {0};
        for (size_t i = 0; i < width; i += VEC) {
            int8_t bytes[VEC];
            const vec_ints rounded = vec_round(part_of(k, i, width) * inverse);
            vec_store_bytes(bytes, rounded);
            sum += rounded;
            for (size_t j = 0; j < VEC && i + j < stride; j += 4)
                memcpy(place + (i + j) * QUANT_PANEL, bytes + j, 4);
        }
        scale[t] = largest / 127;
        sums[t] = vec_sum(sum);
    }
    for (size_t t = n; t < quant_padded(n); t++) {
        scale[t] = 0;
        sums[t] = 0;
    }
}

/* QUANT_PANEL floats of row: the row itself where so many can be read, else a copy of count. */
static inline const float *panel_of(const float *row, size_t count, size_t readable,
                                    float edge[QUANT_PANEL])
{
    if (readable >= QUANT_PANEL)
        return row;
    memset(edge, 0, QUANT_PANEL * sizeof *edge);
    memcpy(edge, row, (count < QUANT_PANEL ? count : QUANT_PANEL) * sizeof *edge);
    return edge;
}

/* Packs v [n, width], rows ld apart, transposed, as weights [width, n]. readable floats follow v:
 * rows are read a whole panel at a time, and what lies beyond width becomes columns that nobody
 * looks at. */
static void pack_values(struct quant_weights tile, const float *v, size_t n, size_t width,
                        size_t ld, size_t readable)
{
    enum { PARTS = QUANT_PANEL / VEC };
    int8_t *to = (int8_t *)tile.w;
    float *scale = (float *)tile.scale, edge[QUANT_PANEL];
    const size_t stride = quant_stride(n);
    for (size_t c = 0; c < quant_padded(width); c += QUANT_PANEL) {
        vec_floats largest[PARTS] = {{0}}, inverse[PARTS];
        for (size_t t = 0; t < n; t++) {
            const size_t at = t * ld + c;
            const float *row = panel_of(v + at, width - c, readable - at, edge);
            for (int i = 0; i < PARTS; i++)
                largest[i] = vec_max(largest[i], vec_size(vec_load(row + VEC * i)));
        }
        for (int i = 0; i < PARTS; i++) {
            largest[i] = vec_max(largest[i], vec_all(1e-30f));
            inverse[i] = 127 / largest[i];
            vec_store(scale + c + (size_t)(VEC * i), largest[i] / 127);
        }
        for (size_t t = 0; t < stride; t += 4) {
            vec_ints four[PARTS] = {{0}};
            for (size_t j = 0; j < 4 && t + j < n; j++) {
                const size_t at = (t + j) * ld + c;
                const float *row = panel_of(v + at, width - c, readable - at, edge);
                for (int i = 0; i < PARTS; i++)
                    four[i] |= (vec_round(vec_load(row + VEC * i) * inverse[i]) & 255)
                               << (int)(8 * j);
            }
            memcpy(to + c * stride + t * QUANT_PANEL, four, sizeof four);
        }
    }
}

/* q of struct quant_rows from x [rows, width], rows ld apart, times factor: u8 around 128. */
static void take_queries(struct quant_rows *to, const float *x, size_t rows, size_t width,
                         size_t ld, float factor)
{
    const size_t padded = (width + VEC - 1) / VEC * VEC;
    to->stride = padded;
    for (size_t t = 0; t < rows; t++, x += ld) {
        const float largest = largest_of(x, width);
        const float inverse = largest > 0 ? 127 / largest : 0;
        for (size_t i = 0; i < width; i += VEC)
            vec_store_bytes(to->q + t * padded + i,
                            vec_round(part_of(x, i, width) * inverse) + 128);
        to->scale[t] = largest / 127 * factor;
        to->zero[t] = 128;
    }
}

/* p <- 255 2^(s [n] - top), see soften of kernels.h. p and s have room for a multiple of VEC,
 * which is filled up with 0. */
static float soften(uint8_t *p, float *s, size_t n, float *top, float *total)
{
    const size_t padded = (n + VEC - 1) / VEC * VEC;
    vec_floats greatest = vec_all(*top);
    vec_ints sum = {0};
    for (size_t i = n; i < padded; i++)
        s[i] = -1e30f;
    for (size_t i = 0; i < padded; i += VEC)
        greatest = vec_max(greatest, vec_load(s + i));
    const float old = *top, now = vec_greatest(greatest);
    for (size_t i = 0; i < padded; i += VEC) {
        const vec_ints byte = vec_round(255 * vec_short_exp2(vec_load(s + i) - now));
        vec_store_bytes(p + i, byte);
        sum += byte;
    }
    const float keep = old == -INFINITY ? 0.0f : vec_short_exp2(vec_all(old - now))[0];
    *top = now;
    *total = *total * keep + (float)vec_sum(sum);
    return keep;
}

/* The keys from t on, t a multiple of KEYS. */
static struct quant_weights keys_from(const struct packed *p, size_t t)
{
    struct quant_weights keys = p->keys;
    keys.w += t * quant_stride(keys.in);
    keys.scale += t;
    keys.sums += t;
    return keys;
}

/* k, v [T, width] of one head, rows ld apart, into p; readable floats follow v. */
static void pack_head(struct packed *p, const float *k, const float *v, size_t T, size_t width,
                      size_t ld, size_t readable)
{
    memset(p->zeros, 0, zeros_of(width) * sizeof(float));
    for (size_t t = 0; t < T; t += KEYS) {
        const size_t n = T - t < KEYS ? T - t : KEYS;
        pack_keys(keys_from(p, t), k + t * ld, n, width, ld);
        pack_values(p->values[t / KEYS], v + t * ld, n, width, ld, readable - t * ld);
    }
}

/* qy [rows, width], rows ld apart, in place: queries to results, over all keys. */
static void some_queries(struct scratch *s, const struct packed *packed, float *qy, size_t rows,
                         size_t T, size_t width, size_t ld)
{
    const size_t columns = columns_of(width);
    float top[QUERIES], total[QUERIES] = {0};
    take_queries(&s->q, qy, rows, width, ld, LOG2_E / sqrtf((float)width));
    for (size_t i = 0; i < rows; i++)
        top[i] = -INFINITY;
    memset(s->mixed, 0, rows * columns * sizeof(float));
    for (size_t t = 0; t < T; t += KEYS) {
        const size_t n = T - t < KEYS ? T - t : KEYS;
        struct quant_weights keys = keys_from(packed, t);
        keys.out = n;
        LEVEL_NAME(gemm)(s->scores, KEYS, &s->q, rows, &keys);
        s->p.stride = (n + VEC - 1) / VEC * VEC;
        for (size_t i = 0; i < rows; i++) {
            const float keep =
                soften(s->p.q + i * s->p.stride, s->scores + i * KEYS, n, &top[i], &total[i]);
            for (size_t c = 0; t && c < columns; c++)
                s->mixed[i * columns + c] *= keep;
            s->p.scale[i] = 1;
            s->p.zero[i] = 0;
        }
        LEVEL_NAME(gemm)(s->y, columns, &s->p, rows, &packed->values[t / KEYS]);
        for (size_t i = 0; i < rows * columns; i++)
            s->mixed[i] += s->y[i];
    }
    for (size_t i = 0; i < rows; i++) {
        const float inverse = 1.0f / total[i];
        for (size_t c = 0; c < width; c++)
            qy[i * ld + c] = s->mixed[i * columns + c] * inverse;
    }
}

/* All rows of one head, QUERIES at a time. */
static void all_queries(struct scratch *s, const struct packed *packed, float *qy, size_t rows,
                        size_t T, size_t width, size_t ld)
{
    for (size_t t = 0; t < rows; t += QUERIES)
        some_queries(s, packed, qy + t * ld, rows - t < QUERIES ? rows - t : QUERIES, T, width, ld);
}

void LEVEL_NAME(attend)(float *qy, const float *k, const float *v, size_t T, size_t heads,
                        size_t width, void *scratch)
{
    const size_t ld = heads * width;
    struct arena at = {scratch, 0};
    struct packed packed;
    struct scratch s;
    lay_out_packed(&packed, T, width, &at);
    lay_out_scratch(&s, width, &at);
    for (size_t head = 0; head < heads; head++, qy += width, k += width, v += width) {
        pack_head(&packed, k, v, T, width, ld, T * ld - head * width);
        all_queries(&s, &packed, qy, T, T, width, ld);
    }
}

size_t LEVEL_NAME(attend_packed_bytes)(size_t T, size_t heads, size_t width)
{
    struct arena at = {NULL, 0};
    struct packed packed;
    arena_take(&at, heads * sizeof packed);
    for (size_t head = 0; head < heads; head++)
        lay_out_packed(&packed, T, width, &at);
    return at.used;
}

void LEVEL_NAME(attend_pack)(void *to, const float *k, const float *v, size_t T, size_t heads,
                             size_t width)
{
    struct arena at = {to, 0};
    struct packed *packed = arena_take(&at, heads * sizeof *packed);
    for (size_t head = 0; head < heads; head++, k += width, v += width) {
        lay_out_packed(&packed[head], T, width, &at);
        pack_head(&packed[head], k, v, T, width, heads * width, T * heads * width - head * width);
    }
}

size_t LEVEL_NAME(attend_over_bytes)(size_t width)
{
    struct arena at = {NULL, 0};
    struct scratch s;
    lay_out_scratch(&s, width, &at);
    return at.used;
}

void LEVEL_NAME(attend_over)(float *qy, size_t rows, const void *from, size_t T, size_t heads,
                             size_t width, void *scratch)
{
    const struct packed *packed = from;
    struct arena at = {scratch, 0};
    struct scratch s;
    lay_out_scratch(&s, width, &at);
    for (size_t head = 0; head < heads; head++)
        all_queries(&s, &packed[head], qy + head * width, rows, T, width, heads * width);
}
