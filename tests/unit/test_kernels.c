#include "test.h"

#include <math.h>

#include "kernels.h"

/* Every kernel against an obvious loop in double, on random shapes. */

#define MOST 6000
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
        kernels_norm(y, x, gain, round % 2 ? bias : NULL, T, d);
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
        fill(bias, d, 1);
        fill(x, T * d, 12);
        for (size_t i = 0; i < T * d; i++)
            y[i] = z[i] = x[i];
        kernels_gelu(x, bias, T, d);
        for (size_t i = 0; i < T * d; i++) {
            const double v = (double)(y[i] + bias[i % d]);
            assert_close((double)x[i], v / 2 * (1 + erf(v / sqrt(2))), 2e-6);
        }
        kernels_silu(y, T * d);
        for (size_t i = 0; i < T * d; i++)
            assert_close((double)y[i], (double)z[i] / (1 + exp(-(double)z[i])), 2e-6);
        for (size_t i = 0; i < T * d; i++)
            y[i] = z[i];
        kernels_tanh(z, T * d);
        for (size_t i = 0; i < T * d; i++)
            assert_close((double)z[i], tanh((double)y[i]), 1e-6);
    }
}

static void exponentials_agree(void **state)
{
    (void)state;
    fill(x, MOST, 80);
    kernels_exp(y, x, MOST);
    for (size_t i = 0; i < MOST; i++)
        assert_true(fabs((double)y[i] / exp((double)x[i]) - 1) < 3e-7);
}

static void extreme_values_stay_finite(void **state)
{
    float v[4] = {-1e30f, 1e30f, -90, 90}, b[4] = {0};
    (void)state;
    kernels_silu(v, 4);
    kernels_tanh(v, 4);
    kernels_gelu(v, b, 1, 4);
    for (int i = 0; i < 4; i++)
        assert_true(isfinite(v[i]));
}

static void gated_linear_units_agree(void **state)
{
    (void)state;
    const size_t T = 4, d = 77;
    fill(x, T * 2 * d, 6);
    fill(bias, 2 * d, 1);
    kernels_glu(y, x, bias, T, d);
    for (size_t t = 0; t < T; t++)
        for (size_t i = 0; i < d; i++)
            assert_close((double)y[t * d + i],
                         (double)(x[t * 2 * d + i] + bias[i]) /
                             (1 + exp(-(double)(x[t * 2 * d + d + i] + bias[d + i]))),
                         2e-6);
}

static void depthwise_convolution_agrees_also_when_shorter_than_its_taps(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        const size_t T = shape(40), d = shape(60), K = 2 * (size_t)(rand() % 9) + 1;
        fill(x, T * d, 2);
        fill(z, K * d, 1);
        fill(bias, d, 1);
        kernels_depthwise(y, x, z, bias, T, d, K);
        for (size_t t = 0; t < T; t++)
            for (size_t i = 0; i < d; i++) {
                double want = (double)bias[i];
                for (size_t k = 0; k < K; k++)
                    if (t + k >= K / 2 && t + k - K / 2 < T)
                        want += (double)x[(t + k - K / 2) * d + i] * (double)z[k * d + i];
                assert_close((double)y[t * d + i], want, 1e-5);
            }
    }
}

static void softmax_and_log_softmax_agree(void **state)
{
    (void)state;
    for (int round = 0; round < 40; round++) {
        const size_t T = shape(5), n = shape(900);
        fill(x, T * n, 30);
        for (size_t i = 0; i < T * n; i++)
            y[i] = z[i] = x[i];
        kernels_softmax(x, 0.25f, T, n);
        kernels_log_softmax(y, T, n);
        for (size_t t = 0; t < T; t++) {
            double soft = 0, total = 0;
            for (size_t i = 0; i < n; i++) {
                soft += exp(0.25 * (double)z[t * n + i]);
                total += exp((double)z[t * n + i]);
            }
            for (size_t i = 0; i < n; i++) {
                assert_close((double)x[t * n + i], exp(0.25 * (double)z[t * n + i]) / soft, 1e-6);
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
    kernels_rotate(v, cosines, sines, 1, 2, 5, 2);
    const float want[10] = {0.6f - 2.4f, 2, 1.8f + 0.8f, 4, 5, 0.6f, 0, 0.8f, 0, 9};
    for (int i = 0; i < 10; i++)
        assert_close((double)v[i], (double)want[i], 1e-6);
}

static void residuals_are_scaled_by_channel(void **state)
{
    float a[4] = {1, 1, 1, 1};
    const float b[4] = {1, 2, 3, 4}, scale[2] = {0.5f, 2};
    (void)state;
    kernels_residual(a, b, scale, 2, 2);
    assert_float_equal(a[3], 9, 1e-6f);
    kernels_residual(a, b, NULL, 2, 2);
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
        cmocka_unit_test(depthwise_convolution_agrees_also_when_shorter_than_its_taps),
        cmocka_unit_test(softmax_and_log_softmax_agree),
        cmocka_unit_test(rotation_turns_pairs_and_leaves_the_rest),
        cmocka_unit_test(residuals_are_scaled_by_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
