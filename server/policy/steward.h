/* steward.h - who gets how much of this machine: cost, load and admission behind one lock.
 *
 * Time is passed in, so that a simulator can have its own. Any thread; nothing here blocks or calls
 * back, so every other lock may be held.
 */
#ifndef STEWARD_H
#define STEWARD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "cost.h"
#include "depth.h"
#include "load.h"
#include "scheduler.h"
#include "tier.h"

/* A live stream, embedded in whatever it belongs to. The caller sets the first six and leaves them
 * alone from steward_join to steward_leave. */
struct steward_stream {
    struct tier tier;
    uint32_t asked; /* depth; 0: none */
    bool partials;
    uint32_t partial_every_ms;            /* when nothing presses */
    uint32_t chunk_ms;                    /* in which a stream may hear partials; 0: it cannot */
    bool always_follows;                  /* it does, whatever the load */
    double active_ms;                     /* {lock} audio came last */
    bool waits;                           /* {lock} for a worker, or has one */
    bool joined;                          /* {lock} */
    struct steward_stream *next, *before; /* {lock} */
};

#define STEWARD_PROMISES 128

/* How often places become free, and who was told to come for one. */
struct steward_places {
    uint32_t taken, most;
    uint64_t refused;
    double freed_ms, mean_ms;             /* when one became free last; usual time between that */
    double promises_ms[STEWARD_PROMISES]; /* a ring, ascending: when those refused shall come */
    uint32_t first_promise, promises;
};

struct steward {
    pthread_mutex_t lock;
    uint32_t unfolds, workers, chunk_ms;
    bool adaptive; /* false: load takes nothing away and refuses nobody */
    _Atomic double ticked_ms;
    struct cost cost;                    /* {lock} */
    struct load load;                    /* {lock} */
    struct steward_stream *streams;      /* {lock} a list */
    struct steward_places live, uploads; /* {lock} */
    double heard_ms, spoken_ms;          /* {lock} audio of streams, and of their finals: fading */
    double segment_ms;                   /* {lock} usual length of a live final */
    double demand[DEPTH_LEVELS];         /* {lock} as of the last tick */
};

struct steward_options {
    uint32_t unfolds, workers, max_live, max_uploads;
    uint32_t chunk_ms; /* of those that live streams may hear partials in; 0: they do not */
    bool adaptive;
    const struct cost *cost; /* NULL: learned from the first segments */
};

int steward_init(struct steward *steward, const struct steward_options *options, double now_ms);
void steward_finish(struct steward *steward);

/* A newcomer. False: there is no room; *ret_retry_ms says when there should be. */
bool steward_join(struct steward *steward, struct steward_stream *stream, double now_ms,
                  double *ret_retry_ms);
void steward_leave(struct steward *steward, struct steward_stream *stream, double now_ms);
/* Audio came. */
void steward_heard(struct steward *steward, struct steward_stream *stream, double now_ms);
/* Its audio waits to be heard, or no longer does: until then it takes its share though none comes.
 */
void steward_waits(struct steward *steward, struct steward_stream *stream, bool waits);
bool steward_begin_upload(struct steward *steward, double now_ms, double *ret_retry_ms);
void steward_end_upload(struct steward *steward, double now_ms);

/* A question to depth_choose; the fields that the steward knows (unfolds, level, upload_fill, cost)
 * are filled in. What is needed to stop early goes to *ret_unfold_ms and *ret_tail_ms, each may be
 * NULL. */
struct result_depth steward_choose(struct steward *steward, struct depth_question *question,
                                   double *ret_unfold_ms, double *ret_tail_ms);
/* Audio between two partials of a stream, as things are. */
uint32_t steward_partial_every_ms(struct steward *steward, const struct steward_stream *stream);
/* Whether its next partial is to be heard by a stream (follow.h). */
bool steward_partial_follows(struct steward *steward, const struct steward_stream *stream);
void steward_learn(struct steward *steward, const struct cost_spent *spent);
/* A live final was made: so long, of a stream that was heard for so long since its last one. */
void steward_learn_speech(struct steward *steward, double audio_ms, double heard_ms);

/* Is it time for steward_tick? Cheap. */
bool steward_is_due(struct steward *steward, double now_ms);
/* wait_ms: mean wait of live work since the last tick. */
enum scheduler_hold steward_tick(struct steward *steward, double now_ms, double wait_ms);

/* ---- numbers ------------------------------------------------------------------------------- */

struct steward_report {
    uint32_t unfolds, workers, level, top_level, chunk_ms;
    uint64_t level_changes, live_refused, uploads_refused;
    bool adaptive;
    double trust;
    double demand,
        floor_demand; /* share of all workers: as things are; with everybody at the floor */
    double speech_share, segment_ms;
    uint32_t live, max_live, uploads, max_uploads;
    struct cost cost;
};
void steward_report(struct steward *steward, struct steward_report *ret_report);
/* Share of one worker that a stream of the default tier takes at a depth, its partials heard in the
 * way that costs less. */
double steward_stream_share(const struct steward_report *report, uint32_t depth, bool partials);

#endif
