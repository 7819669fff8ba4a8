#include "test.h"

#include <stdio.h>
#include <string.h>

#include "subtitles.h"

#define MS 16 /* samples */

static void times_and_numbers_follow_each_format(void **state)
{
    static const struct result_word words[] = {{"good", 1500 * MS, 1900 * MS, 1},
                                               {"day", 2000 * MS, 2345 * MS, 1},
                                               {"later", 3723004 * MS, 3724000 * MS, 1}};
    static const struct result_segment segments[] = {{0,
                                                      3000 * MS,
                                                      words,
                                                      2,
                                                      0,
                                                      0,
                                                      {.used = 1, .reason = RESULT_BY_TIER},
                                                      false,
                                                      false,
                                                      NULL,
                                                      0},
                                                     {3000 * MS,
                                                      4000 * MS,
                                                      NULL,
                                                      0,
                                                      0,
                                                      1,
                                                      {.used = 1, .reason = RESULT_BY_TIER},
                                                      false,
                                                      false,
                                                      NULL,
                                                      0},
                                                     {3723000 * MS,
                                                      3725000 * MS,
                                                      words + 2,
                                                      1,
                                                      0,
                                                      0,
                                                      {.used = 1, .reason = RESULT_BY_TIER},
                                                      false,
                                                      false,
                                                      NULL,
                                                      0}};
    const struct result_transcript t = {
        segments, 3, 3725000 * MS, {.used = 1, .reason = RESULT_BY_TIER}, NULL, 0};
    char *srt = subtitles_srt(&t), *vtt = subtitles_vtt(&t);

    assert_string_equal(srt, "1\n00:00:01,500 --> 00:00:02,500\ngood day\n\n"
                             "2\n01:02:03,004 --> 01:02:04,004\nlater\n\n");
    assert_string_equal(vtt, "WEBVTT\n\n00:00:01.500 --> 00:00:02.500\ngood day\n\n"
                             "01:02:03.004 --> 01:02:04.004\nlater\n\n");
    free(srt);
    free(vtt);
}

static void silence_is_an_empty_file_with_its_head(void **state)
{
    const struct result_transcript t = {NULL, 0, 16000, {.used = 1, .reason = RESULT_BY_TIER},
                                        NULL, 0};
    char *srt = subtitles_srt(&t), *vtt = subtitles_vtt(&t);

    assert_string_equal(srt, "");
    assert_string_equal(vtt, "WEBVTT\n\n");
    free(srt);
    free(vtt);
}

/* A segment of count words, each of so many letters and so many milliseconds. */
static char *monologue(size_t count, int letters, int64_t each_ms)
{
    struct result_word words[100];
    char text[60];

    memset(text, 'a', (size_t)letters);
    text[letters] = '\0';
    for (size_t i = 0; i < count; i++)
        words[i] = (struct result_word){text, (int64_t)i * each_ms * MS,
                                        (int64_t)(i + 1) * each_ms * MS, 1};
    const struct result_segment segment = {
        0, (int64_t)count * each_ms * MS,         words, count, 0,
        0, {.used = 1, .reason = RESULT_BY_TIER}, false, false, NULL,
        0};
    const struct result_transcript t = {
        &segment, 1, segment.end_samples, {.used = 1, .reason = RESULT_BY_TIER}, NULL, 0};
    return subtitles_srt(&t);
}

static void cues_are_two_lines_of_42_at_most_and_lose_no_word(void **state)
{
    char *srt = monologue(100, 5, 100);
    size_t words = 0, lines = 0;

    for (char *line = strtok(srt, "\n"); line; line = strtok(NULL, "\n")) {
        lines = line[0] == 'a' ? lines + 1 : 0;
        assert_true(lines <= 2 && strlen(line) <= 42);
        for (const char *at = line; (at = strstr(at, "aaaaa")); at += 5)
            words++;
    }
    assert_int_equal(words, 100);
    free(srt);
}

static void a_cue_lasts_seven_seconds_at_most(void **state)
{
    char *srt = monologue(8, 2, 2000);

    assert_non_null(strstr(srt, "1\n00:00:00,000 --> 00:00:06,000\naa aa aa\n\n2\n"));
    assert_non_null(strstr(srt, "3\n00:00:12,000 --> 00:00:16,000\naa aa\n\n"));
    free(srt);
}

/* Words of a text, each so many ms long, as one segment; returns SRT. */
static char *spoken(const char *text, int64_t each_ms)
{
    static char copy[600];
    struct result_word words[100];
    size_t count = 0;

    strcpy(copy, text);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "), count++)
        words[count] = (struct result_word){word, (int64_t)count * each_ms * MS,
                                            (int64_t)(count + 1) * each_ms * MS, 1};
    const struct result_segment segment = {.words = words, .words_count = count};
    const struct result_transcript t = {.segments = &segment, .segments_count = 1};
    return subtitles_srt(&t);
}

static void cues_follow_sentences(void **state)
{
    char *srt = spoken("He came to the house at dawn. Nobody had seen him on the road.", 300);

    assert_string_equal(srt,
                        "1\n00:00:00,000 --> 00:00:02,100\nHe came to the house at dawn.\n\n"
                        "2\n00:00:02,100 --> 00:00:04,200\nNobody had seen him on the road.\n\n");
    free(srt);
}

static void no_cue_is_a_lone_word_or_gone_within_a_second(void **state)
{
    static const char *const texts[] = {
        "It was late in the long afternoon when all of the people had left the town and gone back "
        "home again.",
        "Yes. No. I do not know what you are talking about, and I never did in all of my life, "
        "sir.",
        "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen",
    };

    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++)
        for (int64_t each_ms = 240; each_ms <= 400; each_ms += 40) {
            char *srt = spoken(texts[t], each_ms);
            int from_s, from_ms, to_s, to_ms;
            for (char *at = srt; (at = strstr(at, "00:00:")); at += 29) {
                assert_int_equal(
                    sscanf(at, "00:00:%d,%d --> 00:00:%d,%d", &from_s, &from_ms, &to_s, &to_ms), 4);
                assert_true((to_s - from_s) * 1000 + to_ms - from_ms >= 1000);
                const char *line = strchr(at, '\n') + 1;
                assert_true(memchr(line, ' ', strcspn(line, "\n")) ||
                            line[strcspn(line, "\n") + 1] != '\n');
            }
            free(srt);
        }
}

static void a_word_too_long_for_any_cue_has_one_to_itself(void **state)
{
    char *srt = monologue(3, 50, 9000);

    assert_non_null(strstr(srt, "3\n00:00:18,000 --> 00:00:27,000\naaaa"));
    free(srt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_and_numbers_follow_each_format),
        cmocka_unit_test(silence_is_an_empty_file_with_its_head),
        cmocka_unit_test(cues_are_two_lines_of_42_at_most_and_lose_no_word),
        cmocka_unit_test(a_cue_lasts_seven_seconds_at_most),
        cmocka_unit_test(cues_follow_sentences),
        cmocka_unit_test(no_cue_is_a_lone_word_or_gone_within_a_second),
        cmocka_unit_test(a_word_too_long_for_any_cue_has_one_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
