/* core.h - the engine's inside, as batch and live streams share it; for nobody else.
 *
 * Locks, in the order in which they are taken: engine->lock, then the lock of one job or stream,
 * then the queue's or admission's. The decode pool's lies between the engine's and that of a job or
 * stream. Callbacks are made with none of them held.
 *
 * Lifetimes: a job belongs to the engine from start until on_done() has returned. A stream is held
 * by its owner (until live_close) and, while it is queued or runs, by a worker; the last one
 * frees it. Jobs and streams hold the engine's memory, so that closing a stream after the engine
 * is harmless.
 */
#ifndef CORE_H
#define CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "admission.h"
#include "engine_options.h"
#include "engine_stats.h"
#include "queue.h"
#include "request_policy.h"
#include "transcript.h"
#include "worker.h"

struct batch;
struct decode_pool;
struct live;

struct engine {
    struct engine_options options; /* workers, max_... as used: no zeros */
    const struct fold_info *info;
    atomic_uint refs;
    struct queue queue;
    struct decode_pool *decoders; /* NULL: none */
    struct admission admission;
    struct worker *workers; /* [options.workers] */
    pthread_mutex_t lock;
    pthread_cond_t changed;    /* a count below fell */
    atomic_bool finishing;     /* recordings keep out of the way of live streams */
    bool draining;             /* {lock} */
    struct batch *batches;     /* {lock} a list, see batch.c */
    struct live *lives;        /* {lock} a list, see live.c */
    uint32_t batch_callbacks;  /* {lock} falls when on_done() has returned */
    uint32_t live_count;       /* {lock} falls when on_end() has returned, or closed */
    struct engine_stats stats; /* {lock} sums only */
};

void core_unref(struct engine *engine);

/* The policy's tier, or the default one, with depths that the seed has. */
struct tier core_tier(const struct engine *engine, const struct request_policy *policy);

/* Case and marks, as the engine's options and the client want them. */
struct transcript_style core_style(const struct engine *engine, bool plain);

/* Decides on a depth for a segment and submits it to the worker: piece has hotwords,
 * cancelled, on_result and user. on_result() calls core_learn. */
void core_submit(struct engine *engine, struct worker *worker,
                 const struct endpointer_segment *sound, struct depth_question *question,
                 struct piece *piece);

/* Whether live streams may hear partials by a stream of the seed. */
bool core_can_be_incremental(const struct engine *engine);

/* Counts what a segment took, and corrects what the next ones are thought to take. */
void core_learn(struct engine *engine, const struct piece_cost *cost,
                const struct result_depth *depth, bool final);

/* Work whose client had gone at since_ms has stopped: counts how long it went on. The caller holds
 * no lock of a job or stream. */
void core_count_cancel(struct engine *engine, double since_ms);

/* Looks at the load when it is time to. Any thread; holds no lock of the engine's. */
void core_tick(struct engine *engine);

#endif
