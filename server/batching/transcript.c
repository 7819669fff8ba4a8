#include "transcript.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

/* Only ASCII letters have a lower case here: bytes above are kept, so UTF-8 stays whole. */
static void show(char *to, const char *from)
{
    for (; *from; from++)
        *to++ = *from >= 'A' && *from <= 'Z' ? (char)(*from - 'A' + 'a') : *from;
    *to = '\0';
}

static int64_t time_of(const struct transcript_clock *clock, uint32_t frame)
{
    const int64_t middle = ((int64_t)clock->frame_samples - clock->hop_samples) / 2;
    const int64_t at = clock->first_samples + (int64_t)frame * clock->hop_samples + middle;

    return at < clock->start_samples ? clock->start_samples
           : at > clock->end_samples ? clock->end_samples
                                     : at;
}

int transcript_segment(struct result_segment *ret_segment, const struct fold_result *result,
                       enum result_written written, const struct transcript_clock *clock,
                       struct result_depth depth)
{
    size_t bytes = 0;

    for (size_t i = 0; i < result->words_count; i++)
        bytes += sizeof(struct result_word) + strlen(result->words[i].text) + 2; /* a mark */
    struct result_word *words = malloc(bytes ? bytes : 1);
    if (!words)
        return -1;
    char *text = (char *)(words + result->words_count);
    for (size_t i = 0; i < result->words_count; i++) {
        const struct fold_word *word = &result->words[i];
        if (written)
            strcpy(text, word->text);
        else
            show(text, word->text);
        words[i] = (struct result_word){.text = text,
                                        .start_samples = time_of(clock, word->start_frame),
                                        .end_samples = time_of(clock, word->end_frame),
                                        .confidence = word->confidence};
        text += strlen(text) + 2;
    }
    *ret_segment = (struct result_segment){.start_samples = clock->start_samples,
                                           .end_samples = clock->end_samples,
                                           .words = words,
                                           .words_count = result->words_count,
                                           .cut = clock->cut,
                                           .written = written,
                                           .mean_logp = result->mean_logp,
                                           .blank_share = result->blank_share,
                                           .depth = depth};
    return 0;
}

/* The segment's own memory. */
static char *text_of(const struct result_segment *segment, size_t i)
{
    return (char *)(uintptr_t)segment->words[i].text;
}

static bool ends_sentence(const char *text)
{
    const size_t length = strlen(text);

    return length && strchr(".?!", text[length - 1]);
}

/* The words as the text model knows them: letters and apostrophes. They are in the space that
 * plain has: to be freed. */
static struct fold_punctuation_word *list_of(const struct result_segment *segment)
{
    const size_t count = segment->words_count;
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += sizeof(struct fold_punctuation_word) + strlen(segment->words[i].text) + 1;
    struct fold_punctuation_word *list = malloc(bytes ? bytes : 1);
    char *text = (char *)(list + count);
    for (size_t i = 0; list && i < count; i++) {
        const struct result_word *word = &segment->words[i];
        const int64_t gap_samples = i + 1 < count ? word[1].start_samples - word->end_samples : 0;
        if (segment->written)
            words_plain(text, word->text);
        else
            strcpy(text, word->text);
        list[i] = (struct fold_punctuation_word){
            .text = text, .pause_s = i + 1 < count ? (float)gap_samples / RESULT_RATE_HZ : NAN};
        text += strlen(text) + 1;
    }
    return list;
}

/* Puts case and marks on words that have none. */
static void punctuate(struct result_segment *segment, const struct fold_punctuation *punctuation,
                      struct fold_punctuation_state *state, struct fold_punctuation_word *list,
                      bool final)
{
    fold_punctuation_mark(punctuation, state, list, segment->words_count, final && !segment->cut);
    for (size_t i = 0; i < segment->words_count; i++) {
        list[i].text = segment->words[i].text;
        fold_punctuation_write(punctuation, &list[i], text_of(segment, i));
    }
}

/* Words that have case and marks lead the text model through the same sentence. Every segment was
 * written as if a text began with it: where one goes on from the segment before, a first word that
 * the text model would not begin a sentence with loses its capital. */
static void punctuate_behind(struct result_segment *segment,
                             const struct fold_punctuation *punctuation,
                             struct fold_punctuation_state *state,
                             struct fold_punctuation_word *list)
{
    for (size_t first = 0, i = 0; i < segment->words_count; i++) {
        const bool ends = ends_sentence(segment->words[i].text);
        if (!ends && i + 1 < segment->words_count)
            continue;
        fold_punctuation_mark(punctuation, state, list + first, i + 1 - first, ends);
        if (ends)
            *state = (struct fold_punctuation_state){0};
        first = i + 1;
    }
    char *word = segment->words_count ? text_of(segment, 0) : "";
    if (segment->words_count && segment->written != RESULT_CONTINUED &&
        list[0].cased == FOLD_LOWER && word[0] >= 'A' && word[0] <= 'Z' &&
        !(word[1] >= 'A' && word[1] <= 'Z'))
        word[0] = (char)(word[0] - 'A' + 'a');
}

/* Where the text goes on, its last word has no mark yet. */
static void open_end(struct result_segment *segment)
{
    char *text = segment->words_count ? text_of(segment, segment->words_count - 1) : "";
    size_t length = strlen(text);

    while (length > 1 && strchr(".,?!;:", text[length - 1]))
        text[--length] = '\0';
}

static int write_segment(struct result_segment *segment, const struct transcript_style *style,
                         struct fold_punctuation_state *state, bool final)
{
    struct fold_punctuation_state behind = *state;
    struct fold_punctuation_word *list;

    if (style->plain && segment->written)
        for (size_t i = 0; i < segment->words_count; i++)
            words_plain(text_of(segment, i), text_of(segment, i));
    if (style->plain)
        return 0;
    if (segment->written && (!final || segment->cut))
        open_end(segment);
    if (!style->punctuation)
        return 0;
    list = list_of(segment);
    if (!list)
        return -1;
    if (segment->written)
        punctuate_behind(segment, style->punctuation, &behind, list);
    else
        punctuate(segment, style->punctuation, &behind, list, final);
    if (final)
        *state = behind;
    free(list);
    return 0;
}

/* The segment's own memory. */
static struct result_segment *other_of(const struct result_segment *segment, size_t i)
{
    return (struct result_segment *)(uintptr_t)&segment->others[i];
}

int transcript_write(struct result_segment *segment, const struct transcript_style *style,
                     struct fold_punctuation_state *state, bool final)
{
    for (size_t i = 0; i < segment->others_count; i++) {
        struct fold_punctuation_state behind = *state;
        if (write_segment(other_of(segment, i), style, &behind, final) < 0)
            return -1;
    }
    return write_segment(segment, style, state, final);
}

void transcript_release(struct result_segment *segment)
{
    for (size_t i = 0; i < segment->others_count; i++)
        free((void *)(uintptr_t)segment->others[i].words);
    free((void *)(uintptr_t)segment->others);
    free((void *)(uintptr_t)segment->words);
    segment->words = NULL;
    segment->others = NULL;
    segment->words_count = segment->others_count = 0;
}
