/* kernels.c - see kernels.h. exp, erf and 1 / x are polynomial, so that loops over them vectorise
 * and do not wait for a divider: 16 quotients took 47 ns on one Xeon, the loop around them 5.
 *
 * exp: 2^k by exponent bits times a degree-6 polynomial on [-ln2/2, ln2/2]; relative error 2e-7.
 * erf: x times a polynomial in x^2 of degree 12, fitted to |x| < 3.6; absolute error 6e-7.
 * 1 / x: a guess by exponent bits (error 0.12), squared three times by Newton's iteration. */
#include "kernels.h"

#include <math.h>
#include <string.h>

#include "vec.h"

static inline float fast_exp(float x)
{
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    /* Adding 1.5 * 2^23 rounds to the nearest integer. */
    const float shifted = x * 1.44269504f + 12582912.0f;
    const float k = shifted - 12582912.0f;
    const float r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    uint32_t bits;
    float scale;
    memcpy(&bits, &shifted, 4);
    bits = (bits + 127u) << 23; /* the low bits of shifted hold k */
    memcpy(&scale, &bits, 4);
    return p * scale;
}

/* 1 / x for x in [1e-37, 8e37], relative error below 3e-7. */
static inline float fast_inverse(float x)
{
    uint32_t bits;
    float y;
    memcpy(&bits, &x, 4);
    bits = 0x7ef311c3u - bits;
    memcpy(&y, &bits, 4);
    y = y * (2.0f - x * y);
    y = y * (2.0f - x * y);
    return y * (2.0f - x * y);
}

static inline float fast_sigmoid(float x)
{
    return fast_inverse(1.0f + fast_exp(x < -87.0f ? 87.0f : -x));
}

static inline float fast_erf(float x)
{
    const float a = x < -3.6f ? -3.6f : x > 3.6f ? 3.6f : x;
    const float t = a * a * (2.0f / (3.6f * 3.6f)) - 1.0f;
    float p = 0.0022472567f;
    p = p * t - 0.0057898024f;
    p = p * t + 0.0056284433f;
    p = p * t - 0.0081846304f;
    p = p * t + 0.020166581f;
    p = p * t - 0.034471124f;
    p = p * t + 0.048796777f;
    p = p * t - 0.067511439f;
    p = p * t + 0.089706957f;
    p = p * t - 0.11385347f;
    p = p * t + 0.1438188f;
    p = p * t - 0.19548857f;
    p = p * t + 0.39271203f;
    return a * p;
}

/* Sixteen partial sums and a tree over them: the order is fixed, so every machine gives the same
 * result, and a vector unit can keep them in one register. */
static inline float join(float lanes[16])
{
    for (size_t half = 8; half; half /= 2)
        for (size_t j = 0; j < half; j++)
            lanes[j] += lanes[j + half];
    return lanes[0];
}

static inline float sum(const float *x, size_t n)
{
    float lanes[16] = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t j = 0; j < 16; j++)
            lanes[j] += x[i + j];
    for (; i < n; i++)
        lanes[i % 16] += x[i];
    return join(lanes);
}

static inline float sum_squares(const float *x, float mean, size_t n)
{
    float lanes[16] = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t j = 0; j < 16; j++)
            lanes[j] += (x[i + j] - mean) * (x[i + j] - mean);
    for (; i < n; i++)
        lanes[i % 16] += (x[i] - mean) * (x[i] - mean);
    return join(lanes);
}

static inline float maximum(const float *x, size_t n)
{
    float lanes[16];
    for (size_t j = 0; j < 16; j++)
        lanes[j] = x[0];
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t j = 0; j < 16; j++)
            lanes[j] = lanes[j] > x[i + j] ? lanes[j] : x[i + j];
    for (; i < n; i++)
        lanes[0] = lanes[0] > x[i] ? lanes[0] : x[i];
    float top = lanes[0];
    for (size_t j = 1; j < 16; j++)
        top = top > lanes[j] ? top : lanes[j];
    return top;
}

static void norm(float *restrict y, const float *restrict x, const float *gain, const float *bias,
                 size_t T, size_t d)
{
    for (size_t t = 0; t < T; t++, x += d, y += d) {
        const float mean = sum(x, d) / (float)d;
        const float inverse = 1.0f / sqrtf(sum_squares(x, mean, d) / (float)d + 1e-5f);
        if (bias)
            for (size_t i = 0; i < d; i++)
                y[i] = (x[i] - mean) * inverse * gain[i] + bias[i];
        else
            for (size_t i = 0; i < d; i++)
                y[i] = (x[i] - mean) * inverse * gain[i];
    }
}

static void moments(const float *x, size_t d, float *ret_sum, float *ret_squares)
{
    *ret_sum = sum(x, d);
    *ret_squares = sum_squares(x, 0, d);
}

