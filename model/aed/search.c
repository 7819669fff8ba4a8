/* search.c - a likelier text than the greedy one.
 *
 * Greedy decoding takes the likeliest next piece, and now and then the text that this leads to is
 * not the likeliest. A beam would find it by carrying several texts along through every piece; but
 * most pieces leave no choice. Here the text is written greedily first, and only then is it asked
 * where another piece could have won: one that costs less than the next few pieces cost together,
 * since what it may save is theirs. The place where most may be saved is tried first: written on
 * greedily, given up as soon as its sum falls below the best, and otherwise the best from then on.
 * A sure text has no such place and costs no pass.
 *
 * dev_clean, 150 utterances, WER at x1, x2, x3: greedy 8.08, 6.07, 6.22 % with 13.4 passes an
 * utterance at x2; eight tries, among places within 2 pieces 7.56, 5.85, 5.95 % with 14.9; 4 pieces
 * 7.35, 5.76, 6.01 % with 16.0; 8 pieces 7.29, 5.64, 5.95 % with 17.1; to the end of the text 7.41,
 * 5.58, 5.76 % with 20.4. */
#include <string.h>

#include "writer_state.h"

#define SAVED_PIECES 8

/* What the pieces of a text cost from one on, SAVED_PIECES at most; the end is one. */
static float cost_from(const struct alternative *text, size_t at, float end_logp)
{
    float cost = 0;
    for (size_t i = at; i < at + SAVED_PIECES && i <= text->count; i++)
        cost -= i < text->count ? text->logps[i] : end_logp;
    return cost;
}

static float sum_of(float mean_logp, size_t pieces)
{
    return mean_logp * (float)(pieces + 1);
}

/* The turning of the first text that may save most; NULL: none can. */
static struct turning *promising(struct alternatives *others)
{
    const struct alternative *text = &others->texts[0];
    struct turning *found = NULL;
    float end_logp = sum_of(text->mean_logp, text->count), most = 0;
    for (size_t i = 0; i < text->count; i++)
        end_logp -= text->logps[i];
    for (size_t i = 0; i <= text->count; i++) {
        struct turning *turning = &others->turnings[i];
        const float saved = turning->logp + cost_from(text, i, end_logp);
        if (!turning->tried && saved > most) {
            most = saved;
            found = turning;
        }
    }
    return found;
}

/* What is in the wording becomes the first text. */
static void become_first(struct fold_writer *w, const struct turning *taken,
                         const struct fold_written *written)
{
    struct turning *turnings = w->others.turnings;
    /* What is before the turn is as it was, and so are its turnings. */
    memcpy(w->noted, turnings, (taken->at + 1) * sizeof *turnings);
    alternatives_begin(w, written);
}

int fold_writer_search(struct fold_writer *w, uint32_t tries, struct fold_written *ret_written)
{
    struct alternatives *others = &w->others;
    const struct alternative *best = &others->texts[0];
    if (!others->count)
        return FOLD_ERR_ARGUMENT;
    alternatives_rewind(w);
    for (uint32_t i = 0; i < tries && !w->hot.count && !fold_run_is_stopped(w->run); i++) {
        const float sum = sum_of(best->mean_logp, best->count);
        struct turning *turning = promising(others);
        struct fold_written result = {0};
        if (!turning)
            break;
        turning->tried = true;
        const bool whole = alternatives_take(w, turning, sum, &result);
        ret_written->passes += result.passes;
        if (whole && sum_of(result.mean_logp, result.pieces) > sum)
            become_first(w, turning, &result);
    }
    const uint32_t passes = ret_written->passes;
    fold_writer_alternative(w, 0, ret_written);
    ret_written->passes = passes;
    return FOLD_OK;
}
