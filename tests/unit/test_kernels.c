#include "test.h"

#include <math.h>
#include <string.h>

#include "cpu.h"

/* Every kernel of every level that this CPU can run, against an obvious loop in double, on random
 * shapes. */

#define MOST 6000
static const struct kernels *kernels; /* of the level under test */
static float x[MOST], y[MOST], z[MOST], gain[600], bias[600];

static float random_float(float range)
{
    return ((float)rand() / (float)RAND_MAX * 2 - 1) * range;
}

static void fill(float *to, size_t count, float range)
{
    for (size_t i = 0; i < count; i++)
        to[i] = random_float(range);
}

static void assert_close(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance * (1 + fabs(want))))
        fail_msg("%.9g, not %.9g", got, want);
}

static size_t shape(size_t most)
{
    return 1 + (size_t)rand() % most;
}

static void layer_norm_agrees(void **state)
{
    (void)state;
    for (int round = 0; round < 50; round++) {
        const size_t T = shape(9), d = 2 + shape(500);
        fill(x, T * d, 5);
        fill(gain, d, 2);
        fill(bias, d, 2);
        kernels->norm(y, x, gain, round % 2 ? bias : NULL, T, d);
        for (size_t t = 0; t < T; t++) {
            double mean = 0, var = 0;
            for (size_t i = 0; i < d; i++)
                mean += (double)x[t * d + i] / (double)d;
            for (size_t i = 0; i < d; i++)
                var += pow((double)x[t * d + i] - mean, 2) / (double)d;
            for (size_t i = 0; i < d; i++)
                assert_close((double)y[t * d + i],
                             ((double)x[t * d + i] - mean) / sqrt(var + 1e-5) * (double)gain[i] +
                                 (round % 2 ? (double)bias[i] : 0),
                             2e-5);
        }
    }
}

static void activations_agree(void **state)
{
    (void)state;
    const size_t d = 501, T = 3;
    for (int round = 0; round < 20; round++) {
        fill(x, T * d, 12);
        for (size_t i = 0; i < T * d; i++)
            y[i] = z[i] = x[i];
        kernels->gelu(x, T * d);
        for (size_t i = 0; i < T * d; i++) {
            const double v = (double)y[i];
            assert_close((double)x[i], v / 2 * (1 + erf(v / sqrt(2))), 2e-6);
        }
        kernels->silu(y, T * d);
        for (size_t i = 0; i < T * d; i++)
            assert_close((double)y[i], (double)z[i] / (1 + exp(-(double)z[i])), 2e-6);
        for (size_t i = 0; i < T * d; i++)
            y[i] = z[i];
        kernels->tanh(z, T * d);
        for (size_t i = 0; i < T * d; i++)
            assert_close((double)z[i], tanh((double)y[i]), 1e-6);
    }
}

static void exponentials_agree(void **state)
{
    (void)state;
    fill(x, MOST, 80);
    kernels->exp(y, x, MOST);
    for (size_t i = 0; i < MOST; i++)
        assert_true(fabs((double)y[i] / exp((double)x[i]) - 1) < 3e-7);
}

static void extreme_values_stay_finite(void **state)
{
    (void)state;
    const float extreme[4] = {-1e30f, 1e30f, -90, 90};
    float v[4], huge[4] = {-3e38f, 3e38f, -2e38f, 2e38f};
    memcpy(v, extreme, sizeof v);
    kernels->silu(v, 4);
    for (int i = 0; i < 4; i++)
        assert_close((double)v[i], i % 2 ? (double)extreme[i] : 0, 2e-6);
    memcpy(v, extreme, sizeof v);
    kernels->tanh(v, 4);
    for (int i = 0; i < 4; i++)
        assert_close((double)v[i], i % 2 ? 1 : -1, 1e-6);
    memcpy(v, extreme, sizeof v);
    kernels->gelu(v, 4);
    for (int i = 0; i < 4; i++)
        assert_close((double)v[i], i % 2 ? (double)extreme[i] : 0, 2e-6);
    kernels->silu(huge, 4);
    kernels->gelu(huge, 4);
    for (int i = 0; i < 4; i++)
        assert_true(isfinite(huge[i]));
}

static void gated_linear_units_agree(void **state)
{
    (void)state;
    const size_t T = 4, d = 77;
    fill(x, T * 2 * d, 6);
    kernels->glu(y, x, T, d);
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < d; i++)
            assert_close((double)y[t * d + i],
                         (double)x[t * 2 * d + i] / (1 + exp(-(double)x[t * 2 * d + d + i])), 2e-6);
}

