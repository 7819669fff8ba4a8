/* A cut in running speech lies between two words, whose times the first pass says, and is chosen
 * so that a second or two of what follows has been heard too: words at the very end of a sound are
 * recognised badly.
 *
 * What comes behind a cut is heard with some seconds before it, from the gap on that is the longest
 * of those so far back. Their words are known; the attention decoder is given them as what it has
 * written (fold_writing.prefix) and goes on behind them, so that none is said twice and none is
 * taken back. */
#include "carryover.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES(ms) ((int64_t)(ms) * (RESULT_RATE_HZ / 1000))

/* A word that ends so close to the end of the sound, at an endpoint, may go on. */
#define TOUCHING SAMPLES(100)
/* At the greatest length the cut lies between so far back, at most a third of that length, */
#define CUT_MOST SAMPLES(6000)
/* and so far. */
#define CUT_LEAST SAMPLES(1500)
/* What is heard again: at most, and a quarter of the greatest length; and at least. */
#define KEPT_MOST  SAMPLES(6000)
#define KEPT_LEAST SAMPLES(2500)
/* And by a partial. */
#define PARTIAL_MOST  SAMPLES(2500)
#define PARTIAL_LEAST SAMPLES(1000)

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Does what follows need nothing of it? */
static bool stands_alone(const struct endpointer_segment *sound)
{
    return sound->why == ENDPOINTER_PAUSE || sound->why == ENDPOINTER_BREAK;
}

void carryover_reset(struct carryover *carryover)
{
    free(carryover->words);
    *carryover = (struct carryover){0};
}

/* Between word i of words and the one before it. */
static int64_t middle(const struct result_word *words, size_t i)
{
    return words[i].start_samples - (words[i].start_samples - words[i - 1].end_samples) / 2;
}

static int64_t gap(const struct result_word *words, size_t i)
{
    return words[i].start_samples - words[i - 1].end_samples;
}

/* The word before whose gap, the longest between two times, there is a cut; count: none. Of equal
 * ones the last. */
static size_t longest_gap(const struct result_word *words, size_t count, int64_t from, int64_t to)
{
    size_t best = count;

    for (size_t i = 1; i < count; i++)
        if (middle(words, i) >= from && middle(words, i) <= to &&
            (best == count || gap(words, i) >= gap(words, best)))
            best = i;
    return best;
}

/* How many of the words are final; *ret_samples: up to there. */
static size_t final_words(const struct endpointer_segment *sound, int64_t most_samples,
                          const struct result_segment *segment, int64_t *ret_samples)
{
    const struct result_word *words = segment->words;
    const int64_t end = sound->start_samples + (int64_t)sound->count;
    const int64_t least = smaller(CUT_LEAST, most_samples / 8);
    size_t count = segment->words_count;

    *ret_samples = end;
    if (stands_alone(sound) || sound->why == ENDPOINTER_FLUSHED)
        return count;
    if (sound->why == ENDPOINTER_ENDPOINT) {
        while (count && words[count - 1].end_samples > end - TOUCHING)
            count--;
        if (count < segment->words_count)
            *ret_samples =
                count ? middle(words, count) : larger(words[0].start_samples, sound->fresh_samples);
        return count;
    }
    const size_t best =
        longest_gap(words, count, end - smaller(CUT_MOST, most_samples / 3), end - least);
    if (best < count) {
        *ret_samples = middle(words, best);
        return best;
    }
    *ret_samples = end - least;
    while (count && words[count - 1].end_samples > *ret_samples)
        count--;
    if (count < segment->words_count)
        *ret_samples = smaller(*ret_samples, larger(words[count].start_samples, end - 2 * least));
    return count;
}

/* Where the sound that is heard again begins: in the longest gap before words [count]. */
static int64_t kept_from(const struct result_word *words, size_t count,
                         const struct endpointer_segment *sound, int64_t most_samples,
                         int64_t final_samples)
{
    const int64_t most = smaller(KEPT_MOST, most_samples / 4);
    const int64_t least = smaller(KEPT_LEAST, most / 2);

    if (final_samples - sound->start_samples <= most)
        return sound->start_samples;
    const size_t best = longest_gap(words, count, final_samples - most, final_samples - least);
    return best < count ? middle(words, best) : final_samples - least;
}

