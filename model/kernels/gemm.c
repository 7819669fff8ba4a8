/* gemm.c - the product of quant.h: y [rows, out] = x [rows, in] times w' [in, out], in bytes.
 *
 * The inner loop keeps a tile of ROWS x COLUMNS sums in registers and walks down k, four bytes
 * at a time: per step it loads the tile's columns of a panel once, broadcasts four bytes of every
 * row, and adds ROWS x COLUMNS dot products of four. AVX-512 and AVX-VNNI have that as one
 * instruction (vpdpbusd: u8 times s8, exact). AVX2 has it not: its vpmaddubsw saturates at 16
 * bits, so even and odd bytes are widened to 16 bits and multiplied apart, exact as well.
 *
 * Arm's dot product of four wants both factors with a sign or both without: the weights are taken
 * as w + 128 without one, and what that adds, 128 times the sum of a row's bytes, is taken away
 * again; row sums are made once for all columns. With i8mm there is usmmla: u8 times s8, two rows
 * by two columns over eight bytes, twice the work in one instruction. A panel has four bytes of
 * each column together, so those of two steps are zipped.
 *
 * A panel of weights (32 x in bytes) stays in the first cache while BLOCK rows are driven over
 * it; those rows stay in the second while the panels go by.
 *
 * A few rows, as the attention decoder has, wait for nothing but weights, which come from the third
 * cache at best: so they are sent for some way ahead. Of a seed with 14 MB of them, on a busy
 * machine with AMX, writing took a fifth less so.
 *
 * Where the CPU has tiles (AMX), they make what has more than FEW rows (tiles.c).
 *
 * The dot product is inline assembly because gcc 12 spills the sums around its own intrinsic, at
 * half the speed. */
#include "gemm.h"

#include <stdbool.h>
#include <string.h>

#include "tiles.h"
#include "vec.h"

#if defined(__AVX512VNNI__)
#define ROWS    12
#define COLUMNS 32
#elif defined(__AVXVNNI__)
#define ROWS    6
#define COLUMNS 16
#elif defined(__AVX2__)
#define ROWS    3
#define COLUMNS 16
#elif defined(__ARM_FEATURE_DOTPROD)
#define ROWS    12
#define COLUMNS 8
#else
#define ROWS    4
#define COLUMNS 8
#endif
#define BLOCK 96
#define FEW   8    /* rows for which tiles do not pay */
#define AHEAD 2048 /* bytes of weights that are on their way */

#ifdef __AVX2__
static inline int32_t four_bytes(const uint8_t *from)
{
    int32_t v;
    memcpy(&v, from, 4);
    return v;
}
#endif

/* sum[i] += dot product of four, for the bytes of every row. Weights w: COLUMNS * 4 bytes. */
#if defined(__AVX512VNNI__) || defined(__AVXVNNI__)
#ifdef __AVX512VNNI__
#define DOT       "vpdpbusd %2, %1, %0"
#define SPREAD(v) (vec_ints) _mm512_set1_epi32(v)
#else
#define DOT       "%{vex%} vpdpbusd %2, %1, %0"
#define SPREAD(v) (vec_ints) _mm256_set1_epi32(v)
#endif
static inline __attribute__((always_inline)) void
step(vec_ints sums[ROWS][2], int rows, const uint8_t *q, size_t stride, const int8_t *w)
{
    const vec_ints w0 = vec_load_ints(w), w1 = vec_load_ints(w + 4 * VEC);
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        const vec_ints four = SPREAD(four_bytes(q + (size_t)i * stride));
        __asm__(DOT : "+v"(sums[i][0]) : "v"(four), "v"(w0));
        __asm__(DOT : "+v"(sums[i][1]) : "v"(four), "v"(w1));
    }
}
#elif defined(__AVX2__)
static inline __attribute__((always_inline)) void
step(vec_ints sums[ROWS][2], int rows, const uint8_t *q, size_t stride, const int8_t *w)
{
    __m256i even[2], odd[2];
    for (int j = 0; j < 2; j++) {
        const __m256i bytes = (__m256i)vec_load_ints(w + 4 * VEC * j);
        even[j] = _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8);
        odd[j] = _mm256_srai_epi16(bytes, 8);
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        const __m256i four = _mm256_set1_epi32(four_bytes(q + (size_t)i * stride));
        const __m256i q_even = _mm256_and_si256(four, _mm256_set1_epi16(255));
        const __m256i q_odd = _mm256_srli_epi16(four, 8);
        for (int j = 0; j < 2; j++)
            sums[i][j] += (vec_ints)_mm256_madd_epi16(q_even, even[j]) +
                          (vec_ints)_mm256_madd_epi16(q_odd, odd[j]);
    }
}
#elif defined(__ARM_FEATURE_DOTPROD) && !defined(__ARM_FEATURE_MATMUL_INT8)
static inline __attribute__((always_inline)) void
step(vec_ints sums[ROWS][2], int rows, const uint8_t *q, size_t stride, const int8_t *w)
{
    const uint8x16_t flip = vdupq_n_u8(128);
    const uint8x16_t w0 = veorq_u8(vld1q_u8((const uint8_t *)w), flip);
    const uint8x16_t w1 = veorq_u8(vld1q_u8((const uint8_t *)w + 16), flip);
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        uint32_t bytes;
        memcpy(&bytes, q + (size_t)i * stride, sizeof bytes);
        const uint8x16_t four = vreinterpretq_u8_u32(vdupq_n_u32(bytes));
        sums[i][0] = (vec_ints)vdotq_u32((uint32x4_t)sums[i][0], w0, four);
        sums[i][1] = (vec_ints)vdotq_u32((uint32x4_t)sums[i][1], w1, four);
    }
}
#elif !defined(__ARM_FEATURE_MATMUL_INT8)
static inline __attribute__((always_inline)) void
step(vec_ints sums[ROWS][2], int rows, const uint8_t *q, size_t stride, const int8_t *w)
{
    for (int j = 0; j < 2; j++) {
        const vec_ints bytes = vec_load_ints(w + 4 * VEC * j);
        for (int k = 0; k < 4; k++) {
            const vec_ints one = (bytes << (24 - 8 * k)) >> 24; /* byte k of every column */
            for (int i = 0; i < rows; i++)
                sums[i][j] += one * (int32_t)q[(size_t)i * stride + (size_t)k];
        }
    }
}
#endif

