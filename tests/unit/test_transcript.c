#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "transcript.h"

static const struct transcript_clock span_clock = {.first_samples = 15000,
                                                   .start_samples = 16000,
                                                   .end_samples = 48000,
                                                   .hop_samples = 384,
                                                   .frame_samples = 984};
static const struct update_depth depth = {.used = 2, .asked = 2, .reason = "asked"};

static void words_are_shown_in_lower_case_at_stream_time(void **state)
{
    char first[] = "DON'T";
    struct fold_word words[] = {{first, 10, 20, 0.75f}, {"Z\xc3\x9cGE", 30, 31, 0.5f}};
    const struct fold_result result = {
        .words = words, .words_count = 2, .mean_logp = -0.5f, .blank_share = 0.25f};
    struct update_span span;

    assert_int_equal(transcript_span(&span, &result, &span_clock, depth), 0);
    memset(first, 'x', sizeof(first) - 1); /* the span has its own copy */
    assert_int_equal(span.words_count, 2);
    assert_string_equal(span.words[0].text, "don't");
    assert_string_equal(span.words[1].text, "z\xc3\x9cge");
    /* 15000 + frame * 384 + (984 - 384) / 2 */
    assert_int_equal(span.words[0].start_samples, 19140);
    assert_int_equal(span.words[0].end_samples, 22980);
    assert_float_equal(span.words[0].confidence, 0.75f, 0);
    assert_int_equal(span.start_samples, 16000);
    assert_int_equal(span.end_samples, 48000);
    assert_float_equal(span.mean_logp, -0.5f, 0);
    assert_float_equal(span.blank_share, 0.25f, 0);
    assert_int_equal(span.depth.used, 2);
    transcript_release(&span);
    assert_int_equal(span.words_count, 0);
}

static void words_stay_within_their_span(void **state)
{
    struct fold_word words[] = {{"A", 0, 1, 1}, {"B", 85, 500, 1}};
    const struct fold_result result = {.words = words, .words_count = 2};
    struct update_span span;

    assert_int_equal(transcript_span(&span, &result, &span_clock, depth), 0);
    assert_int_equal(span.words[0].start_samples, 16000);
    assert_int_equal(span.words[0].end_samples, 16000);
    assert_int_equal(span.words[1].start_samples, 47940);
    assert_int_equal(span.words[1].end_samples, 48000);
    transcript_release(&span);
}

static void a_span_without_words_is_a_span(void **state)
{
    const struct fold_result result = {0};
    struct update_span span;

    assert_int_equal(transcript_span(&span, &result, &span_clock, depth), 0);
    assert_int_equal(span.words_count, 0);
    transcript_release(&span);
}

static void a_span_is_written_as_prose_in_place(void **state)
{
    struct fold_word words[] = {
        {"DO", 0, 1, 1}, {"YOU", 2, 3, 1}, {"KNOW", 4, 5, 1}, {"ANNA", 6, 7, 1}};
    const struct fold_result result = {.words = words, .words_count = 4};
    struct fold_prose_state sentence = {0};
    struct fold_prose *prose;
    struct update_span span;

    assert_int_equal(fold_prose_open(&prose, getenv("FOLDSCRIBE_TEST_PROSE"), NULL), FOLD_OK);
    assert_int_equal(transcript_span(&span, &result, &span_clock, depth), 0);
    assert_int_equal(transcript_prose(&span, prose, &sentence, false), 0);
    assert_string_equal(span.words[0].text, "Do");
    assert_string_equal(span.words[3].text, "Anna"); /* more may come */
    transcript_release(&span);
    assert_int_equal(sentence.since_end, 0); /* a partial leaves no trace */
    struct transcript_clock cut = span_clock;
    cut.cut = true;
    assert_int_equal(transcript_span(&span, &result, &cut, depth), 0);
    assert_int_equal(transcript_prose(&span, prose, &sentence, true), 0);
    assert_string_equal(span.words[3].text, "Anna"); /* the sentence goes on in the next span */
    transcript_release(&span);
    sentence = (struct fold_prose_state){0};
    assert_int_equal(transcript_span(&span, &result, &span_clock, depth), 0);
    assert_int_equal(transcript_prose(&span, prose, &sentence, true), 0);
    assert_string_equal(span.words[3].text, "Anna?");
    assert_string_equal(span.words[1].text, "you");
    transcript_release(&span);
    fold_prose_close(prose);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_shown_in_lower_case_at_stream_time),
        cmocka_unit_test(words_stay_within_their_span),
        cmocka_unit_test(a_span_without_words_is_a_span),
        cmocka_unit_test(a_span_is_written_as_prose_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