/* Words that begin from a time on, of two lists, in one block with their texts. */
static struct result_word *join(const struct carryover *before, const struct result_word *words,
                                size_t count, int64_t from, size_t *ret_count)
{
    size_t bytes = 1, kept = 0;

    for (size_t i = 0; i < before->count + count; i++) {
        const struct result_word *word =
            i < before->count ? &before->words[i] : &words[i - before->count];
        if (word->start_samples >= from)
            bytes += sizeof(*word) + strlen(word->text) + 1;
    }
    struct result_word *joined = malloc(bytes);
    if (!joined)
        return NULL;
    for (size_t i = 0; i < before->count + count; i++) {
        const struct result_word *word =
            i < before->count ? &before->words[i] : &words[i - before->count];
        if (word->start_samples >= from)
            joined[kept++] = *word;
    }
    char *text = (char *)(joined + kept);
    for (size_t i = 0; i < kept; i++) {
        strcpy(text, joined[i].text);
        joined[i].text = text;
        text += strlen(text) + 1;
    }
    *ret_count = kept;
    return joined;
}

/* Cuts off what begins from a time on. */
static void cut_off(struct result_segment *segment, int64_t final_samples)
{
    while (segment->words_count &&
           segment->words[segment->words_count - 1].start_samples >= final_samples)
        segment->words_count--;
    for (size_t i = 0; i < segment->words_count; i++) {
        struct result_word *word = (struct result_word *)(uintptr_t)&segment->words[i];
        word->end_samples = smaller(word->end_samples, final_samples);
    }
    segment->end_samples = final_samples;
}

/* Does its text end without a mark? Where words follow that are not final yet, whoever writes marks
 * has put the right one before them. */
static bool is_open(const struct endpointer_segment *sound, const struct result_segment *segment,
                    bool follows)
{
    return follows ? !segment->written
                   : sound->why == ENDPOINTER_FULL || sound->why == ENDPOINTER_BREAK;
}

int carryover_settle(struct carryover *carryover, const struct endpointer_segment *sound,
                     int64_t most_samples, struct result_segment *segment,
                     struct carryover_cut *ret_cut)
{
    struct carryover next = {0};
    struct carryover_cut cut;
    const size_t count = final_words(sound, most_samples, segment, &cut.final_samples);

    cut.kept_samples = cut.final_samples;
    if (!stands_alone(sound)) {
        struct carryover all;
        all.words = join(carryover, segment->words, count, sound->start_samples, &all.count);
        if (!all.words)
            return -1;
        cut.kept_samples = kept_from(all.words, all.count, sound, most_samples, cut.final_samples);
        next.words = join(&all, NULL, 0, cut.kept_samples, &next.count);
        free(all.words);
        if (!next.words)
            return -1;
    }
    const bool follows = count < segment->words_count;
    segment->cut = is_open(sound, segment, follows);
    segment->words_count = count;
    cut_off(segment, cut.final_samples);
    for (size_t i = 0; i < segment->others_count; i++) {
        struct result_segment *other = (struct result_segment *)(uintptr_t)&segment->others[i];
        other->cut = is_open(sound, other, follows);
        cut_off(other, cut.final_samples);
    }
    carryover_reset(carryover);
    *carryover = next;
    *ret_cut = cut;
    return 0;
}

int64_t carryover_partial_start(const struct carryover *carryover, const struct carryover_cut *cut)
{
    const int64_t final = cut->final_samples;
    const size_t best =
        longest_gap(carryover->words, carryover->count,
                    larger(final - PARTIAL_MOST, cut->kept_samples), final - PARTIAL_LEAST);

    return best < carryover->count ? middle(carryover->words, best)
                                   : larger(cut->kept_samples, final - PARTIAL_LEAST);
}

char *carryover_text(const struct result_word *words, size_t count, int64_t start_samples)
{
    size_t bytes = 1, used = 0;

    for (size_t i = 0; i < count; i++)
        bytes += strlen(words[i].text) + 1;
    char *text = malloc(bytes);
    if (!text)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (words[i].start_samples < start_samples)
            continue;
        if (used)
            text[used++] = ' ';
        used += (size_t)(stpcpy(text + used, words[i].text) - (text + used));
    }
    while (used && strchr(".,?!;:", text[used - 1]))
        used--;
    text[used] = '\0';
    return text;
}
