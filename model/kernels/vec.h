/* vec.h - for files that are compiled once for every level of instructions that a CPU may have.
 *
 * LEVEL is baseline, avx2, avxvnni, avx512 or amx; on Arm baseline, sdot or i8mm
 * (model/meson.build), and LEVEL_NAME(gemm) is gemm_avx512. What such a file defines is reached
 * through the tables of kernels.h; cpu.c picks.
 *
 * VEC is how many floats a register of the level holds. Where plain loops do not compile to what
 * they could (reductions, narrowing to bytes), they are written over such registers, with the
 * operators of gcc's vector extension, which clang has as well. */
#ifndef VEC_H
#define VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __AVX2__
#include <immintrin.h>
#endif
#ifdef __ARM_NEON
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define VEC 16
#elif defined(__AVX2__)
#define VEC 8
#else
#define VEC 4
#endif

#ifndef LEVEL
#define LEVEL baseline
#endif
#define LEVEL_JOIN_(stem, level) stem##_##level
#define LEVEL_JOIN(stem, level)  LEVEL_JOIN_(stem, level)
#define LEVEL_NAME(stem)         LEVEL_JOIN(stem, LEVEL)
#define LEVEL_TEXT_(level)       #level
#define LEVEL_TEXT(level)        LEVEL_TEXT_(level)

typedef float vec_floats __attribute__((vector_size(4 * VEC)));
typedef int32_t vec_ints __attribute__((vector_size(4 * VEC)));

static inline vec_floats vec_load(const float *from)
{
    vec_floats v;
    memcpy(&v, from, sizeof v);
    return v;
}

static inline vec_ints vec_load_ints(const void *from)
{
    vec_ints v;
    memcpy(&v, from, sizeof v);
    return v;
}

/* The first count <= VEC, and 0 behind them. */
static inline vec_floats vec_load_some(const float *from, size_t count)
{
#if defined(__AVX512F__)
    return (vec_floats)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
#else
    vec_floats v = {0};
    for (size_t i = 0; i < count; i++)
        v[i] = from[i];
    return v;
#endif
}

static inline void vec_store(float *to, vec_floats v)
{
    memcpy(to, &v, sizeof v);
}

static inline vec_floats vec_all(float x)
{
    return x - (vec_floats){0};
}

/* The nearest integers, which must fit 22 bits: adding 1.5 * 2^23 leaves no bits for a fraction. */
static inline vec_ints vec_round(vec_floats v)
{
    const vec_floats shifted = v + 12582912.0f;
    vec_ints bits;
    memcpy(&bits, &shifted, sizeof bits);
    return bits - 0x4b400000;
}

#if defined(__AVX512F__)

static inline vec_floats vec_max(vec_floats a, vec_floats b)
{
    return (vec_floats)_mm512_max_ps((__m512)a, (__m512)b);
}

static inline vec_floats vec_min(vec_floats a, vec_floats b)
{
    return (vec_floats)_mm512_min_ps((__m512)a, (__m512)b);
}

static inline float vec_greatest(vec_floats v)
{
    return _mm512_reduce_max_ps((__m512)v);
}

static inline int32_t vec_sum(vec_ints v)
{
    return _mm512_reduce_add_epi32((__m512i)v);
}

/* Stores the low byte of every element. */
static inline void vec_store_bytes(void *to, vec_ints v)
{
    _mm_storeu_si128(to, _mm512_cvtepi32_epi8((__m512i)v));
}

#elif defined(__AVX2__)

static inline vec_floats vec_max(vec_floats a, vec_floats b)
{
    return (vec_floats)_mm256_max_ps((__m256)a, (__m256)b);
}

static inline vec_floats vec_min(vec_floats a, vec_floats b)
{
    return (vec_floats)_mm256_min_ps((__m256)a, (__m256)b);
}

static inline float vec_greatest(vec_floats v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
}

