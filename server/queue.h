/* queue.h - who computes next: live before batch, oldest first.
 *
 * Work is embedded in whatever it belongs to and is in the queue at most once. A batch job puts
 * itself at the end again after every span, which makes jobs take turns.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct worker;

enum queue_class { QUEUE_LIVE, QUEUE_BATCH, QUEUE_CLASSES };

struct queue_work {
    void (*run)(struct queue_work *work, struct worker *worker); /* on a worker's thread */
    struct queue_work *next;
    enum queue_class class;
    bool queued;
    double queued_at_ms; /* queue_now_ms when it was put in */
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct queue_work *first[QUEUE_CLASSES], *last[QUEUE_CLASSES]; /* {lock} */
    size_t count;                                                  /* {lock} */
    bool stopped;                                                  /* {lock} */
};

int queue_init(struct queue *queue); /* 0 or -1 */
void queue_finish(struct queue *queue);

/* Any thread. Does nothing for work that is queued already. */
void queue_push(struct queue *queue, struct queue_work *work, enum queue_class class);
/* Before all others of every class: for work that only ends something. Moves queued work. */
void queue_push_first(struct queue *queue, struct queue_work *work);
/* Whether it was queued; then it will not run. */
bool queue_remove(struct queue *queue, struct queue_work *work);

/* Waits for work; NULL once stopped. */
struct queue_work *queue_pop(struct queue *queue);
/* No more work is given out. */
void queue_stop(struct queue *queue);

size_t queue_count(struct queue *queue);

/* Milliseconds of a clock that only goes forward. */
double queue_now_ms(void);

#endif
