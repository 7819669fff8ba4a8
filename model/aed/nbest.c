/* nbest.c - what else may have been said.
 *
 * A beam would carry several texts along from the first piece on, and most of what it carries are
 * spellings and marks of one sentence. Here the likeliest piece that says something else is noted
 * at every piece while the text is written (branch_points_note), with what it costs. From the
 * cheapest of these branch points on, the decoder writes again, greedily and with the written text
 * as its draft, since behind the other word it mostly joins the same sentence. So each text is
 * whole, ends by the decoder's own choice, has its log-probability, and costs a few passes. Texts
 * that say the same in another spelling are left out, and so is what the decoder would doubt. */
#include <math.h>
#include <stdlib.h>

#include "fork.h"

#define TRIES 2 /* branch points taken, for each text wanted */

static int cheaper(const void *a, const void *b)
{
    const float x = ((const struct branch_point *)a)->lost,
                y = ((const struct branch_point *)b)->lost;
    return x < y ? -1 : x > y;
}

/* A place for a text as likely as that among the others; their number when all are likelier. */
static size_t rank_of(const struct branch_points *others, float mean_logp)
{
    size_t rank = 1;
    while (rank < others->count && others->texts[rank].mean_logp >= mean_logp)
        rank++;
    return rank;
}

static void add(struct fold_aed *w, float mean_logp, size_t most)
{
    struct branch_points *others = &w->others;
    const uint64_t said = hypothesis_said(&w->hypothesis);
    for (size_t i = 0; i < others->count; i++)
        if (others->texts[i].said == said)
            return;
    const size_t rank = rank_of(others, mean_logp);
    if (rank == most)
        return;
    others->count += others->count < most;
    const struct alternative spare = others->texts[others->count - 1];
    for (size_t i = others->count - 1; i > rank; i--)
        others->texts[i] = others->texts[i - 1];
    others->texts[rank] = spare;
    branch_points_copy(&others->texts[rank], &w->hypothesis, w->written + 1, mean_logp);
}

static int earlier(const void *a, const void *b)
{
    const uint32_t x = ((const struct branch_point *)a)->at,
                   y = ((const struct branch_point *)b)->at;
    return x < y ? -1 : x > y;
}

int fold_aed_alternatives(struct fold_aed *w, uint32_t most, uint32_t *ret_count)
{
    struct branch_points *others = &w->others;
    if (!others->count)
        return FOLD_ERR_ARGUMENT;
    most = most < FOLD_AED_ALTERNATIVES ? most : FOLD_AED_ALTERNATIVES;
    fork_rewind(w);
    others->count = 1;
    const size_t points = others->texts[0].count + 1;
    qsort(others->points, points, sizeof *others->points, cheaper);
    for (size_t i = 0; i < points && i < TRIES * (most - 1); i++) {
        struct fold_written result = {0};
        if (fold_run_is_stopped(w->run) || isinf(others->points[i].lost))
            break;
        if (fork_take(w, &others->points[i], NULL, &result))
            add(w, result.mean_logp, most);
    }
    qsort(others->points, points, sizeof *others->points, earlier);
    *ret_count = (uint32_t)others->count;
    return FOLD_OK;
}

int fold_aed_alternative(struct fold_aed *w, uint32_t rank, struct fold_written *ret_written)
{
    if (rank >= w->others.count)
        return FOLD_ERR_ARGUMENT;
    const struct alternative *text = &w->others.texts[rank];
    struct fold_written result = {.mean_logp = text->mean_logp};
    fork_replay(w, text, text->count);
    aed_decoder_finish(w, &result);
    *ret_written = result;
    return FOLD_OK;
}