static inline int32_t vec_sum(vec_ints v)
{
    __m128i s =
        _mm_add_epi32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

static inline void vec_store_bytes(void *to, vec_ints v)
{
    const __m256i low = _mm256_shuffle_epi8(
        (__m256i)v, _mm256_set1_epi64x((int64_t)0x0c0804000c080400)); /* 4 bytes a half */
    const int32_t halves[2] = {_mm256_extract_epi32(low, 0), _mm256_extract_epi32(low, 4)};
    memcpy(to, halves, sizeof halves);
}

#elif defined(__ARM_NEON) && defined(__aarch64__)

static inline vec_floats vec_max(vec_floats a, vec_floats b)
{
    return (vec_floats)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
}

static inline vec_floats vec_min(vec_floats a, vec_floats b)
{
    return (vec_floats)vminq_f32((float32x4_t)a, (float32x4_t)b);
}

static inline float vec_greatest(vec_floats v)
{
    return vmaxvq_f32((float32x4_t)v);
}

static inline int32_t vec_sum(vec_ints v)
{
    return vaddvq_s32((int32x4_t)v);
}

static inline void vec_store_bytes(void *to, vec_ints v)
{
    const int16x4_t halves = vmovn_s32((int32x4_t)v);
    const int8x8_t bytes = vmovn_s16(vcombine_s16(halves, halves));
    const uint32_t four = vget_lane_u32(vreinterpret_u32_s8(bytes), 0);
    memcpy(to, &four, sizeof four);
}

#else

static inline vec_floats vec_max(vec_floats a, vec_floats b)
{
    for (int i = 0; i < VEC; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
}

static inline vec_floats vec_min(vec_floats a, vec_floats b)
{
    for (int i = 0; i < VEC; i++)
        a[i] = a[i] < b[i] ? a[i] : b[i];
    return a;
}

static inline float vec_greatest(vec_floats v)
{
    float most = v[0];
    for (int i = 1; i < VEC; i++)
        most = most > v[i] ? most : v[i];
    return most;
}

static inline int32_t vec_sum(vec_ints v)
{
    int32_t sum = 0;
    for (int i = 0; i < VEC; i++)
        sum += v[i];
    return sum;
}

static inline void vec_store_bytes(void *to, vec_ints v)
{
    uint8_t bytes[VEC];
    for (int i = 0; i < VEC; i++)
        bytes[i] = (uint8_t)v[i];
    memcpy(to, bytes, sizeof bytes);
}

#endif

/* Stores the nearest integers as bytes, 0 and 255 where they are less and more. */
static inline void vec_store_rounded(void *to, vec_floats v)
{
#ifdef __AVX512F__
    const __m512i near = _mm512_cvtps_epi32((__m512)vec_max(v, vec_all(0)));
    _mm_storeu_si128(to, _mm512_cvtusepi32_epi8(near));
#else
    vec_store_bytes(to, vec_round(vec_min(vec_max(v, vec_all(0)), vec_all(255))));
#endif
}

static inline vec_floats vec_size(vec_floats v)
{
    return vec_max(v, -v);
}

/* 2^v for v <= 0 with relative error below 2e-4, for results of eight bits. */
static inline vec_floats vec_short_exp2(vec_floats v)
{
#ifdef __AVX512F__
    const vec_floats r = (vec_floats)_mm512_reduce_ps((__m512)v, _MM_FROUND_TO_NEG_INF);
    const vec_floats p = ((0.07802452f * r + 0.22606716f) * r + 0.69583354f) * r + 0.99992522f;
    return (vec_floats)_mm512_scalef_ps((__m512)p, (__m512)v); /* p times 2^floor(v) */
#else
    const vec_floats x = vec_max(v, vec_all(-116.0f));
    const vec_floats shifted = x + 12582912.0f, r = x - (shifted - 12582912.0f);
    const vec_floats p = ((0.0555041f * r + 0.2402265f) * r + 0.6931472f) * r + 1.0f;
    vec_ints bits;
    vec_floats power;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(&power, &bits, sizeof power);
    return p * power;
#endif
}

#endif
