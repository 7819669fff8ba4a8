/* scheduler.h - which piece of work is next. Plain data: no clock, no lock, no threads.
 *
 * Items are embedded in whatever they belong to and are waiting at most once. queue.h puts a
 * lock and worker threads around it; tests/unit/traffic.c a clock of its own.
 */
#ifndef SCHEDULER_H
#define SCHEDULER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scheduler_class { SCHEDULER_LIVE, SCHEDULER_BATCH, SCHEDULER_CLASSES };

/* How far recordings keep out of the way of live streams: see load_shedder.h. */
enum scheduler_hold {
    SCHEDULER_FREE,  /* they wait for live work, no more */
    SCHEDULER_ASIDE, /* and leave one worker free */
    SCHEDULER_LAST,  /* and have only what keeps them from starving */
};

/* What decides when an item's turn comes. */
struct scheduler_terms {
    enum scheduler_class class;
    double due_ms;     /* when it should be done */
    uint64_t key;      /* whose it is: keys share the workers evenly */
    uint32_t priority; /* of its tier */
};

struct scheduler_item {
    struct scheduler_terms terms;
    double since_ms; /* when it began to wait */
    bool waiting;
    struct scheduler_item *next, *before;
};

#define SCHEDULER_ACCOUNTS 128

/* What a key has used of late. */
struct scheduler_account {
    uint64_t key;
    double used_ms; /* of one worker; fading */
};

struct scheduler {
    uint32_t workers;
    struct scheduler_item *first[SCHEDULER_CLASSES], *last[SCHEDULER_CLASSES];
    size_t waiting[SCHEDULER_CLASSES];
    uint32_t running[SCHEDULER_CLASSES];
    double room_ms;     /* when a worker last found no live work */
    double credit_ms;   /* of one worker: what recordings may take though live work waits */
    double credited_ms; /* when that was last brought up to date */
    enum scheduler_hold hold;
    struct scheduler_account accounts[SCHEDULER_ACCOUNTS];
    uint32_t accounts_count;
    double faded_ms; /* when accounts were last brought up to date */
};

/* Of a piece that a worker has: the item may be gone or waiting again before it is done. */
struct scheduler_ticket {
    enum scheduler_class class;
    uint64_t key;
};

void scheduler_init(struct scheduler *scheduler, uint32_t workers);

/* Does nothing for an item that waits already. */
void scheduler_push(struct scheduler *scheduler, struct scheduler_item *item,
                    const struct scheduler_terms *terms, double now_ms);
/* Whether it was waiting. */
bool scheduler_remove(struct scheduler *scheduler, struct scheduler_item *item);

/* The next item, for a worker that is free now; or NULL. Then *ret_again_ms is when to ask again
 * though nothing was pushed or finished: INFINITY for never. */
struct scheduler_item *scheduler_pop(struct scheduler *scheduler, double now_ms,
                                     struct scheduler_ticket *ret_ticket, double *ret_again_ms);
/* Another live item for a worker that has one and can do both together; NULL when none waits, or
 * when it is the turn of a recording. */
struct scheduler_item *scheduler_pop_live(struct scheduler *scheduler, double now_ms,
                                          struct scheduler_ticket *ret_ticket);
/* A worker has finished what it popped, which took spent_ms of its time. */
void scheduler_done(struct scheduler *scheduler, const struct scheduler_ticket *ticket,
                    double spent_ms, double now_ms);

#endif
