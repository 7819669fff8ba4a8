#include <math.h>
#include <string.h>

#include "resample.h"
#include "test.h"

static const uint32_t rates_hz[] = {8000,  11025, 12000, 16000, 22050, 24000,
                                    32000, 44100, 48000, 96000, 192000};

/* Resamples in [count], `step` samples at a time; *ret_out is the caller's to free. */
static size_t run(uint32_t rate_hz, const float *in, size_t count, size_t step, float **ret_out)
{
    struct resample *resample;
    size_t got = 0, room;

    assert_int_equal(resample_open(&resample, rate_hz), 0);
    room = resample_max_samples(resample, count);
    float *out = malloc((room + 1) * sizeof(*out));
    for (size_t at = 0; at < count; at += step)
        got += resample_push(resample, in + at, step < count - at ? step : count - at, out + got);
    assert_int_equal(resample_max_samples(resample, 0), room - got);
    got += resample_flush(resample, out + got);
    assert_int_equal(got, room);
    resample_close(resample);
    *ret_out = out;
    return got;
}

static void every_rate_gives_exactly_its_share_of_samples(void **state)
{
    static float in[70001];
    const size_t counts[] = {0, 1, 2, 479, 7919, 70001};

    for (size_t r = 0; r < sizeof(rates_hz) / sizeof(rates_hz[0]); r++)
        for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
            float *out;
            const size_t got = run(rates_hz[r], in, counts[c], 1000, &out);
            assert_int_equal(got, (size_t)llround((double)counts[c] * 16000 / rates_hz[r]));
            free(out);
        }
}

/* A tone comes out as the same tone: no delay, no lost end, level kept. */
static void a_tone_keeps_its_time_and_level(void **state)
{
    for (size_t r = 0; r < sizeof(rates_hz) / sizeof(rates_hz[0]); r++) {
        const size_t count = rates_hz[r]; /* one second */
        float *in = malloc(count * sizeof(*in)), *out;
        for (size_t i = 0; i < count; i++)
            in[i] = 0.5f * sinf((float)(2 * M_PI * 440.0 * (double)i / rates_hz[r]));
        const size_t got = run(rates_hz[r], in, count, 777, &out);
        assert_int_equal(got, 16000);
        for (size_t i = 200; i < got - 200; i++) {
            const float want = 0.5f * sinf((float)(2 * M_PI * 440.0 * (double)i / 16000));
            assert_float_equal(out[i], want, 2e-3f);
        }
        free(in);
        free(out);
    }
}

static void a_click_near_the_end_is_not_lost(void **state)
{
    static float in[48000];
    float *out;

    memset(in, 0, sizeof(in));
    in[47960] = 1.0f;
    const size_t got = run(48000, in, 48000, 480, &out);
    size_t loudest = 0;
    for (size_t i = 0; i < got; i++)
        if (fabsf(out[i]) > fabsf(out[loudest]))
            loudest = i;
    assert_in_range(loudest, 15986, 15988);
    free(out);
}

static void cutting_does_not_change_the_result(void **state)
{
    static float in[44100];
    float *whole, *pieces;

    for (size_t i = 0; i < 44100; i++)
        in[i] = (float)((i * 7919) % 2001) / 1000.0f - 1.0f;
    const size_t n = run(44100, in, 44100, 44100, &whole);
    assert_int_equal(run(44100, in, 44100, 13, &pieces), n);
    assert_memory_equal(whole, pieces, n * sizeof(float));
    free(whole);
    free(pieces);
}

static void flushing_on_the_way_keeps_the_clock(void **state)
{
    static float in[9000], out[30000];
    struct resample *resample;
    size_t got = 0;

    for (size_t i = 0; i < 9000; i++)
        in[i] = 0.5f;
    assert_int_equal(resample_open(&resample, 11025), 0);
    for (size_t i = 0; i < 9; i++) {
        got += resample_push(resample, in, 1000, out + got);
        got += resample_flush(resample, out + got);
        assert_int_equal(got, (size_t)llround((double)(i + 1) * 1000 * 16000 / 11025));
        assert_float_equal(out[got - 400], 0.5f, 5e-3f); /* the filter works after a flush */
    }
    resample_close(resample);
}

static void rates_out_of_range_are_refused(void **state)
{
    struct resample *resample = NULL;

    assert_int_equal(resample_open(&resample, 7999), -1);
    assert_int_equal(resample_open(&resample, 192001), -1);
    assert_int_equal(resample_open(&resample, 0), -1);
    assert_null(resample);
    resample_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rate_gives_exactly_its_share_of_samples),
        cmocka_unit_test(a_tone_keeps_its_time_and_level),
        cmocka_unit_test(a_click_near_the_end_is_not_lost),
        cmocka_unit_test(cutting_does_not_change_the_result),
        cmocka_unit_test(flushing_on_the_way_keeps_the_clock),
        cmocka_unit_test(rates_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
