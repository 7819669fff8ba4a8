/* What a cut in running speech carries over. */
#include "carryover.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

#define MS(ms) ((int64_t)(ms)*16)
#define MOST   MS(20000)

static struct result_word words[64];

/* One word each 400 ms from from_ms on, 300 ms long, but a gap of 400 ms before word `gap`. */
static struct result_segment say(int64_t from_ms, size_t count, size_t gap)
{
    static const char *const texts[] = {"One", "two,", "three", "four."};

    for (size_t i = 0; i < count; i++) {
        const int64_t at = from_ms + 400 * (int64_t)i + (gap && i >= gap ? 300 : 0);
        words[i] = (struct result_word){texts[i % 4], MS(at), MS(at + 300), 1};
    }
    return (struct result_segment){
        .words = words, .words_count = count, .written = RESULT_WRITTEN, .start_samples = 0};
}

static struct endpointer_segment sound(int64_t from_ms, int64_t fresh_ms, int64_t to_ms,
                                       enum endpointer_why why)
{
    return (struct endpointer_segment){.count = (size_t)MS(to_ms - from_ms),
                                       .start_samples = MS(from_ms),
                                       .fresh_samples = MS(fresh_ms),
                                       .why = why};
}

static void behind_a_true_pause_nothing_is_carried_over(void **state)
{
    struct carryover carryover = {0};
    struct carryover_cut cut;
    struct result_segment segment = say(200, 6, 0);
    const struct endpointer_segment before = sound(0, 0, 2700, ENDPOINTER_ENDPOINT),
                                    heard = sound(0, 0, 2600, ENDPOINTER_PAUSE);

    assert_int_equal(carryover_settle(&carryover, &before, MOST, &segment, &cut), 0);
    assert_true(carryover.count > 0);
    segment = say(200, 6, 0);
    assert_int_equal(carryover_settle(&carryover, &heard, MOST, &segment, &cut), 0);
    assert_int_equal(segment.words_count, 6);
    assert_int_equal(carryover.count, 0);
    assert_int_equal(cut.final_samples, MS(2600));
    assert_int_equal(cut.kept_samples, cut.final_samples);
    assert_false(segment.cut);
}

static void at_an_endpoint_a_word_that_touches_the_end_is_held_back(void **state)
{
    struct carryover carryover = {0};
    struct carryover_cut cut;
    struct result_segment segment = say(200, 6, 0); /* the last ends at 2500 */
    struct endpointer_segment heard = sound(0, 0, 2550, ENDPOINTER_ENDPOINT);

    assert_int_equal(carryover_settle(&carryover, &heard, MOST, &segment, &cut), 0);
    assert_int_equal(segment.words_count, 5);
    assert_int_equal(cut.final_samples, MS(2150)); /* between the two */
    assert_int_equal(segment.end_samples, MS(2150));
    assert_int_equal(carryover.count, 5);
    assert_int_equal(cut.kept_samples, 0);
    assert_false(segment.cut); /* the decoder knew what follows */
    segment = say(200, 6, 0);
    segment.written = RESULT_HEARD;
    carryover_reset(&carryover);
    assert_int_equal(carryover_settle(&carryover, &heard, MOST, &segment, &cut), 0);
    assert_true(segment.cut);
    carryover_reset(&carryover);
    segment = say(200, 6, 0);
    heard = sound(0, 0, 2700, ENDPOINTER_ENDPOINT);
    assert_int_equal(carryover_settle(&carryover, &heard, MOST, &segment, &cut), 0);
    assert_int_equal(segment.words_count, 6);
    assert_int_equal(cut.final_samples, MS(2700));
    carryover_reset(&carryover);
    /* A flush has asked for all. */
    segment = say(200, 6, 0);
    heard = sound(0, 0, 2400, ENDPOINTER_FLUSHED);
    assert_int_equal(carryover_settle(&carryover, &heard, MOST, &segment, &cut), 0);
    assert_int_equal(segment.words_count, 6);
    assert_int_equal(segment.words[5].end_samples, MS(2400));
    assert_int_equal(carryover.count, 6);
    carryover_reset(&carryover);
}

