/* worker.h - a thread that computes: takes steps of work from the queue, batches the pieces that
 * they submit, takes those through the stages, and hands over what came of each.
 *
 *     step: queue_work.run()    decodes, cuts, submits at most one piece; never computes
 *     batch                     unfold_stage, decode_stage
 *     on_result() of each       from this loop alone: never from inside another's step
 */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "batcher.h"
#include "decode_stage.h"
#include "piece.h"
#include "queue.h"
#include "unfold_stage.h"

#define WORKER_SLOTS (1 + BATCHER_PIECES)

struct worker {
    pthread_t thread;
    bool started;
    int (*first)(struct worker *worker); /* what the thread does before it takes work, */
    sem_t ready;                         /* which it has done, */
    int error;                           /* and what came of it */
    struct queue *queue;
    const struct fold_model *model;
    struct decode_stage decode_stage;
    struct unfold_stage unfold_stage;
    struct slot slots[WORKER_SLOTS]; /* the first has room for the longest segment */
    /* [pieces_count] submitted; the batch is the first batcher.count of them, and there may be one
     * that had no room in it. */
    struct piece pieces[BATCHER_PIECES + 1];
    size_t pieces_count;
    struct batcher batcher;
    struct scheduler_ticket ticket; /* of the work that runs, */
    double begun_ms;                /* when that began, */
    double due_ms;                  /* and when it is due */
};

/* queue: where work comes from; NULL: the caller submits and recognises by itself. max_segment_ms:
 * longest segment it will be given. 0 or a negative fold_err; then worker_close is still due. */
int worker_open(struct worker *worker, struct queue *queue, const struct fold_model *model,
                const struct fold_lm *lm, uint32_t max_segment_ms);
/* Starts the thread: first(), then work from the queue until that is stopped. 0 or FOLD_ERR_MEMORY.
 */
int worker_start(struct worker *worker, int (*first)(struct worker *worker));
/* Waits until first() is over; its result. Once, after worker_start. */
int worker_wait(struct worker *worker);
/* Joins the thread, which ends once the queue is stopped. */
void worker_close(struct worker *worker);

/* Copies segment and piece (of an incremental piece: the segment so far, as
 * incremental_partials_aim had it; limit does not shorten it, and one whose hearing failed is
 * forgotten). on_result() comes when the step has returned, perhaps after those of other pieces. At
 * most one piece for each run() of a work, which then counts as running until on_result() is over.
 */
void worker_submit(struct worker *worker, const struct endpointer_segment *segment,
                   const struct piece *piece);
/* Is it worth looking for another piece for the batch? False when a piece waits behind it. */
bool worker_wants(const struct worker *worker);
/* Recognises the batch, and hands over each of its pieces as soon as it is done. A piece that
 * waited behind the batch is the next one then. */
void worker_recognise(struct worker *worker);

#endif