static void gated_silu_agrees(void **state)
{
    (void)state;
    const size_t T = 3, d = 91;
    fill(x, T * 2 * d, 9);
    kernels->swiglu(y, x, T, d);
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < d; i++) {
            const double gate = (double)x[t * 2 * d + d + i];
            assert_close((double)y[t * d + i], (double)x[t * 2 * d + i] * gate / (1 + exp(-gate)),
                         1e-5);
        }
}

static void the_first_of_the_greatest_is_chosen(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        const size_t n = shape(1000);
        fill(x, n, 20);
        if (round % 2)
            x[(size_t)rand() % n] = x[(size_t)rand() % n] = 21;
        size_t want = 0;
        double total = 0;
        float log_sum;
        for (size_t i = 0; i < n; i++) {
            want = x[i] > x[want] ? i : want;
            total += exp((double)x[i]);
        }
        assert_int_equal(kernels->choose(x, n, &log_sum), want);
        assert_close((double)log_sum, log(total), 1e-6);
    }
}

static void attention_to_what_is_behind_agrees(void **state)
{
    (void)state;
    for (int round = 0; round < 120; round++) {
        const size_t heads = shape(3), width = shape(40), d = heads * width, rows = shape(9);
        const size_t most = MOST / d < 90 ? MOST / d : 90;
        const size_t n = shape(most > rows ? most - rows : 1), ldk = (n + rows + 14) / 16 * 16;
        static float k[MOST + 2000], qy[9 * 200], alone[200], scratch[KERNELS_QUERIES * 112];
        double p[200];
        fill(k, d * ldk, 2);            /* transposed */
        fill(x, (n + rows - 1) * d, 2); /* values */
        fill(qy, rows * d, 2);
        memcpy(y, qy, rows * d * sizeof *qy);
        kernels->attend_behind(qy, rows, k, ldk, x, n, heads, width, scratch);
        for (size_t r = 0; r < rows; r++) {
            memcpy(alone, y + r * d, d * sizeof *alone);
            kernels->attend_behind(alone, 1, k, ldk, x, n + r, heads, width, scratch);
            assert_memory_equal(alone, qy + r * d, d * sizeof *alone);
            for (size_t head = 0; head < heads; head++) {
                double total = 0;
                for (size_t t = 0; t < n + r; t++) {
                    double score = 0;
                    for (size_t i = head * width; i < (head + 1) * width; i++)
                        score += (double)y[r * d + i] * (double)k[i * ldk + t];
                    total += p[t] = exp(score / sqrt((double)width));
                }
                for (size_t i = head * width; i < (head + 1) * width; i++) {
                    double want = 0;
                    for (size_t t = 0; t < n + r; t++)
                        want += p[t] / total * (double)x[t * d + i];
                    assert_close((double)qy[r * d + i], want, 1e-5);
                }
            }
        }
    }
}

static void depthwise_convolution_agrees_also_when_shorter_than_its_taps(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        const size_t T = shape(40), d = shape(60), K = 2 * (size_t)(rand() % 9) + 1;
        fill(x, T * d, 2);
        fill(z, K * d, 1);
        fill(bias, d, 1);
        const size_t first = (size_t)rand() % T, rows = shape(T - first);
        kernels->depthwise(y, x, z, bias, first, rows, T, d, K);
        for (size_t t = first; t < first + rows; t++)
            for (size_t i = 0; i < d; i++) {
                double want = (double)bias[i];
                for (size_t k = 0; k < K; k++)
                    if (t + k >= K / 2 && t + k - K / 2 < T)
                        want += (double)x[(t + k - K / 2) * d + i] * (double)z[k * d + i];
                assert_close((double)y[(t - first) * d + i], want, 1e-5);
            }
    }
}

static void sliding_windows_agree_and_do_not_mind_their_company(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        const size_t T = shape(20), C = shape(60), K = shape(12), stride = shape(7);
        fill(x, (T - 1) * stride + K, 2);
        fill(z, K * C, 1);
        fill(bias, C, 1);
        kernels->slide(y, x, stride, z, bias, T, C, K);
        for (size_t t = 0; t < T; t++) {
            float alone[60];
            kernels->slide(alone, x + t * stride, stride, z, bias, 1, C, K);
            assert_memory_equal(alone, y + t * C, C * sizeof *alone);
            for (size_t c = 0; c < C; c++) {
                double want = (double)bias[c];
                for (size_t k = 0; k < K; k++)
                    want += (double)x[t * stride + k] * (double)z[k * C + c];
                assert_close((double)y[t * C + c], want, 1e-5);
            }
        }
    }
}

