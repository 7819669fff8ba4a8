#include "branch_points.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#define SAME_MOST 6 /* pieces that say the same as another, looked past */
#define NEVER     -1e4f

void branch_points_allocate(struct branch_points *others, size_t most_pieces, struct arena *at)
{
    others->count = 0;
    for (size_t i = 0; i < FOLD_AED_ALTERNATIVES; i++) {
        others->texts[i].pieces = arena_take(at, most_pieces * sizeof *others->texts[i].pieces);
        others->texts[i].logps = arena_take(at, most_pieces * sizeof *others->texts[i].logps);
    }
    others->points = arena_take(at, (most_pieces + 1) * sizeof *others->points);
}

void branch_points_copy(struct alternative *to, const struct hypothesis *hypothesis,
                        const uint32_t *written, float mean_logp)
{
    to->count = hypothesis->pieces_count;
    to->mean_logp = mean_logp;
    to->said = hypothesis_said(hypothesis);
    memcpy(to->pieces, written, to->count * sizeof *to->pieces);
    for (size_t i = 0; i < to->count; i++)
        to->logps[i] = hypothesis->pieces[i].logp;
}

void branch_points_keep(struct branch_points *points, const struct hypothesis *hypothesis,
                        const uint32_t *written, const struct branch_point *noted, float mean_logp)
{
    branch_points_copy(&points->texts[0], hypothesis, written, mean_logp);
    points->count = 1;
    points->read = points->texts[0].count + 1;
    memcpy(points->points, noted, points->read * sizeof *noted);
}

/* The next character of a piece that is said, in lower case, or 0. */
static char next_said(const char *text, size_t bytes, size_t *at)
{
    while (*at < bytes) {
        const char c = text[(*at)++];
        if (hypothesis_is_said(c))
            return (char)tolower((unsigned char)c);
    }
    return 0;
}

/* Do two pieces say the same? END says nothing, as marks do. */
static bool say_the_same(const struct bpe *pieces, uint32_t a, uint32_t b)
{
    size_t a_bytes = 0, b_bytes = 0, a_at = 0, b_at = 0;
    const char *a_text = a == BPE_END ? "" : bpe_text(pieces, a, &a_bytes);
    const char *b_text = b == BPE_END ? "" : bpe_text(pieces, b, &b_bytes);
    for (;;) {
        const char c = next_said(a_text, a_bytes, &a_at);
        if (c != next_said(b_text, b_bytes, &b_at))
            return false;
        if (!c)
            return true;
    }
}

struct branch_point branch_points_note(const struct fold_model *model, float *logits, size_t at,
                                       uint32_t written, float logp)
{
    const size_t V = model->info.pieces;
    const float log_sum = logits[written] - logp;
    struct branch_point point = {.at = (uint32_t)at, .lost = INFINITY, .logp = -INFINITY};
    for (size_t i = 0; i < SAME_MOST; i++) {
        logits[i ? point.piece : written] = NEVER;
        point.piece = (uint32_t)model->kernels->choose(logits, V, NULL);
        if (point.piece >= BPE_END && !say_the_same(&model->decoder.pieces, point.piece, written)) {
            point.logp = logits[point.piece] - log_sum;
            point.lost = logp - point.logp;
            break;
        }
    }
    return point;
}
