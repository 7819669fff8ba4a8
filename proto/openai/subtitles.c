/* subtitles.c - words into cues that can be read.
 *
 * Of all ways to cut the words, the one that costs least: each cue costs something, and what makes
 * it worse to read costs more: an end within a sentence, a sentence that begins within it, a pause
 * inside, too short a time, a word alone. A cue that fits no two lines, or is too long, is none. */
#include "subtitles.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sentences.h"

#define LINE_CHARS  42
#define CUE_MS      7000
#define LEAST_MS    1000 /* that a cue stays, where what follows leaves it the time */
#define CUE_WORDS   (2 * LINE_CHARS / 2 + 1)
#define INNER_MS    1000 /* a pause that no cue should span */
#define COST_CUE    1.0
#define COST_BREAK  3.0 /* an end within a sentence, */
#define COST_CLAUSE 1.0 /* at a comma */
#define COST_BEGIN  1.5 /* a sentence that begins within, behind one */
#define COST_PAUSE  3.0
#define COST_SHORT  5.0 /* times the part of LEAST_MS that is missing */
#define COST_ORPHAN 6.0 /* one word that is not a sentence of its own */

static int64_t milliseconds(int64_t samples)
{
    return samples * 1000 / RESULT_RATE_HZ;
}

/* Words [first, end) as one or two lines. */
struct cue {
    size_t first, end;
    size_t second; /* where the second line begins; end: there is none */
};

struct words {
    const struct result_word *list; /* [count] */
    size_t count;
};

static size_t chars(const struct words *w, size_t first, size_t end)
{
    size_t sum = end - first - 1; /* spaces */
    for (size_t i = first; i < end; i++)
        sum += strlen(w->list[i].text);
    return sum;
}

static bool ends_clause(const char *text)
{
    const size_t length = strlen(text);
    return length && strchr(",;:", text[length - 1]);
}

/* Finds where the line breaks, the most even way; false where two lines do not hold it. */
static bool break_line(const struct words *w, struct cue *cue)
{
    size_t before = 0, best = SIZE_MAX;
    const size_t all = chars(w, cue->first, cue->end);
    cue->second = cue->end;
    if (all <= LINE_CHARS || cue->end - cue->first == 1)
        return true;
    for (size_t i = cue->first; i + 1 < cue->end; i++) {
        before += strlen(w->list[i].text) + (i > cue->first);
        const size_t behind = all - before - 1;
        const size_t longer = before > behind ? before : behind;
        if (longer <= LINE_CHARS && longer < best) {
            best = longer;
            cue->second = i + 1;
        }
    }
    return best != SIZE_MAX;
}

/* How long it can stay: until the next begins. */
static int64_t stay_ms(const struct words *w, const struct cue *cue)
{
    const int64_t start = w->list[cue->first].start_samples;
    const int64_t spoken = milliseconds(w->list[cue->end - 1].end_samples - start);
    if (spoken >= LEAST_MS || cue->end == w->count)
        return spoken >= LEAST_MS ? spoken : LEAST_MS;
    const int64_t room = milliseconds(w->list[cue->end].start_samples - start);
    return room < spoken ? spoken : room < LEAST_MS ? room : LEAST_MS;
}

/* INFINITY: it is none. */
static double cost(const struct words *w, struct cue *cue)
{
    const size_t last = cue->end - 1;
    const int64_t spoken_ms =
        milliseconds(w->list[last].end_samples - w->list[cue->first].start_samples);
    const bool is_sentence = sentences_end(w->list, w->count, last);
    if (!break_line(w, cue) || (last > cue->first && spoken_ms > CUE_MS))
        return INFINITY;
    double sum = COST_CUE;
    if (!is_sentence)
        sum += ends_clause(w->list[last].text) ? COST_CLAUSE : COST_BREAK;
    for (size_t i = cue->first; i < last; i++) {
        const int64_t pause_ms =
            milliseconds(w->list[i + 1].start_samples - w->list[i].end_samples);
        sum += pause_ms > INNER_MS                   ? COST_PAUSE
               : sentences_end(w->list, w->count, i) ? COST_BEGIN
                                                     : 0;
    }
    const int64_t stays_ms = stay_ms(w, cue);
    if (stays_ms < LEAST_MS)
        sum += COST_SHORT * (double)(LEAST_MS - stays_ms) / LEAST_MS + COST_BEGIN;
    const bool begins = cue->first == 0 || sentences_end(w->list, w->count, cue->first - 1);
    if (last == cue->first && !(is_sentence && begins))
        sum += COST_ORPHAN;
    /* Of two ways that are alike otherwise, the more even one. */
    const double part = (double)chars(w, cue->first, cue->end) / (2 * LINE_CHARS);
    return sum + part * part / 2;
}

