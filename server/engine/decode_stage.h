/* decode_stage.h - the words of pieces that a worker has unfolded. */
#ifndef DECODE_STAGE_H
#define DECODE_STAGE_H

#include "worker.h"

/* Writes pieces [count], at most BATCHER_PIECES, each in a place of its own, and hands them over:
 * on_result() of each, in order, once all are written. Adds to their costs. */
void decode_stage_run(struct worker *worker, struct worker_piece *const *pieces, size_t count);

#endif