static void in_running_speech_the_cut_lies_in_the_best_gap_some_seconds_back(void **state)
{
    struct carryover carryover = {0};
    struct carryover_cut cut;
    struct result_segment segment = say(100, 48, 40); /* a gap from 16.0 to 16.4 s */
    const struct endpointer_segment heard = sound(0, 0, 20000, ENDPOINTER_FULL);

    assert_int_equal(carryover_settle(&carryover, &heard, MOST, &segment, &cut), 0);
    assert_int_equal(segment.words_count, 40);
    assert_int_equal(cut.final_samples, MS(16200));
    assert_int_equal(segment.end_samples, MS(16200));
    /* What is kept begins between two words, two to five seconds back. */
    assert_in_range(cut.kept_samples, MS(11200), MS(13700));
    assert_true(carryover.count > 0 && carryover.count < 15);
    assert_true(carryover.words[0].start_samples >= cut.kept_samples);
    assert_true(carryover.words[0].start_samples < cut.kept_samples + MS(100));
    assert_int_equal(carryover.words[carryover.count - 1].end_samples, words[39].end_samples);
    /* The next segment's words come behind those: both are carried on. */
    segment = say(16400, 8, 0);
    const struct endpointer_segment next = {.count = (size_t)(MS(20000) - cut.kept_samples),
                                            .start_samples = cut.kept_samples,
                                            .fresh_samples = cut.final_samples,
                                            .why = ENDPOINTER_FLUSHED};
    assert_int_equal(carryover_settle(&carryover, &next, MOST, &segment, &cut), 0);
    assert_int_equal(segment.words_count, 8);
    assert_in_range(cut.kept_samples, MS(15000), MS(17000));
    carryover_reset(&carryover);
}

/* However it is said, a segment at its greatest length makes room for the next. */
static void what_is_kept_leaves_room_whatever_the_words(void **state)
{
    for (size_t count = 0; count <= 48; count++)
        for (int64_t from_ms = 0; from_ms <= 19000; from_ms += 950) {
            struct carryover carryover = {0};
            struct carryover_cut cut;
            struct result_segment segment = say(from_ms, count, count / 2);
            const struct endpointer_segment heard = sound(0, 0, 20000, ENDPOINTER_FULL);
            while (segment.words_count && words[segment.words_count - 1].end_samples > MS(20000))
                segment.words_count--;
            assert_int_equal(carryover_settle(&carryover, &heard, MOST, &segment, &cut), 0);
            assert_true(cut.kept_samples <= cut.final_samples && cut.final_samples <= MS(20000));
            assert_true(cut.kept_samples >= MS(7000));
            for (size_t i = 0; i < segment.words_count; i++)
                assert_true(words[i].end_samples <= cut.final_samples);
            carryover_reset(&carryover);
        }
}

static void the_text_for_a_decoder_ends_without_a_mark(void **state)
{
    const struct result_segment segment = say(0, 8, 0);
    char *text = carryover_text(segment.words, 4, 0);

    assert_string_equal(text, "One two, three four");
    free(text);
    text = carryover_text(segment.words, 6, MS(800));
    assert_string_equal(text, "three four. One two");
    free(text);
    text = carryover_text(segment.words, 6, MS(8000));
    assert_string_equal(text, "");
    free(text);
    text = carryover_text(NULL, 0, 0);
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behind_a_true_pause_nothing_is_carried_over),
        cmocka_unit_test(at_an_endpoint_a_word_that_touches_the_end_is_held_back),
        cmocka_unit_test(in_running_speech_the_cut_lies_in_the_best_gap_some_seconds_back),
        cmocka_unit_test(what_is_kept_leaves_room_whatever_the_words),
        cmocka_unit_test(the_text_for_a_decoder_ends_without_a_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