/* cues has room for w->count. Returns how many; 0 without memory, or words. */
static size_t cut(const struct words *w, struct cue *cues)
{
    double *least = malloc((w->count + 1) * sizeof *least);
    struct cue *best = malloc((w->count + 1) * sizeof *best); /* [end] the cue that ends there */
    size_t count = 0;
    for (size_t end = 1; least && best && end <= w->count; end++) {
        least[0] = 0;
        least[end] = INFINITY;
        for (size_t n = 1; n <= end && n <= CUE_WORDS; n++) {
            struct cue cue = {.first = end - n, .end = end};
            const double sum = least[end - n] + cost(w, &cue);
            if (sum < least[end]) {
                least[end] = sum;
                best[end] = cue;
            }
        }
    }
    for (size_t end = w->count; least && best && end; end = best[end].first)
        cues[count++] = best[end];
    free(least);
    free(best);
    return count;
}

static void print_time(FILE *out, int64_t ms, char point)
{
    fprintf(out, "%02" PRId64 ":%02" PRId64 ":%02" PRId64 "%c%03" PRId64, ms / 3600000,
            ms / 60000 % 60, ms / 1000 % 60, point, ms % 1000);
}

static void print_words(FILE *out, const struct words *w, const struct cue *cue)
{
    for (size_t i = cue->first; i < cue->end; i++)
        fprintf(out, "%s%s", i == cue->first ? "" : i == cue->second ? "\n" : " ", w->list[i].text);
}

/* cues: the last first. */
static void print_cues(FILE *out, const struct words *w, const struct cue *cues, size_t count,
                       bool srt)
{
    int64_t free_ms = 0; /* the cue before is gone */
    for (size_t number = 1; number <= count; number++) {
        const struct cue *cue = &cues[count - number];
        int64_t start_ms = milliseconds(w->list[cue->first].start_samples);
        const int64_t end_ms = start_ms + stay_ms(w, cue);
        if (end_ms - start_ms < LEAST_MS) /* what follows is there already: it comes sooner */
            start_ms = end_ms - LEAST_MS > free_ms ? end_ms - LEAST_MS : free_ms;
        free_ms = end_ms;
        if (srt)
            fprintf(out, "%zu\n", number);
        print_time(out, start_ms, srt ? ',' : '.');
        fputs(" --> ", out);
        print_time(out, end_ms, srt ? ',' : '.');
        fputc('\n', out);
        print_words(out, w, cue);
        fputs("\n\n", out);
    }
}

static char *print(const struct result_transcript *t, bool srt)
{
    char *text = NULL;
    size_t length = 0, count;
    struct result_word *list = sentences_words(t->segments, t->segments_count, &count);
    struct cue *cues = malloc((count + 1) * sizeof *cues);
    const struct words words = {list, count};
    const size_t cues_count = list && cues && count ? cut(&words, cues) : 0;
    const bool is_cut = list && cues && (cues_count || !count);
    FILE *out = is_cut ? open_memstream(&text, &length) : NULL;
    if (out && !srt)
        fputs("WEBVTT\n\n", out);
    if (out)
        print_cues(out, &words, cues, cues_count, srt);
    free(list);
    free(cues);
    if (!out || fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

char *subtitles_srt(const struct result_transcript *transcript)
{
    return print(transcript, true);
}

char *subtitles_vtt(const struct result_transcript *transcript)
{
    return print(transcript, false);
}