static void standardise(float *restrict x, float mean, float inverse, const float *restrict gain,
                        const float *restrict bias, size_t T, size_t d)
{
    for (size_t t = 0; t < T; t++, x += d)
        for (size_t i = 0; i < d; i++)
            x[i] = (x[i] - mean) * inverse * gain[i] + bias[i];
}

static void residual(float *restrict x, const float *restrict y, const float *scale, size_t T,
                     size_t d)
{
    for (size_t t = 0; t < T; t++, x += d, y += d)
        if (scale)
            for (size_t i = 0; i < d; i++)
                x[i] += scale[i] * y[i];
        else
            for (size_t i = 0; i < d; i++)
                x[i] += y[i];
}

static void gelu(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = 0.5f * x[i] * (1.0f + fast_erf(x[i] * 0.70710678f));
}

static void exponential(float *restrict y, const float *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = fast_exp(x[i]);
}

static void hyperbolic_tangent(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = 1.0f - 2.0f * fast_sigmoid(-2.0f * x[i]);
}

static void silu(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] *= fast_sigmoid(x[i]);
}

static void glu(float *restrict y, const float *restrict x, size_t T, size_t d)
{
    for (size_t t = 0; t < T; t++, x += 2 * d, y += d)
        for (size_t i = 0; i < d; i++)
            y[i] = x[i] * fast_sigmoid(x[d + i]);
}

static void swiglu(float *restrict y, const float *restrict x, size_t T, size_t d)
{
    for (size_t t = 0; t < T; t++, x += 2 * d, y += d)
        for (size_t i = 0; i < d; i++)
            y[i] = x[i] * x[d + i] * fast_sigmoid(x[d + i]);
}

static void depthwise(float *restrict y, const float *restrict x, const float *restrict w,
                      const float *restrict bias, size_t first, size_t rows, size_t T, size_t d,
                      size_t K)
{
    const size_t left = K / 2;
    for (size_t t = first; t < first + rows; t++, y += d) {
        memcpy(y, bias, d * sizeof *y);
        const size_t begin = t < left ? left - t : 0;
        const size_t end = t + left < T ? K : K - (t + left - T + 1);
        for (size_t k = begin; k < end; k++) {
            const float *row = x + (t + k - left) * d, *tap = w + k * d;
            for (size_t i = 0; i < d; i++)
                y[i] += row[i] * tap[i];
        }
    }
}

#define WINDOWS 4 /* that share a walk over the taps */

/* rows windows, a constant once inlined. */
static inline __attribute__((always_inline)) void
some_windows(int rows, float *restrict y, const float *restrict x, size_t stride,
             const float *restrict w, const float *restrict bias, size_t C, size_t K)
{
    size_t c = 0;
    for (; c + VEC <= C; c += VEC) {
        vec_floats sums[WINDOWS];
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
            sums[r] = vec_load(bias + c);
        for (size_t k = 0; k < K; k++) {
            const vec_floats taps = vec_load(w + k * C + c);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++)
                sums[r] += taps * x[(size_t)r * stride + k];
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
            vec_store(y + (size_t)r * C + c, sums[r]);
    }
    for (; c < C; c++)
        for (int r = 0; r < rows; r++) {
            float sum = bias[c];
            for (size_t k = 0; k < K; k++)
                sum += w[k * C + c] * x[(size_t)r * stride + k];
            y[(size_t)r * C + c] = sum;
        }
}

static void slide(float *restrict y, const float *restrict x, size_t stride,
                  const float *restrict w, const float *restrict bias, size_t T, size_t C, size_t K)
{
    size_t t = 0;
    for (; t + WINDOWS <= T; t += WINDOWS)
        some_windows(WINDOWS, y + t * C, x + t * stride, stride, w, bias, C, K);
    for (; t < T; t++)
        some_windows(1, y + t * C, x + t * stride, stride, w, bias, C, K);
}

static float soften(float *p, size_t n, float *top, float *ret_sum)
{
    const float here = maximum(p, n), old = *top, now = old > here ? old : here;
    for (size_t i = 0; i < n; i++)
        p[i] = fast_exp(p[i] - now);
    *top = now;
    *ret_sum = sum(p, n);
    return old == -INFINITY ? 0.0f : fast_exp(old - now);
}

static void log_softmax(float *x, size_t T, size_t n)
{
    for (size_t t = 0; t < T; t++, x += n) {
        const float top = maximum(x, n);
        double total = 0;
        for (size_t i = 0; i < n; i++)
            total += exp((double)(x[i] - top));
        const float log_total = top + (float)log(total);
        for (size_t i = 0; i < n; i++)
            x[i] -= log_total;
    }
}

