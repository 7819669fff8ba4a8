/* decode_stage.h - the words of pieces that a worker has unfolded: a worker's decoders, and what
 * they write together.
 *
 *     decode_stage_begin(stage, pieces, count)        writes all of them in step
 *     decode_stage_finish(stage, pieces[i])           what only one of them wants, one by one
 *
 * One thread at a time. */
#ifndef DECODE_STAGE_H
#define DECODE_STAGE_H

#include "batcher.h"
#include "fold.h"
#include "piece.h"

struct decode_stage {
    const struct fold_model *model;
    const struct fold_lm *lm;
    struct fold_decoder *decoder;     /* without hotwords */
    struct fold_decoder *hot_decoder; /* with those of hot_id; NULL: none yet */
    uint64_t hot_id;
    struct fold_decoder *drafts; /* a beam that is good enough for a draft; NULL: nothing writes */
    struct fold_writing writings[BATCHER_PIECES]; /* [writings_count] of decode_stage_begin */
    size_t writings_count;
};

/* lm NULL: greedy decoding. 0 or a negative fold_err; then decode_stage_close is still due. */
int decode_stage_open(struct decode_stage *stage, const struct fold_model *model,
                      const struct fold_lm *lm);
void decode_stage_close(struct decode_stage *stage);

/* Pieces [count], at most BATCHER_PIECES, unfolded, each in a slot of its own. Each may be stopped.
 * Adds to their costs. */
void decode_stage_begin(struct decode_stage *stage, struct piece *const *pieces, size_t count);
/* One of these, at most once: its end, and with PIECE_DONE its segment. */
void decode_stage_finish(struct decode_stage *stage, struct piece *piece);

#endif