static void softmax_and_log_softmax_agree(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        const size_t T = shape(5), n = shape(900);
        fill(x, T * n, 10);
        for (size_t i = 0; i < T * n; i++)
            y[i] = z[i] = x[i];
        kernels->log_softmax(y, T, n);
        for (size_t t = 0; t < T; t++) {
            /* In two pieces, as attention does it. */
            const size_t cut = (size_t)rand() % n;
            float top = -INFINITY, sum = 0, second;
            double total = 0;
            if (cut)
                assert_true(kernels->soften(x + t * n, cut, &top, &sum) == 0);
            const float keep = kernels->soften(x + t * n + cut, n - cut, &top, &second);
            for (size_t i = 0; i < n; i++)
                total += exp((double)z[t * n + i]);
            for (size_t i = 0; i < n; i++) {
                const float p = i < cut ? x[t * n + i] * keep : x[t * n + i];
                assert_close((double)(p / (sum * keep + second)), exp((double)z[t * n + i]) / total,
                             1e-6);
                assert_close((double)y[t * n + i], (double)z[t * n + i] - log(total), 2e-6);
            }
        }
    }
}

static void rotation_turns_pairs_and_leaves_the_rest(void **state)
{
    const float cosines[2] = {0.6f, 1}, sines[2] = {0.8f, 0};
    float v[10] = {1, 2, 3, 4, 5, 1, 0, 0, 0, 9}; /* two heads of five, halves of two */
    (void)state;
    kernels->rotate(v, cosines, sines, 1, 2, 5, 2);
    const float want[10] = {0.6f - 2.4f, 2, 1.8f + 0.8f, 4, 5, 0.6f, 0, 0.8f, 0, 9};
    for (int i = 0; i < 10; i++)
        assert_close((double)v[i], (double)want[i], 1e-6);
}

static void moments_and_standardising_agree(void **state)
{
    const size_t T = 3, d = 77;
    float sum, squares;
    double want = 0, want_squares = 0;
    (void)state;
    fill(x, T * d, 3);
    fill(gain, d, 2);
    fill(bias, d, 2);
    kernels->moments(x, d, &sum, &squares);
    for (size_t i = 0; i < d; i++) {
        want += (double)x[i];
        want_squares += (double)x[i] * (double)x[i];
    }
    assert_close((double)sum, want, 1e-5);
    assert_close((double)squares, want_squares, 1e-5);
    for (size_t i = 0; i < T * d; i++)
        y[i] = x[i];
    kernels->standardise(y, 0.5f, 3, gain, bias, T, d);
    for (size_t i = 0; i < T * d; i++)
        assert_close((double)y[i],
                     ((double)x[i] - 0.5) * 3 * (double)gain[i % d] + (double)bias[i % d], 1e-6);
}

static void shorts_come_back(void **state)
{
    static int16_t kept[MOST];
    (void)state;
    fill(x, MOST, 1);
    x[0] = 1;
    x[1] = -1;
    x[2] = 0;
    kernels->to_shorts(kept, x, MOST);
    kernels->from_shorts(y, kept, MOST);
    for (size_t i = 0; i < MOST; i++)
        assert_true(fabsf(y[i] - x[i]) <= 0.5001f / 32767);
    assert_true(y[0] == 1 && y[1] == -1 && y[2] == 0);
}

static void residuals_are_scaled_by_channel(void **state)
{
    float a[4] = {1, 1, 1, 1};
    const float b[4] = {1, 2, 3, 4}, scale[2] = {0.5f, 2};
    (void)state;
    kernels->residual(a, b, scale, 2, 2);
    assert_float_equal(a[3], 9, 1e-6f);
    kernels->residual(a, b, NULL, 2, 2);
    assert_float_equal(a[0], 2.5f, 1e-6f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layer_norm_agrees),
        cmocka_unit_test(activations_agree),
        cmocka_unit_test(exponentials_agree),
        cmocka_unit_test(extreme_values_stay_finite),
        cmocka_unit_test(gated_linear_units_agree),
        cmocka_unit_test(gated_silu_agrees),
        cmocka_unit_test(the_first_of_the_greatest_is_chosen),
        cmocka_unit_test(attention_to_what_is_behind_agrees),
        cmocka_unit_test(depthwise_convolution_agrees_also_when_shorter_than_its_taps),
        cmocka_unit_test(sliding_windows_agree_and_do_not_mind_their_company),
        cmocka_unit_test(softmax_and_log_softmax_agree),
        cmocka_unit_test(rotation_turns_pairs_and_leaves_the_rest),
        cmocka_unit_test(moments_and_standardising_agree),
        cmocka_unit_test(shorts_come_back),
        cmocka_unit_test(residuals_are_scaled_by_channel),
    };
    int failed = 0;
    for (size_t i = 0; (kernels = cpu_kernels(i)); i++)
        failed += cmocka_run_group_tests_name(kernels->name, tests, NULL, NULL);
    return failed;
}
