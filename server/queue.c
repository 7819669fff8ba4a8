#include "queue.h"

#include <time.h>

int queue_init(struct queue *queue)
{
    *queue = (struct queue){.count = 0};
    if (pthread_mutex_init(&queue->lock, NULL))
        return -1;
    if (pthread_cond_init(&queue->changed, NULL)) {
        pthread_mutex_destroy(&queue->lock);
        return -1;
    }
    return 0;
}

void queue_finish(struct queue *queue)
{
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

static bool remove_locked(struct queue *queue, struct queue_work *work)
{
    struct queue_work *before = NULL;

    if (!work->queued)
        return false;
    for (struct queue_work *w = queue->first[work->class]; w != work; w = w->next)
        before = w;
    if (before)
        before->next = work->next;
    else
        queue->first[work->class] = work->next;
    if (queue->last[work->class] == work)
        queue->last[work->class] = before;
    work->queued = false;
    queue->count--;
    return true;
}

void queue_push(struct queue *queue, struct queue_work *work, enum queue_class class)
{
    pthread_mutex_lock(&queue->lock);
    if (!work->queued) {
        work->queued = true;
        work->queued_at_ms = queue_now_ms();
        work->class = class;
        work->next = NULL;
        if (queue->last[class])
            queue->last[class]->next = work;
        else
            queue->first[class] = work;
        queue->last[class] = work;
        queue->count++;
        pthread_cond_signal(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
}

void queue_push_first(struct queue *queue, struct queue_work *work)
{
    pthread_mutex_lock(&queue->lock);
    remove_locked(queue, work);
    work->queued = true;
    work->queued_at_ms = queue_now_ms();
    work->class = QUEUE_LIVE;
    work->next = queue->first[QUEUE_LIVE];
    queue->first[QUEUE_LIVE] = work;
    if (!queue->last[QUEUE_LIVE])
        queue->last[QUEUE_LIVE] = work;
    queue->count++;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

bool queue_remove(struct queue *queue, struct queue_work *work)
{
    pthread_mutex_lock(&queue->lock);
    const bool was_queued = remove_locked(queue, work);
    pthread_mutex_unlock(&queue->lock);
    return was_queued;
}

struct queue_work *queue_pop(struct queue *queue)
{
    struct queue_work *work = NULL;

    pthread_mutex_lock(&queue->lock);
    while (!queue->stopped && queue->count == 0)
        pthread_cond_wait(&queue->changed, &queue->lock);
    if (!queue->stopped) {
        work = queue->first[QUEUE_LIVE] ? queue->first[QUEUE_LIVE] : queue->first[QUEUE_BATCH];
        remove_locked(queue, work);
    }
    pthread_mutex_unlock(&queue->lock);
    return work;
}

void queue_stop(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->stopped = true;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

size_t queue_count(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    const size_t count = queue->count;
    pthread_mutex_unlock(&queue->lock);
    return count;
}

double queue_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}
