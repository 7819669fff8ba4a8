/* engine_state.h - what engine.c, batch.c and live.c share; for nobody else.
 *
 * Locks, in the order in which they are taken: engine->lock, then the lock of one job or stream,
 * then the queue's or admission's. Callbacks are made with none of them held.
 *
 * Lifetimes: a job belongs to the engine from start until on_done() has returned. A stream is held
 * by its owner (until engine_live_close) and, while it is queued or runs, by a worker; the last one
 * frees it. Jobs and streams hold the engine's memory, so that closing a stream after the engine
 * is harmless.
 */
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "admission.h"
#include "engine.h"
#include "queue.h"
#include "transcript.h"
#include "worker.h"

struct engine {
    struct engine_options options; /* workers, max_... as used: no zeros */
    const struct fold_info *info;
    atomic_uint refs;
    struct queue queue;
    struct admission admission;
    struct worker *workers; /* [options.workers] */
    pthread_mutex_t lock;
    pthread_cond_t changed;       /* a count below fell */
    bool draining;                /* {lock} */
    struct engine_batch *batches; /* {lock} a list, see batch.c */
    struct engine_live *lives;    /* {lock} a list, see live.c */
    uint32_t batch_callbacks;     /* {lock} falls when on_done() has returned */
    uint32_t live_count;          /* {lock} falls when on_end() has returned, or closed */
    struct engine_stats stats;    /* {lock} sums only */
};

void engine_unref(struct engine *engine);

/* The policy's tier, or the default one, with depths that the seed has. */
struct tier engine_tier(const struct engine *engine, const struct request_policy *policy);

/* How a client's text is written. */
struct transcript_style engine_style(const struct engine *engine, bool plain);

/* Decides on a depth, recognises what the worker has loaded, and learns what it cost. The segment's
 * depth is complete but for actual_ms. */
enum worker_end engine_recognise(struct engine *engine, struct worker *worker,
                                 struct depth_question *question, const struct hotwords *hotwords,
                                 uint32_t alternatives, const atomic_bool *cancelled,
                                 struct result_segment *ret_segment);

/* Decides on a depth for a short segment and submits it to the worker: piece has hotwords,
 * cancelled, on_result and user. on_result() calls engine_learn. */
void engine_submit(struct engine *engine, struct worker *worker,
                   const struct endpointer_segment *sound, struct depth_question *question,
                   struct worker_piece *piece);

/* Whether live streams may hear partials by a stream of the seed. */
bool engine_can_be_incremental(const struct engine *engine);

/* Counts what a segment took, and corrects what the next ones are thought to take. */
void engine_learn(struct engine *engine, const struct worker_cost *cost,
                  const struct result_depth *depth, bool final);

/* Work has stopped whose client was gone since then. Holds no lock of a job or stream. */
void engine_count_cancel(struct engine *engine, double since_ms);

/* Looks at the load when it is time to. Any thread; holds no lock of the engine's. */
void engine_tick(struct engine *engine);

#endif
