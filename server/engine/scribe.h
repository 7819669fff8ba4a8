/* scribe.h - the words of pieces that a worker has unfolded. */
#ifndef SCRIBE_H
#define SCRIBE_H

#include "worker.h"

/* Writes pieces [count], at most GATHER_PIECES, each in a place of its own, and tells whose they
 * are: told() of each, in order, once all are written. Adds to their costs. */
void scribe_write(struct worker *worker, struct worker_piece *const *pieces, size_t count);

#endif