static size_t choose(const float *x, size_t n, float *ret_log_sum)
{
    const float top = maximum(x, n);
    float lanes[16] = {0};
    size_t i = 0, best = 0;
    for (int found = 0; best + 16 <= n; best += 16) {
        for (size_t j = 0; j < 16; j++)
            found |= x[best + j] == top;
        if (found)
            break;
    }
    while (best + 1 < n && x[best] != top)
        best++;
    if (!ret_log_sum)
        return best;
    for (; i + 16 <= n; i += 16)
        for (size_t j = 0; j < 16; j++)
            lanes[j] += fast_exp(x[i + j] - top);
    for (; i < n; i++)
        lanes[i % 16] += fast_exp(x[i] - top);
    *ret_log_sum = top + logf(join(lanes));
    return best;
}

#define QUERIES KERNELS_QUERIES /* that share a walk over keys and values */

/* y [rows, count], count <= VEC, rows ld apart: sums over t < n of p [rows, ldp] times v. */
static inline __attribute__((always_inline)) void mix(int rows, size_t count, float *y, size_t ld,
                                                      const float *p, size_t ldp, const float *v,
                                                      size_t n)
{
    vec_floats sums[QUERIES] = {{0}};
    for (size_t t = 0; t < n; t++) {
        vec_floats value = {0};
        memcpy(&value, v + t * ld, count * sizeof *v);
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
            sums[r] += value * p[(size_t)r * ldp + t];
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
        memcpy(y + (size_t)r * ld, &sums[r], count * sizeof *y);
}

/* One head of rows queries, rows a constant once inlined. p [rows, ldk] is scratch. */
static inline __attribute__((always_inline)) void
attend_head(int rows, float *restrict qy, const float *restrict k, size_t ldk,
            const float *restrict v, size_t n, size_t ld, size_t width, float *restrict p)
{
    const float factor = 1.0f / sqrtf((float)width);
    const size_t last = n + (size_t)rows - 1; /* keys of the last row */
    for (size_t t = 0; t < last; t += VEC) {
        vec_floats scores[QUERIES] = {{0}};
        for (size_t i = 0; i < width; i++) {
            const vec_floats key = vec_load(k + i * ldk + t);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++)
                scores[r] += key * qy[(size_t)r * ld + i];
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
            vec_store(p + (size_t)r * ldk + t, scores[r] * factor);
    }
    for (int r = 0; r < rows; r++) {
        float *row = p + (size_t)r * ldk, top = -INFINITY, total;
        const size_t mine = n + (size_t)r, whole = (mine + 15) / 16 * 16;
        for (size_t t = mine; t < whole; t++)
            row[t] = -INFINITY;
        soften(row, whole, &top, &total);
        const float inverse = 1.0f / total;
        for (size_t t = 0; t < whole; t++)
            row[t] *= inverse;
        for (size_t t = mine; t < last; t++)
            row[t] = 0;
    }
    for (size_t i = 0; i + VEC <= width; i += VEC)
        mix(rows, VEC, qy + i, ld, p, ldk, v + i, last);
    if (width < VEC)
        mix(rows, width, qy, ld, p, ldk, v, last);
    else if (width % VEC) /* some a second time, to the same bits */
        mix(rows, VEC, qy + width - VEC, ld, p, ldk, v + width - VEC, last);
}

static void attend_behind(float *restrict qy, size_t rows, const float *restrict k, size_t ldk,
                          const float *restrict v, size_t n, size_t heads, size_t width,
                          float *restrict scratch)
{
    const size_t ld = heads * width;
    for (size_t head = 0; head < heads; head++, qy += width, k += width * ldk, v += width) {
        size_t row = 0;
        for (; row + QUERIES <= rows; row += QUERIES)
            attend_head(QUERIES, qy + row * ld, k, ldk, v, n + row, ld, width, scratch);
        for (; row < rows; row++)
            attend_head(1, qy + row * ld, k, ldk, v, n + row, ld, width, scratch);
    }
}

static void rotate(float *x, const float *cos, const float *sin, size_t T, size_t heads,
                   size_t width, size_t half)
{
    for (size_t t = 0; t < T; t++, cos += half, sin += half)
        for (size_t head = 0; head < heads; head++, x += width)
            for (size_t i = 0; i < half; i++) {
                const float a = x[i], b = x[half + i];
                x[i] = a * cos[i] - b * sin[i];
                x[half + i] = b * cos[i] + a * sin[i];
            }
}

/* Rounding zero may leave half a step below 0 or above 255, which is why it saturates. */
static void quantise(struct quant_rows *to, const float *x, size_t ldx, size_t T, size_t n)
{
    to->stride = quant_stride(n);
    for (size_t t = 0; t < T; t++, x += ldx) {
        uint8_t *q = to->q + t * to->stride;
        const size_t whole = n / VEC * VEC;
        float edge[VEC] = {0};
        memcpy(edge, x + whole, (n - whole) * sizeof *edge);
        vec_floats low = vec_min(vec_load(edge), vec_all(0));
        vec_floats high = vec_max(vec_load(edge), vec_all(0));
        for (size_t i = 0; i < whole; i += VEC) {
            low = vec_min(low, vec_load(x + i));
            high = vec_max(high, vec_load(x + i));
        }
        const float least = -vec_greatest(-low), range = vec_greatest(high) - least;
        const float scale = range > 0 ? range / 255 : 1, inverse = 1 / scale;
        const float zero = rintf(-least * inverse);
        for (size_t i = 0; i < whole; i += VEC)
            vec_store_rounded(q + i, vec_load(x + i) * inverse + zero);
        if (whole < to->stride) {
            uint8_t bytes[VEC];
            vec_store_rounded(bytes, vec_load(edge) * inverse + zero);
            memset(q + whole, 0, to->stride - whole);
            memcpy(q + whole, bytes, n - whole);
        }
        to->scale[t] = scale;
        to->zero[t] = (int32_t)zero;
    }
}

static void to_shorts(int16_t *restrict to, const float *restrict x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const float shifted = x[i] * 32767.0f + 12582912.0f; /* rounds: see fast_exp */
        int32_t bits;
        memcpy(&bits, &shifted, 4);
        to[i] = (int16_t)(bits - 0x4b400000);
    }
}

