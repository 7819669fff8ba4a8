/* admission.h - who gets how much of this machine: cost, load and admission behind one lock.
 *
 * Time is passed in, so that a simulator can have its own. Any thread; nothing here blocks or calls
 * back, so every other lock may be held.
 */
#ifndef ADMISSION_H
#define ADMISSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "cost.h"
#include "depth.h"
#include "load_shedder.h"
#include "scheduler.h"
#include "tier.h"

/* A live stream, embedded in whatever it belongs to. The caller sets the first six and leaves them
 * alone from admission_join to admission_leave, but for admission_change. */
struct admission_stream {
    struct tier tier;
    uint32_t asked; /* depth; 0: none */
    bool partials;
    uint32_t partial_every_ms;              /* when nothing presses */
    uint32_t chunk_ms;                      /* in which a stream may hear partials; 0: it cannot */
    bool always_incremental;                /* it does, whatever the load */
    double active_ms;                       /* {lock} audio came last */
    bool waits;                             /* {lock} for a worker, or has one */
    bool joined;                            /* {lock} */
    struct admission_stream *next, *before; /* {lock} */
};

/* Places, and how long they are held. */
struct admission_places {
    uint32_t taken, most;
    uint32_t parallel; /* of those who hold a place, how many are worked on at the same time */
    uint64_t refused;
    double looked_ms, spent_ms; /* the last look; time held since a place was last freed */
    double held_ms, ended; /* how long those that ended had held theirs, and how many: fading */
    double promised_ms;    /* when the last who was refused was asked to come again */
};

struct admission {
    pthread_mutex_t lock;
    uint32_t unfolds, workers, chunk_ms;
    double cpus;   /* that the workers may have */
    bool adaptive; /* false: load takes nothing away and refuses nobody */
    _Atomic double ticked_ms;
    struct cost cost;                      /* {lock} */
    struct load_shedder shedder;           /* {lock} */
    struct admission_stream *streams;      /* {lock} a list */
    struct admission_places live, uploads; /* {lock} */
    double heard_ms, spoken_ms;  /* {lock} audio of streams, and what finals told of it: fading */
    double finals_ms;            /* {lock} what they heard for that, some of it again: fading */
    double segment_ms;           /* {lock} usual length of a live final */
    double demand[DEPTH_LEVELS]; /* {lock} as of the last tick */
};

struct admission_options {
    uint32_t unfolds, workers, max_live, max_uploads;
    double cpus;       /* whose time there is, parts of one included; 0: one a worker */
    uint32_t chunk_ms; /* of those that live streams may hear partials in; 0: they do not */
    bool adaptive;
    const struct cost *cost; /* NULL: learned from the first segments */
};

int admission_init(struct admission *admission, const struct admission_options *options,
                   double now_ms);
void admission_finish(struct admission *admission);

/* A newcomer. False: there is no room; *ret_retry_ms says when there should be. */
bool admission_join(struct admission *admission, struct admission_stream *stream, double now_ms,
                    double *ret_retry_ms);
void admission_leave(struct admission *admission, struct admission_stream *stream, double now_ms);
/* It is heard in another way from now on; its priority, floor and ceiling stay. */
void admission_change(struct admission *admission, struct admission_stream *stream, uint32_t asked,
                      uint32_t partial_depth, uint32_t partial_every_ms);
/* Audio came. */
void admission_heard(struct admission *admission, struct admission_stream *stream, double now_ms);
/* Its audio waits to be heard, or no longer does: until then it takes its share though none comes.
 */
void admission_waits(struct admission *admission, struct admission_stream *stream, bool waits);
bool admission_begin_upload(struct admission *admission, double now_ms, double *ret_retry_ms);
void admission_end_upload(struct admission *admission, double now_ms);

/* depth_choose, with the fields of the question that admission knows (unfolds, level, upload_fill,
 * cost) filled in. *ret_ahead, which may be NULL: what each further unfold should take, so that a
 * worker can stop when the next would be too late. */
struct result_depth admission_choose(struct admission *admission, struct depth_question *question,
                                     struct cost_ahead *ret_ahead);
/* Audio between two partials of a stream, as things are. */
uint32_t admission_partial_every_ms(struct admission *admission,
                                    const struct admission_stream *stream);
/* Whether its next partial is to be heard by a stream (incremental_partials.h). */
bool admission_partial_is_incremental(struct admission *admission,
                                      const struct admission_stream *stream);
void admission_learn(struct admission *admission, const struct cost_spent *spent);
/* A live final was made: of so much sound, some of which others may have heard before, of a stream
 * that was heard for so long since its last one. */
void admission_learn_speech(struct admission *admission, double audio_ms, double heard_ms);

/* Is it time for admission_tick? Cheap. */
bool admission_is_due(struct admission *admission, double now_ms);
/* wait_ms: mean wait of live work since the last tick. */
enum scheduler_hold admission_tick(struct admission *admission, double now_ms, double wait_ms);

/* ---- numbers ------------------------------------------------------------------------------- */

struct admission_report {
    uint32_t unfolds, workers, level, top_level, chunk_ms;
    uint64_t level_changes, live_refused, uploads_refused;
    bool adaptive;
    double trust;
    double cpus;                 /* that there really are for the workers */
    double demand, floor_demand; /* share of those: as things are; with everybody at the floor */
    double speech_share, segment_ms, hearings;
    uint32_t live, max_live, uploads, max_uploads;
    struct cost cost;
};
void admission_report(struct admission *admission, struct admission_report *ret_report);
/* Share of one CPU that a stream of the default tier takes at a depth, its partials heard in the
 * way that costs less. */
double admission_stream_share(const struct admission_report *report, uint32_t depth, bool partials);

#endif
