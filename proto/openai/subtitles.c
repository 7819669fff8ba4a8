/* subtitles.c - greedy cues: words are added while they fit two readable lines and a few seconds.
 */
#include "subtitles.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_CHARS 42
#define CUE_MS     7000

static int64_t milliseconds(int64_t samples)
{
    return samples * 1000 / RESULT_RATE_HZ;
}

static void print_time(FILE *out, int64_t samples, char point)
{
    const int64_t ms = milliseconds(samples);
    fprintf(out, "%02" PRId64 ":%02" PRId64 ":%02" PRId64 "%c%03" PRId64, ms / 3600000,
            ms / 60000 % 60, ms / 1000 % 60, point, ms % 1000);
}

/* Words from begin that go into one cue: how many, and after how many the line breaks (0: one
 * line). */
static size_t cue_words(const struct result_segment *segment, size_t begin, size_t *ret_break)
{
    size_t count = 0, chars = 0, line = 0;
    *ret_break = 0;
    for (size_t i = begin; i < segment->words_count; i++) {
        const size_t length = strlen(segment->words[i].text);
        const int64_t lasts = segment->words[i].end_samples - segment->words[begin].start_samples;
        if (count && milliseconds(lasts) > CUE_MS)
            break;
        if (count && chars + 1 + length > LINE_CHARS) {
            if (line == 1)
                break;
            line = 1;
            *ret_break = count;
            chars = 0;
        }
        chars += length + (chars ? 1 : 0);
        count++;
    }
    return count;
}

static void print_words(FILE *out, const struct result_word *words, size_t count, size_t line_break)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%s", i == 0 ? "" : i == line_break ? "\n" : " ", words[i].text);
}

static char *print_cues(const struct result_transcript *t, bool srt)
{
    char *text = NULL;
    size_t length = 0, number = 1;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return NULL;
    if (!srt)
        fputs("WEBVTT\n\n", out);
    for (size_t i = 0; i < t->segments_count; i++) {
        const struct result_segment *segment = &t->segments[i];
        for (size_t at = 0; at < segment->words_count;) {
            size_t line_break;
            const size_t count = cue_words(segment, at, &line_break);
            if (srt)
                fprintf(out, "%zu\n", number++);
            print_time(out, segment->words[at].start_samples, srt ? ',' : '.');
            fputs(" --> ", out);
            print_time(out, segment->words[at + count - 1].end_samples, srt ? ',' : '.');
            fputc('\n', out);
            print_words(out, segment->words + at, count, line_break);
            fputs("\n\n", out);
            at += count;
        }
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

char *subtitles_srt(const struct result_transcript *transcript)
{
    return print_cues(transcript, true);
}

char *subtitles_vtt(const struct result_transcript *transcript)
{
    return print_cues(transcript, false);
}
