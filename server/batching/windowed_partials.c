/* A partial need not hear again what no longer changes.
 *
 * Partials recognise the segment so far, from its beginning, since there are no caches: a segment
 * of n partials costs n / 2 times its length, and for somebody who talks without a pause that is
 * nearly all that a live stream costs. But words that were followed by a second of speech hardly
 * change any more. So once a partial hears more than PARTIAL_WINDOW_MOST_MS, the words before the
 * best gap that leaves at least PARTIAL_WINDOW_LEAST_MS are kept as they are, and the next partials
 * begin PARTIAL_WINDOW_CONTEXT_MS before that gap: what is cut off from what came before it is
 * heard badly, so words within that context are recognised again but not used. A partial then costs
 * the same however long the segment is.
 *
 * The best gap is the longest one: a breath that lies further back is a better place than the
 * latest gap in the middle of a phrase. Where there is none the window grows on.
 *
 * Finals hear the whole segment, as ever, and what was kept is forgotten with the segment: nothing
 * that stays depends on it.
 *
 * Measured with tests/bench/bench_live.c (a core's streams of people who never stop talking,
 * partials every 640 ms; and of the words of last partials, those that their finals changed):
 * whole segments 39 and 1.7 %; this window 42 and 2.3 %; 3000/1000/500 ms 46 and 4.2 %;
 * 2500/1000/600 ms 46 and 5.8 %. Nobody pausing, segments of 20 s: 12 whole, 30 in this window. */
#include "windowed_partials.h"

#include <stdlib.h>
#include <string.h>

#include "partial_window.h"

#define SAMPLES(ms) ((int64_t)(ms) * (RESULT_RATE_HZ / 1000))

void windowed_partials_reset(struct windowed_partials *window)
{
    free(window->words);
    *window = (struct windowed_partials){0};
}

void windowed_partials_begin(struct windowed_partials *window, int64_t start_samples,
                             int64_t final_samples)
{
    windowed_partials_reset(window);
    window->start_samples = start_samples;
    window->settled_samples = final_samples;
}

void windowed_partials_cut(const struct windowed_partials *window, struct endpointer_segment *sound)
{
    const int64_t behind = window->start_samples - sound->start_samples;

    if (behind <= 0 || (size_t)behind >= sound->count)
        return;
    sound->pcm += behind;
    sound->count -= (size_t)behind;
    sound->start_samples += behind;
}

/* One block: words, and their texts with room for a mark, as transcript.h has it. */
static struct result_word *copy(const struct result_word *first, size_t first_count,
                                const struct result_word *second, size_t second_count)
{
    const size_t count = first_count + second_count;
    size_t bytes = 1;

    for (size_t i = 0; i < count; i++)
        bytes += sizeof(*first) +
                 strlen((i < first_count ? &first[i] : &second[i - first_count])->text) + 2;
    struct result_word *words = malloc(bytes);
    if (!words)
        return NULL;
    char *text = (char *)(words + count);
    for (size_t i = 0; i < count; i++) {
        words[i] = i < first_count ? first[i] : second[i - first_count];
        strcpy(text, words[i].text);
        words[i].text = text;
        text += strlen(text) + 2;
    }
    return words;
}

int windowed_partials_join(const struct windowed_partials *window, struct result_segment *segment,
                           int64_t start_samples)
{
    size_t skipped = 0;

    while (skipped < segment->words_count &&
           segment->words[skipped].start_samples < window->settled_samples)
        skipped++;
    struct result_word *words = copy(window->words, window->kept_count, segment->words + skipped,
                                     segment->words_count - skipped);
    if (!words)
        return -1;
    free((void *)(uintptr_t)segment->words);
    segment->words = words;
    segment->words_count += window->kept_count - skipped;
    segment->start_samples = start_samples;
    return 0;
}

/* Settles the words before the best gap, if there is one. */
static void settle(struct windowed_partials *window, int64_t begun, int64_t now)
{
    int64_t longest = -1;

    for (size_t i = 1; i < window->words_count; i++) {
        const struct result_word *word = &window->words[i];
        const int64_t gap = word->start_samples - word[-1].end_samples;
        const int64_t middle = word->start_samples - gap / 2;
        if (middle <= begun + SAMPLES(PARTIAL_WINDOW_CONTEXT_MS) ||
            middle > now - SAMPLES(PARTIAL_WINDOW_LEAST_MS) || gap < longest)
            continue;
        longest = gap;
        window->settled_samples = middle;
        window->start_samples = middle - SAMPLES(PARTIAL_WINDOW_CONTEXT_MS);
        window->kept_count = i;
    }
}

void windowed_partials_move(struct windowed_partials *window, const struct result_segment *segment)
{
    const int64_t begun = window->start_samples ? window->start_samples : segment->start_samples;
    struct result_word *words = copy(segment->words, segment->words_count, NULL, 0);

    if (!words)
        return;
    free(window->words);
    window->words = words;
    window->words_count = segment->words_count;
    if (segment->end_samples - begun > SAMPLES(PARTIAL_WINDOW_MOST_MS))
        settle(window, begun, segment->end_samples);
}
