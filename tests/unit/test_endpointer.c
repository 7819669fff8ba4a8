/* Real clips, joined by silences of known length: where are they cut? */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clips.h"
#include "endpointer.h"
#include "test.h"

#define RATE   16000
#define MS(ms) ((size_t)(ms)*16)
#define ROOM   (120 * RATE)

static struct clip clips[CLIPS_MOST];
static size_t clips_count;

struct sound {
    float *pcm;
    size_t count;
};

struct cut {
    int64_t start, end;
    enum endpointer_why why;
};

static int setup(void **state)
{
    clips_count = clips_open(clips);
    return 0;
}

static int teardown(void **state)
{
    clips_close(clips, clips_count);
    return 0;
}

static struct sound sound_new(void)
{
    struct sound sound = {.pcm = calloc(ROOM, sizeof(float))};
    assert_non_null(sound.pcm);
    return sound;
}

static uint32_t seed = 1;

/* White noise at `level` (peak), a soft one for the silence of a room. */
static void add_noise(struct sound *sound, size_t count, float level)
{
    assert_true(sound->count + count <= ROOM);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        sound->pcm[sound->count++] += level * ((float)(seed >> 8) / 8388608.0f - 1.0f);
    }
}

static void add_room(struct sound *sound, size_t ms)
{
    add_noise(sound, MS(ms), 0.0005f);
}

static void add_clip(struct sound *sound, size_t index, float gain)
{
    assert_true(sound->count + clips[index].count <= ROOM);
    for (size_t i = 0; i < clips[index].count; i++)
        sound->pcm[sound->count++] += gain * clips[index].pcm[i];
}

/* All segments of a sound, pushed `step` samples at a time. Checks that they are in order, within
 * bounds and hold the samples they say. */
static size_t cuts_of(const struct sound *sound, uint32_t pause_ms, uint32_t max_ms, size_t step,
                      struct cut *cuts, size_t most)
{
    struct endpointer *endpointer;
    struct endpointer_segment segment;
    size_t count = 0;
    int64_t before = 0;

    assert_int_equal(endpointer_open(&endpointer, pause_ms, max_ms), 0);
    for (size_t at = 0; at <= sound->count;) {
        if (at == sound->count)
            endpointer_flush(endpointer);
        if (endpointer_segment(endpointer, &segment)) {
            assert_true(count < most);
            assert_true(segment.start_samples >= before);
            assert_true(segment.count <= MS(max_ms));
            before = segment.start_samples + (int64_t)segment.count;
            assert_true(before <= (int64_t)at);
            assert_memory_equal(segment.pcm, sound->pcm + segment.start_samples,
                                segment.count * sizeof(float));
            cuts[count++] = (struct cut){segment.start_samples, before, segment.why};
            endpointer_pop(endpointer);
            continue;
        }
        if (at == sound->count)
            break;
        const size_t now = step < sound->count - at ? step : sound->count - at;
        const long taken = endpointer_push(endpointer, sound->pcm + at, now);
        assert_true(taken > 0);
        at += (size_t)taken;
        assert_int_equal(endpointer_clock(endpointer), at);
    }
    endpointer_close(endpointer);
    return count;
}

static void silence_and_steady_noise_give_no_segment(void **state)
{
    static const float levels[] = {0, 0.0005f, 0.01f, 0.1f, 0.9f};
    struct cut cuts[8];

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        struct sound sound = sound_new();
        add_noise(&sound, 30 * RATE, levels[i]);
        assert_int_equal(cuts_of(&sound, 500, 20000, 1000, cuts, 8), 0);
        free(sound.pcm);
    }
}

static void a_click_is_not_speech(void **state)
{
    struct sound sound = sound_new();
    struct cut cuts[2];

    add_room(&sound, 2000);
    for (size_t i = 0; i < 100; i++)
        sound.pcm[sound.count - 100 + i] += i % 2 ? 0.5f : -0.5f;
    add_room(&sound, 2000);
    assert_int_equal(cuts_of(&sound, 500, 20000, 333, cuts, 2), 0);
    free(sound.pcm);
}

