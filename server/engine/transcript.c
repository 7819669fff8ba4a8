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

int transcript_span(struct update_span *ret_span, const struct fold_result *result, bool written,
                    const struct transcript_clock *clock, struct update_depth depth)
{
    size_t bytes = 0;

    for (size_t i = 0; i < result->words_count; i++)
        bytes += sizeof(struct update_word) + strlen(result->words[i].text) + 2; /* a mark */
    struct update_word *words = malloc(bytes ? bytes : 1);
    if (!words)
        return -1;
    char *text = (char *)(words + result->words_count);
    for (size_t i = 0; i < result->words_count; i++) {
        const struct fold_word *word = &result->words[i];
        if (written)
            strcpy(text, word->text);
        else
            show(text, word->text);
        words[i] = (struct update_word){.text = text,
                                        .start_samples = time_of(clock, word->start_frame),
                                        .end_samples = time_of(clock, word->end_frame),
                                        .confidence = word->confidence};
        text += strlen(text) + 2;
    }
    *ret_span = (struct update_span){.start_samples = clock->start_samples,
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

/* The span's own memory. */
static char *text_of(const struct update_span *span, size_t i)
{
    return (char *)(uintptr_t)span->words[i].text;
}

static bool ends_sentence(const char *text)
{
    const size_t length = strlen(text);

    return length && strchr(".?!", text[length - 1]);
}

/* The words as the text model knows them: letters and apostrophes. They are in the space that
 * plain has: to be freed. */
static struct fold_prose_word *list_of(const struct update_span *span)
{
    const size_t count = span->words_count;
    size_t bytes = 0;

    for (size_t i = 0; i < count; i++)
        bytes += sizeof(struct fold_prose_word) + strlen(span->words[i].text) + 1;
    struct fold_prose_word *list = malloc(bytes ? bytes : 1);
    char *text = (char *)(list + count);
    for (size_t i = 0; list && i < count; i++) {
        const struct update_word *word = &span->words[i];
        const int64_t gap_samples = i + 1 < count ? word[1].start_samples - word->end_samples : 0;
        if (span->written)
            words_plain(text, word->text);
        else
            strcpy(text, word->text);
        list[i] = (struct fold_prose_word){
            .text = text, .pause_s = i + 1 < count ? (float)gap_samples / UPDATE_RATE_HZ : NAN};
        text += strlen(text) + 1;
    }
    return list;
}

/* Puts case and marks on words that have none. */
static void add_prose(struct update_span *span, const struct fold_prose *prose,
                      struct fold_prose_state *state, struct fold_prose_word *list, bool final)
{
    fold_prose_mark(prose, state, list, span->words_count, final && !span->cut);
    for (size_t i = 0; i < span->words_count; i++) {
        list[i].text = span->words[i].text;
        fold_prose_write(prose, &list[i], text_of(span, i));
    }
}

/* Words that have case and marks lead the text model through the same sentence. Every span was
 * written as if a text began with it: where one goes on from the span before, a first word that the
 * text model would not begin a sentence with loses its capital. */
static void follow_prose(struct update_span *span, const struct fold_prose *prose,
                         struct fold_prose_state *state, struct fold_prose_word *list)
{
    for (size_t first = 0, i = 0; i < span->words_count; i++) {
        const bool ends = ends_sentence(span->words[i].text);
        if (!ends && i + 1 < span->words_count)
            continue;
        fold_prose_mark(prose, state, list + first, i + 1 - first, ends);
        if (ends)
            *state = (struct fold_prose_state){0};
        first = i + 1;
    }
    char *word = span->words_count ? text_of(span, 0) : "";
    if (span->words_count && list[0].cased == FOLD_LOWER && word[0] >= 'A' && word[0] <= 'Z' &&
        !(word[1] >= 'A' && word[1] <= 'Z'))
        word[0] = (char)(word[0] - 'A' + 'a');
}

/* Where the text goes on, its last word has no mark yet. */
static void open_end(struct update_span *span)
{
    char *text = span->words_count ? text_of(span, span->words_count - 1) : "";
    size_t length = strlen(text);

    while (length > 1 && strchr(".,?!;:", text[length - 1]))
        text[--length] = '\0';
}

static int write_span(struct update_span *span, const struct transcript_style *style,
                      struct fold_prose_state *state, bool final)
{
    struct fold_prose_state behind = *state;
    struct fold_prose_word *list;

    if (style->plain && span->written)
        for (size_t i = 0; i < span->words_count; i++)
            words_plain(text_of(span, i), text_of(span, i));
    if (style->plain)
        return 0;
    if (span->written && (!final || span->cut))
        open_end(span);
    if (!style->prose)
        return 0;
    list = list_of(span);
    if (!list)
        return -1;
    if (span->written)
        follow_prose(span, style->prose, &behind, list);
    else
        add_prose(span, style->prose, &behind, list, final);
    if (final)
        *state = behind;
    free(list);
    return 0;
}

/* The span's own memory. */
static struct update_span *other_of(const struct update_span *span, size_t i)
{
    return (struct update_span *)(uintptr_t)&span->others[i];
}

int transcript_write(struct update_span *span, const struct transcript_style *style,
                     struct fold_prose_state *state, bool final)
{
    for (size_t i = 0; i < span->others_count; i++) {
        struct fold_prose_state behind = *state;
        if (write_span(other_of(span, i), style, &behind, final) < 0)
            return -1;
    }
    return write_span(span, style, state, final);
}

void transcript_release(struct update_span *span)
{
    for (size_t i = 0; i < span->others_count; i++)
        free((void *)(uintptr_t)span->others[i].words);
    free((void *)(uintptr_t)span->others);
    free((void *)(uintptr_t)span->words);
    span->words = NULL;
    span->others = NULL;
    span->words_count = span->others_count = 0;
}
