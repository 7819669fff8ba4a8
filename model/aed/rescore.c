/* rescore.c - a likelier text than the greedy one.
 *
 * Greedy decoding takes the likeliest next piece, and now and then the text that this leads to is
 * not the likeliest. A beam would find it by carrying several texts along through every piece; but
 * most pieces leave no choice. Here the text is written greedily first, and only then is it asked
 * where another piece could have won: one that costs less than the next few pieces cost together,
 * since what it may save is theirs. The place where most may be saved is tried first: written on
 * greedily, given up as soon as its sum falls below the best or, back at the same words, behind it,
 * and otherwise the best from then on. A sure text has no such place and costs no pass. Hotwords
 * count as they did while it was written: a text without one that the best has must be likelier by
 * what it counts for.
 *
 * dev_clean, 150 utterances, WER at x1, x2, x3: greedy 8.08, 6.07, 6.22 % with 13.4 passes an
 * utterance at x2; eight tries, among places within 2 pieces 7.56, 5.85, 5.95 % with 14.9; 4 pieces
 * 7.35, 5.76, 6.01 % with 16.0; 8 pieces 7.29, 5.64, 5.95 % with 17.1; to the end of the text 7.41,
 * 5.58, 5.76 % with 20.4. */
#include <string.h>

#include "fork.h"

#define SAVED_PIECES 8

/* What the pieces of a text cost from one on, SAVED_PIECES at most; the end is one. */
static float cost_from(const struct alternative *text, size_t at, float end_logp)
{
    float cost = 0;
    for (size_t i = at; i < at + SAVED_PIECES && i <= text->count; i++)
        cost -= i < text->count ? text->logps[i] : end_logp;
    return cost;
}

/* pieces: written, without those of the prefix and the end. */
static float sum_of(float mean_logp, size_t pieces)
{
    return mean_logp * (float)(pieces + 1);
}

/* The point of the first text that may save most; NULL: none can. */
static struct branch_point *promising(struct branch_points *others, size_t given)
{
    const struct alternative *text = &others->texts[0];
    struct branch_point *found = NULL;
    float end_logp = sum_of(text->mean_logp, text->count - given), most = 0;
    for (size_t i = 0; i < text->count; i++)
        end_logp -= text->logps[i];
    for (size_t i = 0; i <= text->count; i++) {
        struct branch_point *point = &others->points[i];
        const float saved = point->logp + cost_from(text, i, end_logp);
        if (!point->tried && saved > most) {
            most = saved;
            found = point;
        }
    }
    return found;
}

/* What the hotwords that are in a text count for. */
static float credit_of(const struct fold_aed *w, const uint32_t *pieces, size_t count)
{
    uint32_t state = 0;
    float credit = 0;
    for (size_t i = 0; i < count && w->hot.count; i++) {
        state = aed_decoder_follow_hot(&w->hot, state, pieces[i]);
        if (state && w->hot.nodes[state].terminal)
            credit += w->hot.nodes[state].credit;
    }
    return credit;
}

/* What is in the hypothesis becomes the first text. */
static void become_first(struct fold_aed *w, const struct branch_point *taken,
                         const struct fold_written *written)
{
    struct branch_point *points = w->others.points;
    /* What is before the branch point is as it was, and so are the points there. */
    memcpy(w->noted, points, (taken->at + 1) * sizeof *points);
    branch_points_keep(&w->others, &w->hypothesis, w->written + 1, w->noted, written->mean_logp);
}

int fold_aed_rescore(struct fold_aed *w, uint32_t tries, struct fold_written *ret_written)
{
    struct branch_points *others = &w->others;
    const struct alternative *best = &others->texts[0];
    if (!others->count)
        return FOLD_ERR_ARGUMENT;
    fork_rewind(w);
    for (uint32_t i = 0; i < tries && !fold_run_is_stopped(w->run); i++) {
        const size_t count = best->count - w->given;
        const float sum = sum_of(best->mean_logp, count);
        const float credit = credit_of(w, best->pieces + w->given, count);
        struct branch_point *point = promising(others, w->given);
        struct fold_written result = {0};
        if (!point)
            break;
        point->tried = true;
        const bool whole = fork_take(w, point, best, &result);
        ret_written->passes += result.passes;
        if (whole && sum_of(result.mean_logp, result.pieces) +
                             credit_of(w, w->written + 1 + w->given, result.pieces) >
                         sum + credit)
            become_first(w, point, &result);
    }
    const uint32_t passes = ret_written->passes;
    fold_aed_alternative(w, 0, ret_written);
    ret_written->passes = passes;
    return FOLD_OK;
}
