#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "transcript.h"

static const struct transcript_clock segment_clock = {.first_samples = 15000,
                                                      .start_samples = 16000,
                                                      .end_samples = 48000,
                                                      .hop_samples = 384,
                                                      .frame_samples = 984};
static const struct result_depth depth = {.used = 2, .asked = 2, .reason = RESULT_BY_REQUEST};

static void words_are_shown_in_lower_case_at_stream_time(void **state)
{
    char first[] = "DON'T";
    struct fold_word words[] = {{first, 10, 20, 0.75f}, {"Z\xc3\x9cGE", 30, 31, 0.5f}};
    const struct fold_result result = {
        .words = words, .words_count = 2, .mean_logp = -0.5f, .blank_share = 0.25f};
    struct result_segment segment;

    assert_int_equal(transcript_segment(&segment, &result, false, &segment_clock, depth), 0);
    memset(first, 'x', sizeof(first) - 1); /* the segment has its own copy */
    assert_int_equal(segment.words_count, 2);
    assert_string_equal(segment.words[0].text, "don't");
    assert_string_equal(segment.words[1].text, "z\xc3\x9cge");
    /* 15000 + frame * 384 + (984 - 384) / 2 */
    assert_int_equal(segment.words[0].start_samples, 19140);
    assert_int_equal(segment.words[0].end_samples, 22980);
    assert_float_equal(segment.words[0].confidence, 0.75f, 0);
    assert_int_equal(segment.start_samples, 16000);
    assert_int_equal(segment.end_samples, 48000);
    assert_float_equal(segment.mean_logp, -0.5f, 0);
    assert_float_equal(segment.blank_share, 0.25f, 0);
    assert_int_equal(segment.depth.used, 2);
    transcript_release(&segment);
    assert_int_equal(segment.words_count, 0);
}

static void words_stay_within_their_segment(void **state)
{
    struct fold_word words[] = {{"A", 0, 1, 1}, {"B", 85, 500, 1}};
    const struct fold_result result = {.words = words, .words_count = 2};
    struct result_segment segment;

    assert_int_equal(transcript_segment(&segment, &result, false, &segment_clock, depth), 0);
    assert_int_equal(segment.words[0].start_samples, 16000);
    assert_int_equal(segment.words[0].end_samples, 16000);
    assert_int_equal(segment.words[1].start_samples, 47940);
    assert_int_equal(segment.words[1].end_samples, 48000);
    transcript_release(&segment);
}

static void a_segment_without_words_is_a_segment(void **state)
{
    const struct fold_result result = {0};
    struct result_segment segment;

    assert_int_equal(transcript_segment(&segment, &result, false, &segment_clock, depth), 0);
    assert_int_equal(segment.words_count, 0);
    transcript_release(&segment);
}

static struct fold_punctuation *prose;
static struct transcript_style style;

static int open_prose(void **state)
{
    const int error = fold_punctuation_open(&prose, getenv("FOLDSCRIBE_TEST_PROSE"), NULL);

    style = (struct transcript_style){.punctuation = prose};
    return error;
}

static int close_prose(void **state)
{
    fold_punctuation_close(prose);
    return 0;
}

static void words_without_marks_become_prose_in_place(void **state)
{
    struct fold_word words[] = {
        {"DO", 0, 1, 1}, {"YOU", 2, 3, 1}, {"KNOW", 4, 5, 1}, {"ANNA", 6, 7, 1}};
    const struct fold_result result = {.words = words, .words_count = 4};
    struct fold_punctuation_state sentence = {0};
    struct result_segment segment;

    assert_int_equal(transcript_segment(&segment, &result, false, &segment_clock, depth), 0);
    assert_int_equal(transcript_write(&segment, &style, &sentence, false), 0);
    assert_string_equal(segment.words[0].text, "Do");
    assert_string_equal(segment.words[3].text, "Anna"); /* more may come */
    transcript_release(&segment);
    assert_int_equal(sentence.since_end, 0); /* a partial leaves no trace */
    struct transcript_clock cut = segment_clock;
    cut.cut = true;
    assert_int_equal(transcript_segment(&segment, &result, false, &cut, depth), 0);
    assert_int_equal(transcript_write(&segment, &style, &sentence, true), 0);
    assert_string_equal(segment.words[3].text,
                        "Anna"); /* the sentence goes on in the next segment */
    transcript_release(&segment);
    sentence = (struct fold_punctuation_state){0};
    assert_int_equal(transcript_segment(&segment, &result, false, &segment_clock, depth), 0);
    assert_int_equal(transcript_write(&segment, &style, &sentence, true), 0);
    assert_string_equal(segment.words[3].text, "Anna?");
    assert_string_equal(segment.words[1].text, "you");
    transcript_release(&segment);
}

