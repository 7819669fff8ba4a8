/* tiles.c - see tiles.h. Compiled for the level amx only.
 *
 * A tile register holds 16 rows of 64 bytes, and tdpbusd adds to 16 x 16 sums the products of 16
 * rows of x and 16 columns of w over 64 k (u8 times s8, exact). Panels of quant.h hold four k of 32
 * columns side by side, which is what it takes: two tiles of w lie next to each other, 128 bytes a
 * row. Two tiles of x meet two of w: four loads for four products.
 *
 *            w0   w1                 rows of both tiles of x are as many, so one configuration
 *       x0   s0   s1                 serves a call: the last tile begins early enough to be full,
 *       x1   s2   s3                 and makes some rows a second time, to the same bits
 *
 * What is left of k behind whole tiles is multiplied with the last 64 bytes, where bytes that had
 * their turn are 0. Sums of four tiles are scaled while those of the next are made: tiles have
 * their own unit, and the one before waits in memory. */
#include "tiles.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#define ROWS  16 /* most of a tile */
#define DEPTH 64 /* bytes of k of a tile */
#define BLOCK 96 /* rows driven over a panel while it is in the first cache */

struct config {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

/* gcc's intrinsics do not say that they read memory. */
static inline void memory_is_read(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Tiles 0 to 3 are sums, 4 and 5 of x, 6 and 7 of w. */
static void configure(size_t rows, size_t depth)
{
    struct config c = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        c.row_bytes[i] = i == 4 || i == 5 ? (uint16_t)depth : 64;
        c.rows[i] = i < 6 ? (uint8_t)rows : (uint8_t)(depth / 4);
    }
    _tile_loadconfig(&c);
    memory_is_read();
}

/* Sums of two tiles of x and one panel. */
struct sums {
    _Alignas(64) int32_t s[2 * ROWS][QUANT_PANEL];
    size_t t[2], n; /* first row of either tile, first column */
};

/* wide: the panel has more than sixteen columns. */
static inline void multiply(const uint8_t *x0, const uint8_t *x1, size_t stride, const int8_t *w,
                            bool wide)
{
    _tile_loadd(4, x0, stride);
    _tile_loadd(6, w, 4 * QUANT_PANEL);
    if (wide)
        _tile_loadd(7, w + 64, 4 * QUANT_PANEL);
    _tile_loadd(5, x1, stride);
    _tile_dpbusd(0, 4, 6);
    if (wide)
        _tile_dpbusd(1, 4, 7);
    _tile_dpbusd(2, 5, 6);
    if (wide)
        _tile_dpbusd(3, 5, 7);
}

static inline void store(struct sums *to, bool wide)
{
    _tile_stored(0, to->s[0], sizeof to->s[0]);
    _tile_stored(2, to->s[ROWS], sizeof to->s[0]);
    if (!wide)
        return;
    _tile_stored(1, to->s[0] + 16, sizeof to->s[0]);
    _tile_stored(3, to->s[ROWS] + 16, sizeof to->s[0]);
}

/* y <- sums without the zero points, scaled, plus bias. */
static inline void finish(float *y, size_t ldy, const struct quant_rows *x,
                          const struct quant_weights *w, const struct sums *sums, size_t rows)
{
    const size_t left = w->out - sums->n;
    for (size_t half = 0; half < 2 && 16 * half < left; half++) {
        const size_t n = sums->n + 16 * half;
        const __mmask16 mask =
            left - 16 * half < 16 ? (__mmask16)((1u << (left - 16 * half)) - 1) : 0xffff;
        const __m512i column_sums = _mm512_loadu_si512(w->sums + n);
        const __m512 scale = _mm512_loadu_ps(w->scale + n), bias = _mm512_loadu_ps(w->bias + n);
        for (size_t tile = 0; tile < 2; tile++)
            for (size_t i = 0, t = sums->t[tile]; i < rows; i++, t++) {
                const __m512i exact = _mm512_sub_epi32(
                    _mm512_loadu_si512(&sums->s[tile * ROWS + i][16 * half]),
                    _mm512_mullo_epi32(column_sums, _mm512_set1_epi32(x->zero[t])));
                const __m512 factor = _mm512_mul_ps(scale, _mm512_set1_ps(x->scale[t]));
                _mm512_mask_storeu_ps(y + t * ldy + n, mask,
                                      _mm512_fmadd_ps(_mm512_cvtepi32_ps(exact), factor, bias));
            }
    }
}

/* tail [count, DEPTH]: the last DEPTH bytes of rows of in bytes, but only the last fresh of them.
 */
static void take_tail(uint8_t *tail, const uint8_t *q, size_t stride, size_t count, size_t in,
                      size_t fresh)
{
    const __mmask64 mask = ~(__mmask64)0 << (DEPTH - fresh);
    for (size_t t = 0; t < count; t++)
        _mm512_storeu_si512(tail + t * DEPTH,
                            _mm512_maskz_loadu_epi8(mask, q + t * stride + in - DEPTH));
    memory_is_read();
}

void tiles_gemm(float *y, size_t ldy, const struct quant_rows *x, size_t T,
                const struct quant_weights *w)
{
    const size_t in = quant_stride(w->in), depth = in < DEPTH ? in : DEPTH, fresh = in % depth;
    const size_t pairs = (T + 2 * ROWS - 1) / (2 * ROWS), rows = (T + 2 * pairs - 1) / (2 * pairs);
    _Alignas(64) uint8_t tail[BLOCK * DEPTH];
    struct sums sums[2];
    size_t made = 0;
    configure(rows, depth);
    for (size_t block = 0; block < pairs; block += BLOCK / (2 * ROWS)) {
        const size_t end = pairs - block < BLOCK / (2 * ROWS) ? pairs : block + BLOCK / (2 * ROWS);
        const size_t first = 2 * block * rows, last = 2 * end * rows < T ? 2 * end * rows : T;
        const size_t tail_first = first < T - rows ? first : T - rows;
        if (fresh)
            take_tail(tail, x->q + tail_first * x->stride, x->stride, last - tail_first, in, fresh);
        for (size_t n = 0; n < w->out; n += QUANT_PANEL) {
            const int8_t *panel = w->w + n * in;
            const bool wide = w->out - n > 16;
            for (size_t pair = block; pair < end; pair++, made++) {
                struct sums *now = &sums[made % 2];
                now->n = n;
                for (size_t i = 0; i < 2; i++) {
                    const size_t t = (2 * pair + i) * rows;
                    now->t[i] = t < T - rows ? t : T - rows;
                }
                const uint8_t *x0 = x->q + now->t[0] * x->stride;
                const uint8_t *x1 = x->q + now->t[1] * x->stride;
                _tile_zero(0);
                _tile_zero(1);
                _tile_zero(2);
                _tile_zero(3);
                for (size_t k = 0; k + depth <= in; k += depth)
                    multiply(x0 + k, x1 + k, x->stride, panel + k * QUANT_PANEL, wide);
                if (fresh)
                    multiply(tail + (now->t[0] - tail_first) * DEPTH,
                             tail + (now->t[1] - tail_first) * DEPTH, DEPTH,
                             panel + (in - DEPTH) * QUANT_PANEL, wide);
                if (made)
                    finish(y, ldy, x, w, &sums[(made + 1) % 2], rows);
                store(now, wide);
            }
        }
    }
    finish(y, ldy, x, w, &sums[(made + 1) % 2], rows);
    _tile_release();
}
