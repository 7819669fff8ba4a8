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
#define FRAME  160

static struct clip clips[CLIPS_MOST];
static size_t clips_count;

struct sound {
    float *pcm;
    size_t count;
};

struct cut {
    int64_t start, fresh, end;
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

static uint32_t seed;

/* Empty; noise begins anew, so that a test does not depend on those before it. */
static struct sound sound_new(void)
{
    seed = 1;
    struct sound sound = {.pcm = calloc(ROOM, sizeof(float))};
    assert_non_null(sound.pcm);
    return sound;
}

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

/* Of segments that no true pause ends: how much before their end is not told, and is kept before
 * that. */
static size_t untold_ms, kept_ms;

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Sounds of 1.2 s with levels of a voice, not of a fan; 150 ms between them, and 400 where another
 * `phrase` of them begins, if that is more than one. */
static void add_words(struct sound *sound, int count, int phrase)
{
    for (int k = 0; k < count; k++) {
        add_noise(sound, MS(500), 0.01f * (float)(k % 5 + 1));
        add_noise(sound, MS(700), 0.4f);
        add_room(sound, phrase > 1 && k % phrase == phrase - 1 ? 400 : 150);
    }
}

/* All segments of a sound, pushed `step` samples at a time. Checks that they are in order, within
 * bounds, hold the samples they say and begin where the one before said. */
static size_t cuts_of(const struct sound *sound, uint32_t pause_ms, uint32_t max_ms, size_t step,
                      struct cut *cuts, size_t most)
{
    struct endpointer *endpointer;
    struct endpointer_segment segment;
    size_t count = 0;
    int64_t before = 0, kept = 0, told = 0;