#ifdef __ARM_FEATURE_MATMUL_INT8
/* Eight bytes of a row, or the four that are left of it and zeros. */
static inline __attribute__((always_inline)) uint8x8_t eight_bytes(const uint8_t *from, bool whole)
{
    uint32_t four;
    if (whole)
        return vld1_u8(from);
    memcpy(&four, from, sizeof four);
    return vreinterpret_u8_u32(vset_lane_u32(four, vdup_n_u32(0), 0));
}

/* Two steps, or the last one alone, of pairs of rows by pairs of columns. */
static inline __attribute__((always_inline)) void two_steps(int32x4_t sums[ROWS / 2][4], int rows,
                                                            const uint8_t *q, size_t stride,
                                                            const int8_t *w, bool whole)
{
    int8x16_t pairs[4];
    for (int j = 0; j < 2; j++) {
        const int32x4_t a = vreinterpretq_s32_s8(vld1q_s8(w + 16 * j));
        const int32x4_t b =
            whole ? vreinterpretq_s32_s8(vld1q_s8(w + 4 * QUANT_PANEL + 16 * j)) : vdupq_n_s32(0);
        pairs[2 * j] = vreinterpretq_s8_s32(vzip1q_s32(a, b));
        pairs[2 * j + 1] = vreinterpretq_s8_s32(vzip2q_s32(a, b));
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i += 2) {
        const uint8_t *row = q + (size_t)i * stride;
        const uint8x8_t first = eight_bytes(row, whole);
        const uint8x16_t both =
            vcombine_u8(first, i + 1 < rows ? eight_bytes(row + stride, whole) : first);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++)
            sums[i / 2][j] = vusmmlaq_s32(sums[i / 2][j], both, pairs[j]);
    }
}
#endif

/* sums [rows][COLUMNS] of dot products over all steps. */
static inline __attribute__((always_inline)) void all_steps(vec_ints sums[ROWS][2], int rows,
                                                            const uint8_t *q, size_t stride,
                                                            const int8_t *panel, size_t steps)
{
#ifdef __ARM_FEATURE_MATMUL_INT8
    int32x4_t pairs[ROWS / 2][4] = {{{0}}};
    size_t k = 0;
    for (; k + 2 <= steps; k += 2, panel += 2 * QUANT_PANEL * 4) {
        __builtin_prefetch(panel + AHEAD, 0, 2);
        __builtin_prefetch(panel + AHEAD + QUANT_PANEL * 4, 0, 2);
        two_steps(pairs, rows, q + 4 * k, stride, panel, true);
    }
    if (k < steps)
        two_steps(pairs, rows, q + 4 * k, stride, panel, false);
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < 2; j++) {
            const int32x4_t a = pairs[i / 2][2 * j], b = pairs[i / 2][2 * j + 1];
            sums[i][j] = (vec_ints)(i % 2 ? vcombine_s32(vget_high_s32(a), vget_high_s32(b))
                                          : vcombine_s32(vget_low_s32(a), vget_low_s32(b)));
        }