static void from_shorts(float *restrict to, const int16_t *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)from[i] * (1.0f / 32767.0f);
}

static void shrink(unsigned char *to, const float *x, size_t T, size_t d)
{
    const size_t groups = (d + KERNELS_GROUP - 1) / KERNELS_GROUP;
    for (size_t t = 0; t < T; t++, to += kernels_row_bytes(d), x += d)
        for (size_t g = 0; g < groups; g++) {
            const size_t begin = g * KERNELS_GROUP;
            const size_t count = d - begin < KERNELS_GROUP ? d - begin : KERNELS_GROUP;
            float group[KERNELS_GROUP] = {0};
            unsigned char bytes[KERNELS_GROUP];
            vec_floats largest = {0};
            memcpy(group, x + begin, count * sizeof *group);
            for (size_t i = 0; i < KERNELS_GROUP; i += VEC)
                largest = vec_max(largest, vec_size(vec_load(group + i)));
            const float greatest = vec_greatest(largest), scale = greatest / 127;
            const float inverse = greatest > 0 ? 127 / greatest : 0;
            for (size_t i = 0; i < KERNELS_GROUP; i += VEC)
                vec_store_bytes(bytes + i, vec_round(vec_load(group + i) * inverse));
            memcpy(to + g * sizeof scale, &scale, sizeof scale);
            memcpy(to + groups * sizeof scale + begin, bytes, count);
        }
}

static void widen(float *restrict x, const unsigned char *restrict from, size_t T, size_t d)
{
    const size_t groups = (d + KERNELS_GROUP - 1) / KERNELS_GROUP;
    for (size_t t = 0; t < T; t++, from += kernels_row_bytes(d), x += d) {
        const signed char *bytes = (const signed char *)(from + groups * sizeof(float));
        for (size_t g = 0; g < groups; g++) {
            const size_t begin = g * KERNELS_GROUP;
            float scale;
            memcpy(&scale, from + g * sizeof scale, sizeof scale);
            if (d - begin >= KERNELS_GROUP)
                for (size_t i = begin; i < begin + KERNELS_GROUP; i++)
                    x[i] = scale * (float)bytes[i];
            else
                for (size_t i = begin; i < d; i++)
                    x[i] = scale * (float)bytes[i];
        }
    }
}

const struct kernels LEVEL_NAME(kernels) = {
    .name = LEVEL_TEXT(LEVEL),
#if defined(__AVX2__) || defined(__ARM_FEATURE_DOTPROD)
    .int8_pays = true,
#endif
    .norm = norm,
    .moments = moments,
    .standardise = standardise,
    .residual = residual,
    .gelu = gelu,
    .exp = exponential,
    .tanh = hyperbolic_tangent,
    .silu = silu,
    .glu = glu,
    .swiglu = swiglu,
    .depthwise = depthwise,
    .slide = slide,
    .soften = soften,
    .log_softmax = log_softmax,
    .choose = choose,
    .attend_behind = attend_behind,
    .rotate = rotate,
    .quantise = quantise,
    .to_shorts = to_shorts,
    .from_shorts = from_shorts,
    .shrink = shrink,
    .widen = widen,
    .gemm = LEVEL_NAME(gemm),
    .attend = LEVEL_NAME(attend),
    .attend_bytes = LEVEL_NAME(attend_bytes),
    .attend_pack = LEVEL_NAME(attend_pack),
    .attend_packed_bytes = LEVEL_NAME(attend_packed_bytes),
    .attend_over = LEVEL_NAME(attend_over),
    .attend_over_bytes = LEVEL_NAME(attend_over_bytes),
};