    assert_int_equal(endpointer_open(&endpointer, pause_ms, max_ms), 0);
    for (size_t at = 0; at <= sound->count;) {
        if (at == sound->count)
            endpointer_flush(endpointer);
        if (endpointer_segment(endpointer, &segment)) {
            assert_true(count < most);
            assert_true(segment.start_samples >= kept - FRAME &&
                        segment.fresh_samples >= told - FRAME);
            assert_true(segment.fresh_samples >= segment.start_samples);
            assert_true(segment.count <= MS(max_ms));
            before = segment.start_samples + (int64_t)segment.count;
            assert_true(before <= (int64_t)at);
            assert_memory_equal(segment.pcm, sound->pcm + segment.start_samples,
                                segment.count * sizeof(float));
            cuts[count++] =
                (struct cut){segment.start_samples, segment.fresh_samples, before, segment.why};
            told = kept = before;
            const bool alone = segment.why == ENDPOINTER_PAUSE || segment.why == ENDPOINTER_BREAK;
            if (!alone && segment.why != ENDPOINTER_FLUSHED)
                told = later(before - (int64_t)MS(untold_ms), segment.fresh_samples);
            if (!alone)
                kept = later(told - (int64_t)MS(kept_ms), segment.start_samples);
            endpointer_pop(endpointer, kept, told);
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
            const size_t count = cuts_of(&sound, 800, 20000, 320, cuts, 8);
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

static void what_grows_too_long_is_complete_and_goes_on_where_the_caller_says(void **state)
{
    struct sound sound = sound_new();
    struct cut cuts[64];

    add_words(&sound, 60, 1);
    untold_ms = 1500;
    kept_ms = 3000;
    const size_t count = cuts_of(&sound, 5000, 18000, 1600, cuts, 64);
    untold_ms = kept_ms = 0;
    assert_true(count >= 4);
    for (size_t i = 0; i + 1 < count; i++) {
        assert_int_equal(cuts[i].why, ENDPOINTER_FULL);
        assert_int_equal(cuts[i].end - cuts[i].start, MS(18000));
        assert_int_equal(cuts[i + 1].start, cuts[i].end - (int64_t)MS(4500));
        assert_int_equal(cuts[i + 1].fresh, cuts[i].end - (int64_t)MS(1500));
    }
    assert_true(cuts[count - 1].end == (int64_t)sound.count);
    free(sound.pcm);
}

static void what_grows_too_long_is_cut_in_a_pause_between_phrases_and_stands_alone(void **state)
{
    static const size_t steps[] = {FRAME, 1600, 4800};
    struct sound sound = sound_new();
    struct cut cuts[64];

    add_words(&sound, 30, 3);
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        const size_t count = cuts_of(&sound, 5000, 9000, steps[s], cuts, 64);
        assert_in_range(count, 4, 10);
        for (size_t i = 0; i + 1 < count; i++) {
            assert_int_equal(cuts[i].why, ENDPOINTER_BREAK);
            /* In the middle of the long pause, which ends each round of three words. */
            const int64_t round = cuts[i].end % (int64_t)MS(3 * 1200 + 2 * 150 + 400);
            assert_in_range(round, MS(3 * 1200 + 2 * 150), MS(3 * 1200 + 2 * 150 + 400));
            /* Nothing is heard twice, and no sound but silence is left out. */
            assert_in_range(cuts[i + 1].start - cuts[i].end, 0, MS(400));
            assert_int_equal(cuts[i + 1].fresh, cuts[i + 1].start);
        }
    }
    free(sound.pcm);
}

static void a_short_pause_is_an_endpoint_once_and_keeps_what_was_said(void **state)
{
    static const uint32_t asked_ms[] = {1, 10, 100, 250, 300};
    struct sound sound = sound_new();
    struct cut cuts[8];

    add_noise(&sound, MS(900), 0.3f);
    for (int k = 0; k < 3; k++) { /* levels of a voice, not of a fan */
        add_noise(&sound, MS(300), 0.01f * (float)(k + 1));
        add_noise(&sound, MS(300), 0.4f);
    }
    const int64_t end = (int64_t)sound.count;
    add_room(&sound, 400);
    const int64_t again = (int64_t)sound.count;
    add_noise(&sound, MS(300), 0.4f);
    add_noise(&sound, MS(300), 0.02f);
    add_noise(&sound, MS(300), 0.4f);
    add_room(&sound, 2000);
    kept_ms = 1000;
    for (size_t i = 0; i < sizeof(asked_ms) / sizeof(*asked_ms); i++) {
        const size_t count = cuts_of(&sound, asked_ms[i], 20000, 333, cuts, 8);
        const int64_t least = later(asked_ms[i], 200);
        assert_int_equal(count, 2);
        assert_int_equal(cuts[0].why, ENDPOINTER_ENDPOINT);
        assert_in_range(cuts[0].end, end + (int64_t)MS(least) - 2 * FRAME,
                        end + (int64_t)MS(least) + 3 * FRAME); /* levels are over 30 ms */
        assert_int_equal(cuts[1].why, ENDPOINTER_ENDPOINT);
        assert_int_equal(cuts[1].start, cuts[0].end - (int64_t)MS(1000));
        assert_in_range(cuts[1].fresh, cuts[0].end, again);
    }
    /* Asked for half a second, the short pause is none; for a true pause, that is the endpoint. */
    assert_int_equal(cuts_of(&sound, 500, 20000, 333, cuts, 8), 1);
    assert_int_equal(cuts[0].why, ENDPOINTER_ENDPOINT);
    assert_int_equal(cuts_of(&sound, 800, 20000, 333, cuts, 8), 1);
    assert_int_equal(cuts[0].why, ENDPOINTER_PAUSE);
    /* What is not told by an endpoint comes with the true pause, with what was told before it. */
    untold_ms = 400;
    assert_int_equal(cuts_of(&sound, 10, 20000, 333, cuts, 8), 3);
    untold_ms = kept_ms = 0;
    assert_int_equal(cuts[2].why, ENDPOINTER_PAUSE);
    assert_int_equal(cuts[2].fresh, cuts[1].end - (int64_t)MS(400));
    assert_int_equal(cuts[2].start, cuts[1].end - (int64_t)MS(1400));
    free(sound.pcm);
}

static void behind_a_true_pause_nothing_is_heard_again(void **state)
{
    struct sound sound = sound_new();
    struct cut cuts[16];
    int64_t to = 0;

    for (size_t i = 0; i < 2; i++) {
        add_clip(&sound, i, 1.0f);
        to = to ? to : (int64_t)sound.count;
        add_room(&sound, 900);
    }
    kept_ms = 4000;
    const size_t count = cuts_of(&sound, 200, 20000, 480, cuts, 16);
    kept_ms = 0;
    for (size_t i = 0; i < count; i++)
        assert_true(cuts[i].end <= to + (int64_t)MS(300) || cuts[i].start >= to - (int64_t)MS(200));
    /* Nor behind long silence, where pauses are no endpoints: the sound of before it is forgotten.
     */
    struct endpointer *endpointer;
    struct endpointer_segment segment;
    assert_int_equal(endpointer_open(&endpointer, 60000, 20000), 0);
    const long half = (long)MS(2000);
    assert_int_equal(endpointer_push(endpointer, sound.pcm, (size_t)half), half);
    endpointer_flush(endpointer);
    assert_true(endpointer_segment(endpointer, &segment));
    endpointer_pop(endpointer, segment.start_samples, half);
    sound.count = MS(30000);
    memset(sound.pcm, 0, sound.count * sizeof(float));
    assert_int_equal(endpointer_push(endpointer, sound.pcm, sound.count), sound.count);
    add_clip(&sound, 0, 1.0f);
    assert_true(endpointer_push(endpointer, sound.pcm + MS(30000), MS(2000)) > 0);
    assert_true(endpointer_peek(endpointer, &segment));
    assert_true(segment.start_samples > half + (int64_t)MS(29000));
    assert_int_equal(segment.fresh_samples, segment.start_samples);
    endpointer_close(endpointer);
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
    untold_ms = 300;
    kept_ms = 2000;
    const size_t count = cuts_of(&sound, 300, 7000, 320, want, 32);
    assert_true(count > 5);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        assert_int_equal(cuts_of(&sound, 300, 7000, steps[i], got, 32), count);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(got[k].start, want[k].start);
            assert_int_equal(got[k].fresh, want[k].fresh);
            assert_int_equal(got[k].end, want[k].end);
            assert_int_equal(got[k].why, want[k].why);
        }
    }
    untold_ms = kept_ms = 0;
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
    endpointer_pop(endpointer, half, half);
    assert_false(endpointer_segment(endpointer, &segment));
    const size_t rest = clip->count - half;
    assert_int_equal(endpointer_push(endpointer, clip->pcm + half, rest), rest);
    endpointer_flush(endpointer);
    assert_true(endpointer_segment(endpointer, &segment));
    assert_int_equal(segment.start_samples, half);
    assert_int_equal(segment.count, rest);
    endpointer_pop(endpointer, (int64_t)clip->count, (int64_t)clip->count);
    endpointer_flush(endpointer);
    assert_false(endpointer_segment(endpointer, &segment));
    assert_int_equal(endpointer_clock(endpointer), clip->count);
    endpointer_close(endpointer);
}

static void behind_a_flush_within_a_frame_no_sample_moves(void **state)
{
    struct endpointer *endpointer;
    struct endpointer_segment segment;
    const struct clip *clip = &clips[1];
    const size_t half = clip->count / 2 + 77, rest = clip->count - half;
    const int64_t kept = (int64_t)(half - MS(1000));

    assert_int_equal(endpointer_open(&endpointer, 700, 20000), 0);
    assert_int_equal(endpointer_push(endpointer, clip->pcm, half), half);
    endpointer_flush(endpointer);
    assert_true(endpointer_segment(endpointer, &segment));
    endpointer_pop(endpointer, kept, (int64_t)half);
    assert_false(endpointer_has_speech(endpointer));
    endpointer_flush(endpointer); /* of nothing new */
    assert_false(endpointer_segment(endpointer, &segment));
    assert_int_equal(endpointer_push(endpointer, clip->pcm + half, rest), rest);
    endpointer_flush(endpointer);
    assert_true(endpointer_segment(endpointer, &segment));
    assert_int_equal(segment.start_samples, kept);
    assert_int_equal(segment.fresh_samples, half);
    assert_int_equal(segment.count, half + rest - (size_t)kept);
    assert_memory_equal(segment.pcm, clip->pcm + kept, segment.count * sizeof(float));
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
        cmocka_unit_test(what_grows_too_long_is_complete_and_goes_on_where_the_caller_says),
        cmocka_unit_test(what_grows_too_long_is_cut_in_a_pause_between_phrases_and_stands_alone),
        cmocka_unit_test(a_short_pause_is_an_endpoint_once_and_keeps_what_was_said),
        cmocka_unit_test(behind_a_true_pause_nothing_is_heard_again),
        cmocka_unit_test(cutting_the_input_changes_nothing),
        cmocka_unit_test(a_flush_ends_a_segment_and_the_next_begins_there),
        cmocka_unit_test(behind_a_flush_within_a_frame_no_sample_moves),
        cmocka_unit_test(bounds_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
