#include <math.h>
#include <string.h>

#include "mix.h"
#include "test.h"

#define COUNT 16000

static float frames[2 * COUNT], mono[COUNT];

static double energy(size_t from)
{
    double sum = 0;

    for (size_t i = from; i < COUNT; i++)
        sum += (double)mono[i] * (double)mono[i];
    return sum / (double)(COUNT - from);
}

static void channels_are_averaged(void **state)
{
    const float in[] = {0.5f, 0, -0.5f, -0.5f};
    struct mix mix;

    mix_init(&mix, 2, 0);
    mix_push(&mix, in, 2, mono);
    assert_float_equal(mono[0], 0.25f, 0);
    assert_float_equal(mono[1], -0.5f, 0);
    mix_init(&mix, 2, 2);
    mix_push(&mix, in, 2, mono);
    assert_float_equal(mono[0], 0, 0);
}

static void not_a_number_is_silence_and_loud_is_clipped(void **state)
{
    const float in[] = {NAN, INFINITY, -INFINITY, 7.25f, -1.5f, 0.25f};
    const float want[] = {0, 0, 0, 1, -1, 0.25f};
    struct mix mix;
    char text[100];

    mix_init(&mix, 1, 0);
    mix_push(&mix, in, 6, mono);
    assert_memory_equal(mono, want, sizeof(want));
    assert_false(mix_note(&mix, text, sizeof(text)));
}

static void channels_that_cancel_are_heard_by_the_louder_one(void **state)
{
    struct mix mix;

    for (size_t i = 0; i < COUNT; i++) {
        frames[2 * i] = 0.3f * sinf((float)i * 0.07f);
        frames[2 * i + 1] = -0.9f * frames[2 * i];
    }
    mix_init(&mix, 2, 0);
    mix_push(&mix, frames, COUNT, mono);
    assert_true(fabs(energy(1000) - 0.045) < 0.002);
    assert_float_equal(mono[5000], frames[10000], 0);
}

static void alike_unlike_and_single_channels_are_averaged(void **state)
{
    struct mix mix;

    for (int kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < COUNT; i++) {
            frames[2 * i] = 0.3f * sinf((float)i * 0.07f);
            frames[2 * i + 1] = kind == 0   ? frames[2 * i]
                                : kind == 1 ? 0.3f * sinf((float)i * 0.0917f)
                                            : 0.0f;
        }
        mix_init(&mix, 2, 0);
        mix_push(&mix, frames, COUNT, mono);
        for (size_t i = 0; i < COUNT; i++)
            assert_float_equal(mono[i], (frames[2 * i] + frames[2 * i + 1]) / 2, 1e-6f);
    }
}

static void floats_scaled_as_integers_are_brought_back_and_noted(void **state)
{
    static const float fulls[] = {32768.0f, 8388608.0f, 2147483648.0f};
    char text[200];
    struct mix mix;

    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < COUNT; i++)
            frames[i] = rintf(fulls[k] * 0.5f * sinf((float)i * 0.07f));
        mix_init(&mix, 1, 0);
        mix_push(&mix, frames, COUNT, mono);
        assert_true(fabs(energy(100) - 0.125) < 0.002);
        assert_true(mix_note(&mix, text, sizeof(text)));
        assert_non_null(strstr(text, "divided by"));
    }
}

static void any_cutting_gives_the_same(void **state)
{
    static float cut[COUNT];
    struct mix mix;

    for (size_t i = 0; i < COUNT; i++) {
        frames[2 * i] = (float)(i % 4001) * sinf((float)i * 0.07f);
        frames[2 * i + 1] = (i / 5000 % 2 ? -1.0f : 1.0f) * frames[2 * i];
    }
    mix_init(&mix, 2, 0);
    mix_push(&mix, frames, COUNT, mono);
    mix_init(&mix, 2, 0);
    for (size_t at = 0, step = 1; at < COUNT; at += step, step = step * 7 % 997) {
        step = step < COUNT - at ? step : COUNT - at;
        mix_push(&mix, frames + 2 * at, step, cut + at);
    }
    assert_memory_equal(cut, mono, sizeof(mono));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_are_averaged),
        cmocka_unit_test(not_a_number_is_silence_and_loud_is_clipped),
        cmocka_unit_test(channels_that_cancel_are_heard_by_the_louder_one),
        cmocka_unit_test(alike_unlike_and_single_channels_are_averaged),
        cmocka_unit_test(floats_scaled_as_integers_are_brought_back_and_noted),
        cmocka_unit_test(any_cutting_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
