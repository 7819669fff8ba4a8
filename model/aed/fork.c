#include "fork.h"

#include <math.h>

struct walk fork_replay(struct fold_aed *w, const struct alternative *text, size_t count)
{
    struct walk walk = {.count = count};
    hypothesis_clear(&w->hypothesis);
    for (size_t i = 0; i < count; i++) {
        w->written[1 + i] = text->pieces[i];
        hypothesis_add(&w->hypothesis, text->pieces[i], text->logps[i]);
        walk.sum += text->logps[i];
        walk.hot = aed_decoder_follow_hot(&w->hot, walk.hot, text->pieces[i]);
    }
    return walk;
}

/* The first text is read to before `end`; what is read next is behind that. */
static void read_on(struct fold_aed *w, size_t end)
{
    for (size_t at = w->others.read, rows; at < end; at += rows) {
        rows = end - at < AED_ROWS ? end - at : AED_ROWS;
        w->lines = (struct aed_lines){&w->aed, at, w->written + at, rows, NULL};
        aed_read(w->aed.workspace, &w->lines, 1);
    }
    w->others.read = end;
}

bool fork_take(struct fold_aed *w, const struct branch_point *point,
               const struct alternative *rival, struct fold_written *result)
{
    draft_rewind(&w->draft);
    struct walk walk = fork_replay(w, &w->others.texts[0], point->at);
    walk.rival = rival;
    walk.least = rival ? rival->mean_logp * (float)(rival->count - w->given + 1) : -INFINITY;
    walk.shared = point->at;
    read_on(w, point->at + 1);
    walk.sum += point->logp;
    if (point->piece == BPE_END) {
        result->mean_logp = aed_decoder_mean(w, walk.sum, walk.count);
    } else {
        w->written[++walk.count] = point->piece;
        hypothesis_add(&w->hypothesis, point->piece, point->logp);
        walk.hot = aed_decoder_follow_hot(&w->hot, walk.hot, point->piece);
        aed_decoder_go_on(w, walk, result);
    }
    aed_decoder_finish(w, result);
    return !result->doubt && result->words_count;
}

void fork_rewind(struct fold_aed *w)
{
    fork_replay(w, &w->others.texts[0], w->others.texts[0].count);
    w->hypothesis.text[w->hypothesis.text_bytes] = '\0'; /* it has room for that */
    draft_set(&w->draft, w->hypothesis.text);
}
