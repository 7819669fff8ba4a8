#include "queue.h"

#include <math.h>

#include "clock.h"

int queue_init(struct queue *queue, uint32_t workers)
{
    *queue = (struct queue){.waits = 0};
    scheduler_init(&queue->scheduler, workers);
    if (pthread_mutex_init(&queue->lock, NULL))
        return -1;
    if (clock_cond_init(&queue->changed) == 0)
        return 0;
    pthread_mutex_destroy(&queue->lock);
    return -1;
}

void queue_finish(struct queue *queue)
{
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

void queue_push(struct queue *queue, struct queue_work *work, const struct scheduler_terms *terms)
{
    pthread_mutex_lock(&queue->lock);
    if (!work->item.waiting) {
        scheduler_push(&queue->scheduler, &work->item, terms, clock_now_ms());
        pthread_cond_signal(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
}

void queue_push_first(struct queue *queue, struct queue_work *work)
{
    const struct scheduler_terms first = {.class = SCHEDULER_LIVE, .due_ms = -INFINITY};

    pthread_mutex_lock(&queue->lock);
    scheduler_remove(&queue->scheduler, &work->item);
    scheduler_push(&queue->scheduler, &work->item, &first, clock_now_ms());
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

bool queue_remove(struct queue *queue, struct queue_work *work)
{
    pthread_mutex_lock(&queue->lock);
    const bool was_queued = scheduler_remove(&queue->scheduler, &work->item);
    pthread_mutex_unlock(&queue->lock);
    return was_queued;
}

/* {lock} */
static void note_wait(struct queue *queue, const struct scheduler_item *item, double now_ms)
{
    queue->waits_ms += now_ms - item->since_ms;
    queue->waits++;
}

struct queue_work *queue_pop(struct queue *queue, struct scheduler_ticket *ret_ticket)
{
    struct scheduler_item *item = NULL;
    double again_ms;

    pthread_mutex_lock(&queue->lock);
    while (!queue->stopped) {
        const double now_ms = clock_now_ms();
        item = scheduler_pop(&queue->scheduler, now_ms, ret_ticket, &again_ms);
        if (item) {
            if (ret_ticket->class == SCHEDULER_LIVE)
                note_wait(queue, item, now_ms);
            break;
        }
        clock_cond_wait(&queue->changed, &queue->lock, again_ms);
    }
    pthread_mutex_unlock(&queue->lock);
    return (struct queue_work *)item; /* the first member */
}

struct queue_work *queue_pop_live(struct queue *queue, struct scheduler_ticket *ret_ticket)
{
    struct scheduler_item *item = NULL;

    pthread_mutex_lock(&queue->lock);
    const double now_ms = clock_now_ms();
    if (!queue->stopped)
        item = scheduler_pop_live(&queue->scheduler, now_ms, ret_ticket);
    if (item)
        note_wait(queue, item, now_ms);
    pthread_mutex_unlock(&queue->lock);
    return (struct queue_work *)item; /* the first member */
}

void queue_done(struct queue *queue, const struct scheduler_ticket *ticket, double spent_ms)
{
    pthread_mutex_lock(&queue->lock);
    scheduler_done(&queue->scheduler, ticket, spent_ms, clock_now_ms());
    /* A recording may have been held back until a worker is free again. */
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void queue_stop(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->stopped = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void queue_hold(struct queue *queue, enum scheduler_hold hold)
{
    pthread_mutex_lock(&queue->lock);
    if (hold < queue->scheduler.hold)
        pthread_cond_broadcast(&queue->changed);
    queue->scheduler.hold = hold;
    pthread_mutex_unlock(&queue->lock);
}

size_t queue_count(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    const size_t count =
        queue->scheduler.waiting[SCHEDULER_LIVE] + queue->scheduler.waiting[SCHEDULER_BATCH];
    pthread_mutex_unlock(&queue->lock);
    return count;
}

double queue_take_wait_ms(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    /* One that still waits counts too: it may be all that there is. */
    const struct scheduler_item *oldest = queue->scheduler.first[SCHEDULER_LIVE];
    const double waits_ms = queue->waits_ms + (oldest ? clock_now_ms() - oldest->since_ms : 0);
    const size_t waits = queue->waits + (oldest != NULL);
    queue->waits_ms = 0;
    queue->waits = 0;
    pthread_mutex_unlock(&queue->lock);
    return waits ? waits_ms / (double)waits : 0;
}
