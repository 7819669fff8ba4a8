#include "transcript.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

int transcript_span(struct update_span *ret_span, const struct fold_result *result,
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
                                     .mean_logp = result->mean_logp,
                                     .blank_share = result->blank_share,
                                     .depth = depth};
    return 0;
}

int transcript_prose(struct update_span *span, const struct fold_prose *prose,
                     struct fold_prose_state *state, bool final)
{
    const size_t count = span->words_count;
    const struct update_word *words = span->words;
    struct fold_prose_state behind = *state;
    struct fold_prose_word *list = malloc((count ? count : 1) * sizeof(*list));

    if (!list)
        return -1;
    for (size_t i = 0; i < count; i++)
        list[i] = (struct fold_prose_word){
            .text = words[i].text,
            .pause_s = i + 1 < count ? (float)(words[i + 1].start_samples - words[i].end_samples) /
                                           UPDATE_RATE_HZ
                                     : NAN};
    fold_prose_mark(prose, &behind, list, count, final && !span->cut);
    if (final)
        *state = behind;
    for (size_t i = 0; i < count; i++)
        fold_prose_write(prose, &list[i], (char *)(uintptr_t)words[i].text);
    free(list);
    return 0;
}

void transcript_release(struct update_span *span)
{
    free((void *)(uintptr_t)span->words);
    span->words = NULL;
    span->words_count = 0;
}