/* Every clip alone in a quiet room, loud and faint, gives segments that cover its words. */
static void a_clip_in_a_room_is_found_whole(void **state)
{
    static const float gains[] = {1.0f, 0.05f};

    for (size_t g = 0; g < 2; g++)
        for (size_t i = 0; i < clips_count; i++) {
            struct sound sound = sound_new();
            struct cut cuts[8];
            add_room(&sound, 2500);
            const int64_t from = (int64_t)sound.count;
            add_clip(&sound, i, gains[g]);
            const int64_t to = (int64_t)sound.count;
            add_room(&sound, 2500);
            const size_t count = cuts_of(&sound, 700, 20000, 320, cuts, 8);
            assert_int_equal(count, 1);
            /* The clips have 0.2 s of silence at their ends. */
            assert_in_range(cuts[0].start, from - (int64_t)MS(350), from + (int64_t)MS(200));
            assert_in_range(cuts[0].end, to - (int64_t)MS(250), to + (int64_t)MS(400));
            assert_int_equal(cuts[0].why, ENDPOINTER_PAUSE);
            free(sound.pcm);
        }
}

static void speech_from_the_first_sample_on_is_kept(void **state)
{
    struct sound sound = sound_new();
    struct cut cuts[4];

    add_clip(&sound, 0, 1.0f);
    sound.count -= MS(600); /* ends within a word, too */
    sound.pcm += MS(400);
    sound.count -= MS(400);
    assert_int_equal(cuts_of(&sound, 700, 20000, 320, cuts, 4), 1);
    assert_int_equal(cuts[0].start, 0);
    assert_int_equal(cuts[0].end, sound.count);
    assert_int_equal(cuts[0].why, ENDPOINTER_FLUSHED);
    free(sound.pcm - MS(400));
}

static void speech_in_noise_is_found(void **state)
{
    struct sound sound = sound_new();
    struct cut cuts[8];

    add_noise(&sound, 5 * RATE, 0.02f);
    const int64_t from = (int64_t)sound.count;
    add_clip(&sound, 3, 1.0f);
    const int64_t to = (int64_t)sound.count;
    sound.count = (size_t)from;
    add_noise(&sound, (size_t)(to - from) + 3 * RATE, 0.02f);
    const size_t count = cuts_of(&sound, 700, 20000, 320, cuts, 8);
    assert_true(count >= 1 && count <= 3);
    assert_in_range(cuts[0].start, from - (int64_t)MS(350), from + (int64_t)MS(300));
    assert_in_range(cuts[count - 1].end, to - (int64_t)MS(400), to + (int64_t)MS(500));
    free(sound.pcm);
}

static void long_pauses_part_clips(void **state)
{
    struct sound sound = sound_new();
    struct cut cuts[32];
    int64_t from[CLIPS_MOST], to[CLIPS_MOST];

    for (size_t i = 0; i < clips_count; i++) {
        from[i] = (int64_t)sound.count;
        add_clip(&sound, i, 1.0f);
        to[i] = (int64_t)sound.count;
        add_room(&sound, 800);
    }
    const size_t count = cuts_of(&sound, 900, 20000, 1600, cuts, 32);
    assert_int_equal(count, clips_count);
    for (size_t i = 0; i < count; i++) {
        assert_in_range(cuts[i].start, from[i] - (int64_t)MS(350) + (int64_t)MS(350) * (i == 0),
                        from[i] + (int64_t)MS(250));
        assert_in_range(cuts[i].end, to[i] - (int64_t)MS(250), to[i] + (int64_t)MS(400));
    }
    free(sound.pcm);
}

/* No pause ends a segment here, so its length does: all cuts are in the silence between clips. */
static void segments_that_grow_too_long_are_cut_in_the_longest_pause(void **state)
{
    struct sound sound = sound_new();
    struct cut cuts[32];
    int64_t from[CLIPS_MOST + 1], to[CLIPS_MOST];

    for (size_t i = 0; i < clips_count; i++) {
        from[i] = (int64_t)sound.count;
        add_clip(&sound, i, 1.0f);
        to[i] = (int64_t)sound.count;
        add_room(&sound, 200);
    }
    from[clips_count] = (int64_t)sound.count;
    const size_t count = cuts_of(&sound, 5000, 18000, 1600, cuts, 32);
    assert_true(count >= 4);
    for (size_t i = 0; i + 1 < count; i++) {
        assert_int_equal(cuts[i].why, ENDPOINTER_FULL);
        assert_int_equal(cuts[i + 1].start >= cuts[i].end, 1);
        bool between = false;
        for (size_t k = 0; k < clips_count; k++)
            between |= cuts[i].end >= to[k] - (int64_t)MS(250) &&
                       cuts[i].end <= from[k + 1] + (int64_t)MS(250);
        assert_true(between);
    }
    free(sound.pcm);
}

