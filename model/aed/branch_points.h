/* branch_points.h - where a text that was written could have gone on with another piece, and the
 * texts that came of that. Plain data, filled by the decoder (aed_decoder.c), read by rescore.c and
 * nbest.c. */
#ifndef BRANCH_POINTS_H
#define BRANCH_POINTS_H

#include <stdbool.h>

#include "arena.h"
#include "fold.h"
#include "hypothesis.h"
#include "weights.h"

/* A whole text. */
struct alternative {
    uint32_t *pieces; /* [count] behind BEGIN, without END */
    float *logps;     /* [count] */
    size_t count;
    float mean_logp; /* as in fold_written */
    uint64_t said;   /* hypothesis_said */
};

struct branch_point {
    uint32_t at;    /* pieces before it */
    uint32_t piece; /* taken instead; may be BPE_END */
    float logp;     /* of that piece */
    float lost;     /* log-probability, against the piece that was written */
    bool tried;     /* by fold_aed_rescore */
};

struct branch_points {
    struct alternative texts[FOLD_AED_ALTERNATIVES]; /* [count] the written one first */
    size_t count;
    struct branch_point *points; /* [most pieces + 1] of the first text */
    size_t read; /* of BEGIN and the first text's pieces, as they stand in the aed */
};

void branch_points_allocate(struct branch_points *points, size_t most_pieces, struct arena *at);

/* By a row of logits [pieces], what the likeliest piece is that says something else than `written`
 * does, whose log-probability is logp, behind `at` pieces. The row is spent. */
struct branch_point branch_points_note(const struct fold_model *model, float *logits, size_t at,
                                       uint32_t written, float logp);

/* What a hypothesis has, written [its pieces_count], becomes one of the texts. */
void branch_points_copy(struct alternative *to, const struct hypothesis *hypothesis,
                        const uint32_t *written, float mean_logp);
/* The same as the first text, with what was noted of it [its pieces_count + 1]. */
void branch_points_keep(struct branch_points *points, const struct hypothesis *hypothesis,
                        const uint32_t *written, const struct branch_point *noted, float mean_logp);

#endif
