#include "test.h"

#include <math.h>
#include <string.h>

#include "cpu.h"

/* The products in 8 bits, of every level that this CPU can run, against obvious loops. */

#define ROWS 50
#define OUT  200
#define IN   300
static const struct kernels *kernels;
static float x[ROWS * IN], y[ROWS * OUT], weights[OUT * IN];
static uint8_t q[ROWS * (IN + 4)];
static float row_scale[ROWS];
static int32_t row_zero[ROWS];
static int8_t bytes[OUT * IN];
static _Alignas(64) int8_t packed[(OUT + QUANT_PANEL) * (IN + 4)];
static float scale[OUT + QUANT_PANEL], bias[OUT + QUANT_PANEL];
static int32_t sums[OUT + QUANT_PANEL];

static void fill(float *to, size_t count, float range)
{
    for (size_t i = 0; i < count; i++)
        to[i] = ((float)rand() / (float)RAND_MAX * 2 - 1) * range;
}

static size_t upto(size_t most)
{
    return 1 + (size_t)rand() % most;
}

static void every_element_is_within_half_a_step_of_its_byte(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        const size_t T = upto(9), n = upto(IN), ld = upto(n + 5); /* rows may overlap */
        struct quant_rows rows = {q, row_scale, row_zero, 0};
        fill(x, (T - 1) * ld + n, round % 3 ? 4 : 1e-3f);
        for (size_t i = 0; i < n; i++)
            x[i] = round % 4 ? fabsf(x[i]) : 0; /* one-sided, and all zero */
        kernels->quantise(&rows, x, ld, T, n);
        assert_int_equal(rows.stride, quant_stride(n));
        for (size_t t = 0; t < T; t++) {
            const double step = (double)row_scale[t];
            for (size_t i = 0; i < n; i++) {
                const double back = step * (q[t * rows.stride + i] - row_zero[t]);
                if (!(fabs(back - (double)x[t * ld + i]) <= 0.501 * step))
                    fail_msg("%g became %g, a step is %g", (double)x[t * ld + i], back, step);
            }
            for (size_t i = n; i < rows.stride; i++)
                assert_int_equal(q[t * rows.stride + i], 0);
        }
    }
}

static struct quant_weights pack(size_t out, size_t in)
{
    memset(packed, 0, quant_packed_bytes(out, in));
    for (size_t n = 0; n < out; n++)
        sums[n] = quant_pack_row(packed, n, bytes + n * in, in);
    return (struct quant_weights){packed, scale, sums, bias, out, in};
}

static void weights_are_rounded_by_row(void **state)
{
    (void)state;
    fill(weights, IN, 0.3f);
    weights[7] = -0.5f;
    const float step = quant_row(bytes, weights, IN);
    assert_float_equal(step, 0.5f / 127, 1e-9f);
    assert_int_equal(bytes[7], -127);
    for (size_t i = 0; i < IN; i++)
        assert_true(fabsf(step * bytes[i] - weights[i]) <= 0.501f * step);
    memset(weights, 0, sizeof weights);
    assert_true(quant_row(bytes, weights, IN) > 0);
    assert_int_equal(bytes[0], 0);
}

static void products_are_exact(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        const size_t T = upto(ROWS), out = upto(OUT), in = upto(IN), ldy = out + upto(9) - 1;
        struct quant_rows rows = {q, row_scale, row_zero, quant_stride(in)};
        memset(q, 0, sizeof q);
        for (size_t t = 0; t < T; t++) {
            /* The extremes as well: neither may saturate on the way. */
            for (size_t k = 0; k < in; k++)
                q[t * rows.stride + k] = round % 5 ? (uint8_t)rand() : 255;
            row_zero[t] = rand() % 256;
            row_scale[t] = (float)upto(100) / 64;
        }
        for (size_t i = 0; i < out * in; i++)
            bytes[i] = (int8_t)(round % 5 ? rand() % 255 - 127 : round % 2 ? 127 : -127);
        fill(scale, out, 1);
        fill(bias, out, 5);
        const struct quant_weights w = pack(out, in);
        float *to = malloc(T * ldy * sizeof *to);
        for (size_t i = 0; i < T * ldy; i++)
            to[i] = 12345;
        kernels->gemm(to, ldy, &rows, T, &w);
        for (size_t t = 0; t < T; t++) {
            for (size_t n = 0; n < out; n++) {
                int32_t exact = 0;
                for (size_t k = 0; k < in; k++)
                    exact += (q[t * rows.stride + k] - row_zero[t]) * bytes[n * in + k];
                const double want =
                    (double)exact * (double)scale[n] * (double)row_scale[t] + (double)bias[n];
                if (!(fabs((double)to[t * ldy + n] - want) <= 1e-5 + 1e-6 * fabs(want)))
                    fail_msg("%g, not %g", (double)to[t * ldy + n], want);
            }
            for (size_t n = out; n < ldy; n++)
                assert_true(to[t * ldy + n] == 12345); /* what lies between rows is left alone */
        }
        free(to);
    }
}

static void a_row_does_not_depend_on_the_rows_around_it(void **state)
{
    const size_t in = 100, out = 70;
    struct quant_rows rows = {q, row_scale, row_zero, 0};
    static float all[ROWS * OUT];
    (void)state;
    fill(x, ROWS * in, 3);
    fill(scale, out, 1);
    fill(bias, out, 1);
    for (size_t i = 0; i < out * in; i++)
        bytes[i] = (int8_t)(rand() % 255 - 127);
    const struct quant_weights w = pack(out, in);
    kernels->quantise(&rows, x, in, ROWS, in);
    kernels->gemm(all, out, &rows, ROWS, &w);
    for (size_t first = 0; first < ROWS; first += 7)
        for (size_t count = 1; first + count <= ROWS; count += 5) {
            kernels->quantise(&rows, x + first * in, in, count, in);
            kernels->gemm(y, out, &rows, count, &w);
            assert_memory_equal(y, all + first * out, count * out * sizeof *y);
        }
}