#else
    for (size_t k = 0; k < steps; k++, panel += QUANT_PANEL * 4) {
        for (int line = 0; line < COLUMNS * 4; line += 64)
            __builtin_prefetch(panel + AHEAD + line, 0, 2); /* into the second cache */
        step(sums, rows, q + 4 * k, stride, panel);
    }
#endif
}

/* What step() adds to every column's sum of a row. */
#if defined(__ARM_FEATURE_DOTPROD) && !defined(__ARM_FEATURE_MATMUL_INT8)
static void sum_rows(int32_t *sums, const struct quant_rows *x, size_t first, size_t rows,
                     size_t in)
{
    const size_t bytes = quant_stride(in);
    for (size_t t = 0; t < rows; t++) {
        const uint8_t *q = x->q + (first + t) * x->stride;
        uint32_t sum = 0;
        for (size_t i = 0; i < bytes; i++)
            sum += q[i];
        sums[t] = (int32_t)(128 * sum);
    }
}
#define WITHOUT(sum, extra) ((sum) - (extra))
#else
static inline void sum_rows(int32_t *sums, const struct quant_rows *x, size_t first, size_t rows,
                            size_t in)
{
    (void)sums, (void)x, (void)first, (void)rows, (void)in;
}
#define WITHOUT(sum, extra) (sum)
#endif

/* y [rows, COLUMNS] of columns n .., rows a constant once inlined; extra [rows]: sum_rows. */
static inline __attribute__((always_inline)) void tile(int rows, float *y, size_t ldy,
                                                       const struct quant_rows *x, size_t t,
                                                       const struct quant_weights *w, size_t n,
                                                       const int32_t *extra)
{
    const size_t steps = quant_stride(w->in) / 4;
    const uint8_t *q = x->q + t * x->stride;
    const int8_t *panel = w->w + n / QUANT_PANEL * QUANT_PANEL * steps * 4 + n % QUANT_PANEL * 4;
    vec_ints sums[ROWS][2] = {{{0}}};
    all_steps(sums, rows, q, x->stride, panel, steps);
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
        const vec_ints column_sums = vec_load_ints(w->sums + n + (size_t)(j * VEC));
        const vec_floats scale = vec_load(w->scale + n + (size_t)(j * VEC));
        const vec_floats bias = vec_load(w->bias + n + (size_t)(j * VEC));
#pragma GCC unroll 12
        for (int i = 0; i < rows; i++) {
            const vec_ints exact =
                WITHOUT(sums[i][j], extra[i]) - column_sums * x->zero[t + (size_t)i];
            const vec_floats value =
                __builtin_convertvector(exact, vec_floats) * (scale * x->scale[t + (size_t)i]) +
                bias;
            memcpy(y + (size_t)i * ldy + j * VEC, &value, sizeof value);
        }
    }
}

static void some_rows(size_t rows, float *y, size_t ldy, const struct quant_rows *x, size_t t,
                      const struct quant_weights *w, size_t n, const int32_t *extra)
{
#define CASE(count)                                                                                \
    case count:                                                                                    \
        tile(count, y, ldy, x, t, w, n, extra);                                                    \
        break;
    switch (rows) {
        CASE(1)
        CASE(2)
        CASE(3)
#if ROWS > 3
        CASE(4)
#endif
#if ROWS > 4
        CASE(5)
        CASE(6)
#endif
#if ROWS > 6
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
#endif
    }
#undef CASE
}

void LEVEL_NAME(gemm)(float *y, size_t ldy, const struct quant_rows *x, size_t T,
                      const struct quant_weights *w)
{
    float edge[ROWS * COLUMNS];
    int32_t extra[BLOCK] = {0};
#ifdef __AMX_INT8__
    if (T > FEW) {
        tiles_gemm(y, ldy, x, T, w);
        return;
    }
#endif
    for (size_t block = 0; block < T; block += BLOCK) {
        const size_t end = T - block < BLOCK ? T : block + BLOCK;
        sum_rows(extra, x, block, end - block, w->in);
        for (size_t n = 0; n < w->out; n += COLUMNS)
            for (size_t t = block, rows; t < end; t += rows) {
                /* Split what is left evenly: 13 rows are 7 and 6, not 12 and 1. */
                const size_t tiles = (end - t + ROWS - 1) / ROWS;
                rows = (end - t + tiles - 1) / tiles;
                if (w->out - n >= COLUMNS) {
                    some_rows(rows, y + t * ldy + n, ldy, x, t, w, n, extra + (t - block));
                    continue;
                }
                some_rows(rows, edge, COLUMNS, x, t, w, n, extra + (t - block));
                for (size_t i = 0; i < rows; i++)
                    memcpy(y + (t + i) * ldy + n, edge + i * COLUMNS, (w->out - n) * sizeof(float));
            }
    }
}
