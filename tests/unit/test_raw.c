#include <string.h>

#include "raw.h"
#include "test.h"

static size_t decode(enum raw_encoding encoding, uint32_t channels, const void *bytes, size_t count,
                     float *frames)
{
    struct raw raw;
    assert_int_equal(raw_init(&raw, encoding, channels), 0);
    return raw_push(&raw, bytes, count, frames);
}

static void known_values_of_every_encoding(void **state)
{
    float x[4];

    assert_int_equal(decode(RAW_LINEAR16, 1, "\x00\x80\xff\x7f\x01\x00", 6, x), 3);
    assert_float_equal(x[0], -1.0f, 0);
    assert_float_equal(x[1], 32767 / 32768.0f, 0);
    assert_float_equal(x[2], 1 / 32768.0f, 0);
    assert_int_equal(decode(RAW_LINEAR32, 1, "\x00\x00\x00\x80\x00\x00\x00\x40", 8, x), 2);
    assert_float_equal(x[0], -1.0f, 0);
    assert_float_equal(x[1], 0.5f, 0);
    const float half = -0.5f;
    assert_int_equal(decode(RAW_FLOAT32, 1, &half, 4, x), 1);
    assert_float_equal(x[0], -0.5f, 0);
    const double quarter = 0.25;
    assert_int_equal(decode(RAW_FLOAT64, 1, &quarter, 8, x), 1);
    assert_float_equal(x[0], 0.25f, 0);
    assert_int_equal(decode(RAW_LINEAR24, 1, "\x00\x00\x80\x00\x00\x40", 6, x), 2);
    assert_float_equal(x[0], -1.0f, 0);
    assert_float_equal(x[1], 0.5f, 0);
    assert_int_equal(decode(RAW_UNSIGNED8, 1, "\x00\x80\xc0", 3, x), 3);
    assert_float_equal(x[0], -1.0f, 0);
    assert_float_equal(x[1], 0, 0);
    assert_float_equal(x[2], 0.5f, 0);
    /* G.711: the extremes and the two zeros. */
    assert_int_equal(decode(RAW_MULAW, 1, "\x00\x80\xff\x7f", 4, x), 4);
    assert_float_equal(x[0], -32124 / 32768.0f, 0);
    assert_float_equal(x[1], 32124 / 32768.0f, 0);
    assert_float_equal(x[2], 0, 0);
    assert_float_equal(x[3], 0, 0);
    assert_int_equal(decode(RAW_ALAW, 1, "\x2a\xaa\xd5\x55", 4, x), 4);
    assert_float_equal(x[0], -32256 / 32768.0f, 0);
    assert_float_equal(x[1], 32256 / 32768.0f, 0);
    assert_float_equal(x[2], 8 / 32768.0f, 0);
    assert_float_equal(x[3], -8 / 32768.0f, 0);
}

static void channels_stand_side_by_side(void **state)
{
    const int16_t frames[] = {16384, 0, -16384, -32768};
    const float want[] = {0.5f, 0, -0.5f, -1.0f};
    float x[4];

    assert_int_equal(decode(RAW_LINEAR16, 2, frames, sizeof(frames), x), 2);
    assert_memory_equal(x, want, sizeof(want));
}

static void any_cutting_gives_the_same_samples(void **state)
{
    uint8_t bytes[997];
    static float whole[1024], cut[1024];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + i / 7);
    for (int encoding = RAW_LINEAR16; encoding <= RAW_FLOAT64; encoding++) {
        for (uint32_t channels = 2; channels <= RAW_MAX_CHANNELS; channels += 3) {
            struct raw raw;
            const size_t n = decode(encoding, channels, bytes, sizeof(bytes), whole);
            size_t got = 0, at = 0;
            assert_int_equal(raw_init(&raw, encoding, channels), 0);
            for (size_t step = 0; at < sizeof(bytes); step = (step + 1) % 11) {
                const size_t now = step < sizeof(bytes) - at ? step : sizeof(bytes) - at;
                const size_t most = raw_max_frames(&raw, now);
                const size_t made = raw_push(&raw, bytes + at, now, cut + got * channels);
                assert_int_equal(made, most);
                got += made;
                at += now;
            }
            assert_int_equal(got, n);
            assert_memory_equal(cut, whole, n * channels * sizeof(float));
        }
    }
}

static void channel_counts_out_of_range_are_refused(void **state)
{
    struct raw raw;

    assert_int_equal(raw_init(&raw, RAW_MULAW, 0), -1);
    assert_int_equal(raw_init(&raw, RAW_MULAW, RAW_MAX_CHANNELS + 1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values_of_every_encoding),
        cmocka_unit_test(channels_stand_side_by_side),
        cmocka_unit_test(any_cutting_gives_the_same_samples),
        cmocka_unit_test(channel_counts_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