/* With the last level but the plain one, which may round between multiplication and addition. */
static void every_level_gives_the_same_bits(void **state)
{
    const struct kernels *other = kernels;
    (void)state;
    for (size_t i = 0; cpu_kernels(i) && cpu_kernels(i + 1); i++)
        other = cpu_kernels(i);
    if (!cpu_kernels(1) || strcmp(kernels->name, "baseline") == 0)
        skip();
    for (int round = 0; round < 100; round++) {
        const size_t T = upto(ROWS), out = upto(OUT), in = upto(IN);
        struct quant_rows rows = {q, row_scale, row_zero, 0};
        static float want[ROWS * OUT];
        fill(x, T * in, 3);
        fill(scale, out, 1);
        fill(bias, out, 1);
        for (size_t i = 0; i < out * in; i++)
            bytes[i] = (int8_t)(rand() % 255 - 127);
        const struct quant_weights w = pack(out, in);
        kernels->quantise(&rows, x, in, T, in);
        kernels->gemm(y, out, &rows, T, &w);
        other->gemm(want, out, &rows, T, &w);
        assert_memory_equal(y, want, T * out * sizeof *y);
    }
}

static void attention_agrees(void **state)
{
    (void)state;
    for (int round = 0; round < 12; round++) {
        /* Longer than a tile of keys, shorter, and one frame; heads of any width. */
        const size_t T = round % 4 == 0 ? 1 : upto(round % 2 ? 700 : 60);
        const size_t heads = upto(3), width = upto(70), d = heads * width;
        float *f = malloc(4 * T * d * sizeof *f), *k = f + T * d, *v = k + T * d, *was = v + T * d;
        void *scratch = aligned_alloc(64, kernels->attend_bytes(T, width));
        double *p = malloc(T * sizeof *p), worst = 0;
        fill(f, 3 * T * d, 2);
        memcpy(was, f, T * d * sizeof *f);
        kernels->attend(f, k, v, T, heads, width, scratch);
        for (size_t head = 0; head < heads; head++)
            for (size_t t = 0; t < T; t += 1 + T / 20) {
                double total = 0;
                for (size_t u = 0; u < T; u++) {
                    double score = 0;
                    for (size_t i = head * width; i < (head + 1) * width; i++)
                        score += (double)was[t * d + i] * (double)k[u * d + i];
                    total += p[u] = exp(score / sqrt((double)width));
                }
                for (size_t i = head * width; i < (head + 1) * width; i++) {
                    double want = 0;
                    for (size_t u = 0; u < T; u++)
                        want += p[u] / total * (double)v[u * d + i];
                    worst = fmax(worst, fabs(want - (double)f[t * d + i]));
                }
            }
        if (!(worst < 0.06)) /* of values up to 2 */
            fail_msg("T %zu, %zu heads of %zu: off by %g", T, heads, width, worst);
        free(f);
        free(scratch);
        free(p);
    }
}

static void keys_packed_once_give_every_row_the_same_whatever_is_with_it(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        const size_t T = upto(round % 2 ? 600 : 50), heads = upto(3), width = upto(70);
        const size_t d = heads * width, all_bytes = T * d * sizeof(float);
        float *k = malloc(4 * all_bytes), *v = k + T * d, *was = v + T * d, *want = was + T * d;
        const size_t room = kernels->attend_bytes(T, width);
        void *kept = aligned_alloc(64, kernels->attend_packed_bytes(T, heads, width));
        void *scratch = aligned_alloc(64, room);
        assert_true(kernels->attend_over_bytes(width) <= room);
        fill(k, 3 * T * d, 2);
        memcpy(want, was, all_bytes);
        kernels->attend(want, k, v, T, heads, width, scratch);
        kernels->attend_pack(kept, k, v, T, heads, width);
        memset(k, 0, 2 * all_bytes); /* no longer looked at */
        float *rows = malloc(all_bytes);
        for (size_t first = 0; first < T; first += 1 + T / 5)
            for (size_t count = 1; first + count <= T; count += 1 + T / 4) {
                memcpy(rows, was + first * d, count * d * sizeof *rows);
                kernels->attend_over(rows, count, kept, T, heads, width, scratch);
                assert_memory_equal(rows, want + first * d, count * d * sizeof *rows);
            }
        free(rows);
        free(k);
        free(kept);
        free(scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_element_is_within_half_a_step_of_its_byte),
        cmocka_unit_test(weights_are_rounded_by_row),
        cmocka_unit_test(products_are_exact),
        cmocka_unit_test(a_row_does_not_depend_on_the_rows_around_it),
        cmocka_unit_test(attention_agrees),
        cmocka_unit_test(keys_packed_once_give_every_row_the_same_whatever_is_with_it),
        cmocka_unit_test(every_level_gives_the_same_bits),
    };
    int failed = 0;
    for (size_t i = 0; (kernels = cpu_kernels(i)); i++) {
        srand(1); /* the same numbers for every level */
        failed += cmocka_run_group_tests_name(kernels->name, tests, NULL, NULL);
    }
    return failed;
}
