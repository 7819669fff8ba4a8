/* unfold_stage.h - a batch of pieces on its way through stem and blocks, pass by pass.
 *
 *     unfold_stage_begin(stage, pieces, count)
 *     while (unfold_stage_is_busy(stage))
 *         through_count = unfold_stage_pass(stage, through)    those are as deep as they go
 *
 * The shallow leave before the deep go on. One thread at a time. */
#ifndef UNFOLD_STAGE_H
#define UNFOLD_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "batcher.h"
#include "piece.h"

/* Pieces that are at work together. */
struct group {
    struct piece *pieces[BATCHER_PIECES];
    struct fold_run *runs[BATCHER_PIECES];
    size_t count;
};

/* Zero: idle. */
struct unfold_stage {
    struct group incremental; /* streams are to hear something of these */
    struct group running;     /* these are runs, */
    bool begun;               /* which have been through the stem */
};

/* Takes pieces [count], 1..BATCHER_PIECES, each loaded into a slot. The stage is idle. */
void unfold_stage_begin(struct unfold_stage *stage, struct piece *pieces, size_t count);
bool unfold_stage_is_busy(const struct unfold_stage *stage);
/* One pass. Those that need no more of them leave to ret_through [BATCHER_PIECES], with their end:
 * where it is PIECE_DONE, their run holds what was heard. Returns how many; 0: another pass. */
size_t unfold_stage_pass(struct unfold_stage *stage, struct piece **ret_through);

#endif
