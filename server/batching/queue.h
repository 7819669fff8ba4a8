/* queue.h - work for worker threads: scheduler.h says what is next, this makes workers wait for it.
 *
 * Work is embedded in whatever it belongs to and is in the queue at most once. A batch job puts
 * itself in again after every segment, which makes jobs take turns.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "scheduler.h"

struct worker;

/* How a step of work went. */
enum queue_step {
    QUEUE_AGAIN, /* the next step, at once */
    QUEUE_WAIT,  /* it has submitted a piece, and goes on when that has its result */
    QUEUE_DONE,  /* nothing more for now; the work may be gone */
};

struct queue_work {
    struct scheduler_item item;
    enum queue_step (*run)(struct queue_work *work, struct worker *worker); /* on its thread */
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct scheduler scheduler; /* {lock} */
    double waits_ms;            /* {lock} of live work popped since queue_take_wait_ms */
    size_t waits;               /* {lock} how many */
    bool stopped;               /* {lock} */
};

int queue_init(struct queue *queue, uint32_t workers); /* 0 or -1 */
void queue_finish(struct queue *queue);

/* Any thread. Does nothing for work that is queued already. */
void queue_push(struct queue *queue, struct queue_work *work, const struct scheduler_terms *terms);
/* Before all others: for work that only ends something. Moves queued work. */
void queue_push_first(struct queue *queue, struct queue_work *work);
/* Whether it was queued; then it will not run. */
bool queue_remove(struct queue *queue, struct queue_work *work);

/* Waits for work; NULL once stopped. When the work has run, queue_done is due with its
 * ticket. */
struct queue_work *queue_pop(struct queue *queue, struct scheduler_ticket *ret_ticket);
/* The same for live work, without waiting: NULL when there is none to be had now. */
struct queue_work *queue_pop_live(struct queue *queue, struct scheduler_ticket *ret_ticket);
void queue_done(struct queue *queue, const struct scheduler_ticket *ticket, double spent_ms);
/* No more work is given out. */
void queue_stop(struct queue *queue);

void queue_hold(struct queue *queue, enum scheduler_hold hold);
size_t queue_count(struct queue *queue);
/* How long live work has waited on average since this was last asked. */
double queue_take_wait_ms(struct queue *queue);

#endif
