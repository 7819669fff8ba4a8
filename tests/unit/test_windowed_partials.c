/* Partials of a long segment: old words are kept, new sound is heard with some context. */
#include <stdio.h>

#include "partial_window.h"
#include "test.h"
#include "windowed_partials.h"

#define MS(ms) ((int64_t)(ms)*16)

/* Words of 300 ms, one every 500 ms, from start_ms until end_ms; the gap behind word wide (counted
 * from the start of the segment) is 100 ms longer. Their texts are their numbers. */
static struct result_segment heard(int64_t start_ms, int64_t end_ms, int wide)
{
    static char texts[64][8];
    const size_t first = (size_t)(start_ms + 499) / 500, count = (size_t)end_ms / 500 - first;
    struct result_word *words = malloc((count + 1) * sizeof(*words));

    assert_non_null(words);
    for (size_t i = 0; i < count; i++) {
        const int n = (int)(first + i);
        snprintf(texts[n], sizeof(texts[n]), "%d", n);
        words[i] = (struct result_word){.text = texts[n],
                                        .start_samples = MS(n * 500 + 10),
                                        .end_samples = MS(n * 500 + (n == wide ? 200 : 300))};
    }
    return (struct result_segment){.start_samples = MS(start_ms),
                                   .end_samples = MS(end_ms),
                                   .words = words,
                                   .words_count = count};
}

/* One partial of a segment that begins at 0. */
static void partial(struct windowed_partials *window, int64_t end_ms, int wide,
                    int64_t *ret_begun_ms)
{
    static const float silence[20000 * 16];
    struct endpointer_segment sound = {.pcm = silence, .count = (size_t)MS(end_ms)};

    windowed_partials_cut(window, &sound);
    assert_int_equal(sound.start_samples + (int64_t)sound.count, MS(end_ms));
    assert_int_equal(sound.pcm - silence, sound.start_samples);
    *ret_begun_ms = sound.start_samples / 16;
    struct result_segment segment = heard(*ret_begun_ms, end_ms, wide);
    assert_int_equal(windowed_partials_join(window, &segment, 0), 0);
    /* Whatever was kept or heard again: every word is there, once, in order. */
    assert_int_equal(segment.start_samples, 0);
    assert_int_equal(segment.words_count, end_ms / 500);
    for (size_t i = 0; i < segment.words_count; i++) {
        assert_int_equal(atoi(segment.words[i].text), i);
        assert_int_equal(segment.words[i].start_samples, MS(i * 500 + 10));
    }
    windowed_partials_move(window, &segment);
    free((void *)(uintptr_t)segment.words);
}

static void a_short_segment_is_heard_whole(void **state)
{
    struct windowed_partials window = {0};
    int64_t begun_ms;

    for (int64_t ms = 500; ms <= 4000; ms += 500) {
        partial(&window, ms, -1, &begun_ms);
        assert_int_equal(begun_ms, 0);
        assert_int_equal(window.kept_count, 0);
        assert_int_equal(window.words_count, ms / 500); /* remembered all the same */
    }
    windowed_partials_reset(&window);
    assert_null(window.words);
}

static void a_long_one_costs_no_more_than_the_window(void **state)
{
    struct windowed_partials window = {0};
    int64_t begun_ms, moved = 0, last_ms = 0;

    for (int64_t ms = 500; ms <= 20000; ms += 500) {
        partial(&window, ms, -1, &begun_ms);
        assert_true(ms - begun_ms <= 4500);
        assert_true(begun_ms >= last_ms);
        moved += begun_ms > last_ms;
        last_ms = begun_ms;
    }
    assert_true(moved >= 5);
    windowed_partials_reset(&window);
}

static void it_begins_some_way_before_the_longest_gap(void **state)
{
    struct windowed_partials window = {0};
    int64_t begun_ms;

    partial(&window, 4500, 3, &begun_ms);
    assert_int_equal(window.kept_count, 4);
    assert_int_equal(window.settled_samples, MS(4 * 500 + 10 - 155));
    assert_int_equal(window.start_samples, window.settled_samples - MS(500));
    partial(&window, 5000, 3, &begun_ms);
    assert_int_equal(begun_ms, window.start_samples / 16);
    windowed_partials_reset(&window);
}

static void without_a_gap_it_grows(void **state)
{
    struct windowed_partials window = {0};
    struct result_word word = {.text = "a", .start_samples = 0, .end_samples = MS(9000)};
    const struct result_segment one = {.end_samples = MS(9000), .words = &word, .words_count = 1};
    const struct result_segment none = {.end_samples = MS(9000)};

    windowed_partials_move(&window, &one);
    assert_int_equal(window.start_samples, 0);
    windowed_partials_move(&window, &none);
    assert_int_equal(window.start_samples, 0);
    assert_int_equal(window.kept_count, 0);
    windowed_partials_reset(&window);
}

static void what_is_forgotten_leaves_nothing(void **state)
{
    struct windowed_partials window = {0};
    int64_t begun_ms;

    partial(&window, 6000, -1, &begun_ms);
    assert_true(window.start_samples > 0);
    windowed_partials_reset(&window);
    assert_int_equal(window.kept_count, 0);
    partial(&window, 1000, -1, &begun_ms);
    assert_int_equal(begun_ms, 0);
    windowed_partials_reset(&window);
}

static void a_mean_partial_is_half_a_short_segment_and_bounded_in_a_long_one(void **state)
{
    assert_float_equal(partial_window_mean_ms(2000), 1000, 1e-9);
    assert_float_equal(partial_window_mean_ms(4000), 2000, 1e-9);
    assert_true(partial_window_mean_ms(20000) < 3500);
    assert_true(partial_window_mean_ms(20000) > partial_window_mean_ms(8000));
    assert_float_equal(partial_window_mean_ms(0), 0, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_segment_is_heard_whole),
        cmocka_unit_test(a_long_one_costs_no_more_than_the_window),
        cmocka_unit_test(it_begins_some_way_before_the_longest_gap),
        cmocka_unit_test(without_a_gap_it_grows),
        cmocka_unit_test(what_is_forgotten_leaves_nothing),
        cmocka_unit_test(a_mean_partial_is_half_a_short_segment_and_bounded_in_a_long_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
