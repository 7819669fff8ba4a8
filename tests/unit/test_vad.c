#include <math.h>
#include <string.h>

#include "test.h"
#include "vad.h"

static uint32_t seed = 1;

static float noise(float level)
{
    seed = seed * 1664525u + 1013904223u;
    return level * ((float)(seed >> 8) / 8388608.0f - 1.0f);
}

/* Pushes one second of what `sample` gives; returns loud frames. */
static int second(struct vad *vad, float level, float hum)
{
    int loud = 0;

    for (int i = 0; i < 16000; i++) {
        const float x = noise(level) + hum + 0.2f * hum * sinf((float)i * 0.0196f); /* 50 Hz */
        struct vad_frame frame;
        bool done;
        assert_int_equal(vad_push(vad, &x, 1, &done, &frame), 1);
        if (done)
            loud += frame.loud;
    }
    return loud;
}

static void noise_becomes_the_floor(void **state)
{
    struct vad vad;

    vad_init(&vad);
    for (int s = 0; s < 4; s++)
        second(&vad, 0.1f, 0);
    assert_int_equal(second(&vad, 0.1f, 0), 0);
    assert_true(second(&vad, 0.4f, 0) > 95); /* 12 dB more */
    for (int s = 0; s < 3; s++)
        second(&vad, 0.4f, 0);
    assert_int_equal(second(&vad, 0.4f, 0), 0);
}

static void silence_is_not_loud(void **state)
{
    struct vad vad;

    vad_init(&vad);
    assert_int_equal(second(&vad, 0, 0), 0);
    assert_int_equal(second(&vad, 0.0001f, 0), 0);
    assert_true(second(&vad, 0.05f, 0) > 90);
}

static void offset_and_hum_are_not_voices(void **state)
{
    struct vad vad;

    vad_init(&vad);
    for (int s = 0; s < 4; s++)
        second(&vad, 0.0003f, 0.3f);
    assert_true(second(&vad, 0.0003f, 0.3f) < 10);
}

static void frames_do_not_depend_on_the_cutting(void **state)
{
    struct vad a, b;
    float pcm[1600];
    size_t at_b = 0;
    struct vad_frame frame_a, frame_b;
    bool done = false;

    for (int i = 0; i < 1600; i++)
        pcm[i] = noise(0.2f);
    vad_init(&a);
    vad_init(&b);
    for (size_t at_a = 0; at_a < 1600;) {
        at_a += vad_push(&a, pcm + at_a, 1600 - at_a, &done, &frame_a);
        assert_true(done);
        do {
            const size_t left = 1600 - at_b;
            at_b += vad_push(&b, pcm + at_b, left < 7 ? left : 7, &done, &frame_b);
        } while (!done);
        assert_int_equal(at_a, at_b);
        assert_float_equal(frame_a.level_db, frame_b.level_db, 0);
        assert_int_equal(frame_a.loud, frame_b.loud);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_becomes_the_floor),
        cmocka_unit_test(silence_is_not_loud),
        cmocka_unit_test(offset_and_hum_are_not_voices),
        cmocka_unit_test(frames_do_not_depend_on_the_cutting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