/* Sound without any pause: dips of 40 ms are the quietest places, and nothing is lost. */
static void without_a_pause_the_quietest_place_is_cut(void **state)
{
    struct sound sound = sound_new();
    struct cut cuts[32];

    add_room(&sound, 1000);
    for (int i = 0; i < 20; i++) {
        add_noise(&sound, MS(700 + 10 * (size_t)i), 0.5f);
        add_noise(&sound, MS(100), 0.1f);
        add_noise(&sound, MS(300), 0.4f);
        add_noise(&sound, MS(40), 0.02f);
    }
    const size_t count = cuts_of(&sound, 700, 5000, 1600, cuts, 32);
    assert_true(count >= 4);
    for (size_t i = 0; i + 1 < count; i++) {
        double level = 0;
        assert_int_equal(cuts[i].why, ENDPOINTER_FULL);
        assert_int_equal(cuts[i].end, cuts[i + 1].start);
        for (int64_t k = cuts[i].end - 160; k < cuts[i].end + 160; k++)
            level += fabsf(sound.pcm[k]);
        assert_true(level / 320 < 0.15);
    }
    assert_int_equal(cuts[count - 1].end, sound.count);
    free(sound.pcm);
}

static void cutting_the_input_changes_nothing(void **state)
{
    static const size_t steps[] = {1, 7, 160, 161, 4096, 1000000};
    struct sound sound = sound_new();
    struct cut want[32], got[32];

    for (size_t i = 0; i < 6; i++) {
        add_clip(&sound, i, 1.0f);
        add_room(&sound, 150 * i);
    }
    const size_t count = cuts_of(&sound, 500, 7000, 320, want, 32);
    assert_true(count > 5);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_int_equal(cuts_of(&sound, 500, 7000, steps[i], got, 32), count);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(got[k].start, want[k].start);
            assert_int_equal(got[k].end, want[k].end);
            assert_int_equal(got[k].why, want[k].why);
        }
    }
    free(sound.pcm);
}

static void a_flush_ends_a_segment_and_the_next_begins_there(void **state)
{
    struct endpointer *endpointer;
    struct endpointer_segment segment;
    const struct clip *clip = &clips[1];
    const size_t half = clip->count / 2 + 77; /* within a frame */

    assert_int_equal(endpointer_open(&endpointer, 700, 20000), 0);
    assert_int_equal(endpointer_push(endpointer, clip->pcm, half), half);
    assert_true(endpointer_peek(endpointer, &segment));
    assert_int_equal(segment.start_samples + (int64_t)segment.count, half);
    endpointer_flush(endpointer);
    assert_false(endpointer_peek(endpointer, &segment));
    assert_true(endpointer_segment(endpointer, &segment));
    assert_int_equal(segment.start_samples + (int64_t)segment.count, half);
    assert_int_equal(endpointer_push(endpointer, clip->pcm, 100), 0); /* a complete one waits */
    endpointer_pop(endpointer);
    assert_false(endpointer_segment(endpointer, &segment));
    const size_t rest = clip->count - half;
    assert_int_equal(endpointer_push(endpointer, clip->pcm + half, rest), rest);
    endpointer_flush(endpointer);
    assert_true(endpointer_segment(endpointer, &segment));
    assert_int_equal(segment.start_samples, half);
    assert_int_equal(segment.count, rest);
    endpointer_pop(endpointer);
    endpointer_flush(endpointer);
    assert_false(endpointer_segment(endpointer, &segment));
    assert_int_equal(endpointer_clock(endpointer), clip->count);
    endpointer_close(endpointer);
}

static void bounds_out_of_range_are_refused(void **state)
{
    struct endpointer *endpointer = NULL;

    assert_int_equal(endpointer_open(&endpointer, 500, ENDPOINTER_MIN_SEGMENT_MS - 1), -1);
    assert_null(endpointer);
    endpointer_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_and_steady_noise_give_no_segment),
        cmocka_unit_test(a_click_is_not_speech),
        cmocka_unit_test(a_clip_in_a_room_is_found_whole),
        cmocka_unit_test(speech_from_the_first_sample_on_is_kept),
        cmocka_unit_test(speech_in_noise_is_found),
        cmocka_unit_test(long_pauses_part_clips),
        cmocka_unit_test(segments_that_grow_too_long_are_cut_in_the_longest_pause),
        cmocka_unit_test(without_a_pause_the_quietest_place_is_cut),
        cmocka_unit_test(cutting_the_input_changes_nothing),
        cmocka_unit_test(a_flush_ends_a_segment_and_the_next_begins_there),
        cmocka_unit_test(bounds_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