/* Words of a decoder that writes case and marks, as one string after they were brought into a
 * style.
 */
static const char *write_all(const char *const *texts, size_t count, bool cut, bool final,
                             const struct transcript_style *wanted,
                             struct fold_punctuation_state *sentence)
{
    static char all[200];
    struct fold_word words[8];
    struct transcript_clock clock = segment_clock;
    struct result_segment segment;

    clock.cut = cut;
    for (uint32_t i = 0; i < count; i++)
        words[i] = (struct fold_word){texts[i], 2 * i, 2 * i + 1, 1};
    const struct fold_result result = {.words = words, .words_count = count};
    assert_int_equal(transcript_segment(&segment, &result, true, &clock, depth), 0);
    assert_int_equal(transcript_write(&segment, wanted, sentence, final), 0);
    all[0] = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? " " : "",
                 segment.words[i].text);
    transcript_release(&segment);
    return all;
}

static void words_that_were_written_keep_their_case_and_marks(void **state)
{
    static const char *const texts[] = {"Mr.", "O'Neil,", "isn't", "it", "3.5?"};
    const struct transcript_style bare = {.punctuation = NULL};
    struct fold_punctuation_state sentence = {0};

    assert_string_equal(write_all(texts, 5, false, true, &style, &sentence),
                        "Mr. O'Neil, isn't it 3.5?");
    assert_string_equal(write_all(texts, 5, false, true, &bare, &sentence),
                        "Mr. O'Neil, isn't it 3.5?");
}

static void who_wants_plain_text_gets_no_case_and_no_marks(void **state)
{
    static const char *const texts[] = {"\"Mr.", "O'Neil,", "isn't", "it\"", "3.5?"};
    const struct transcript_style plain = {.plain = true, .punctuation = prose};
    struct fold_punctuation_state sentence = {0};

    assert_string_equal(write_all(texts, 5, false, true, &plain, &sentence),
                        "mr o'neil isn't it 3.5");
}

static void a_text_that_goes_on_has_no_mark_at_its_end(void **state)
{
    static const char *const texts[] = {"Do", "you", "know?"};
    static const char *const mark[] = {"?"};
    struct fold_punctuation_state sentence = {0};

    assert_string_equal(write_all(texts, 3, false, false, &style, &sentence), "Do you know");
    assert_string_equal(write_all(texts, 3, true, true, &style, &sentence), "Do you know");
    assert_string_equal(write_all(mark, 1, true, true, &style, &sentence), "?");
}

static void a_segment_amid_a_sentence_begins_in_lower_case(void **state)
{
    static const char *const first[] = {"Do", "you"}, *const next[] = {"Know", "Anna?"};
    static const char *const name[] = {"Anna", "was"};
    struct fold_punctuation_state sentence = {0};

    write_all(first, 2, true, true, &style, &sentence);
    struct fold_punctuation_state amid = sentence;
    assert_string_equal(write_all(next, 2, false, true, &style, &sentence), "know Anna?");
    assert_string_equal(write_all(name, 2, false, true, &style, &amid), "Anna was");
    assert_string_equal(write_all(next, 2, false, true, &style, &sentence), "Know Anna?");
}

static void prose_goes_on_behind_a_segment_that_was_written(void **state)
{
    static const char *const first[] = {"Do", "you."};
    struct fold_word words[] = {{"DO", 0, 1, 1}, {"YOU", 2, 3, 1}};
    const struct fold_result result = {.words = words, .words_count = 2};
    struct fold_punctuation_state sentence = {0};
    struct result_segment segment;

    write_all(first, 2, false, true, &style, &sentence);
    assert_int_equal(transcript_segment(&segment, &result, false, &segment_clock, depth), 0);
    assert_int_equal(transcript_write(&segment, &style, &sentence, true), 0);
    assert_string_equal(segment.words[0].text, "Do"); /* a sentence had ended */
    transcript_release(&segment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_shown_in_lower_case_at_stream_time),
        cmocka_unit_test(words_stay_within_their_segment),
        cmocka_unit_test(a_segment_without_words_is_a_segment),
        cmocka_unit_test(words_without_marks_become_prose_in_place),
        cmocka_unit_test(words_that_were_written_keep_their_case_and_marks),
        cmocka_unit_test(who_wants_plain_text_gets_no_case_and_no_marks),
        cmocka_unit_test(a_text_that_goes_on_has_no_mark_at_its_end),
        cmocka_unit_test(a_segment_amid_a_sentence_begins_in_lower_case),
        cmocka_unit_test(prose_goes_on_behind_a_segment_that_was_written),
    };
    return cmocka_run_group_tests(tests, open_prose, close_prose);
}
