#include "event.h"

#include "clock.h"
#include "test.h"

#define PATIENCE_MS 60000

void event_init(struct event *event)
{
    event->count = 0;
    assert_int_equal(pthread_mutex_init(&event->lock, NULL), 0);
    assert_int_equal(clock_cond_init(&event->changed), 0);
}

void event_finish(struct event *event)
{
    pthread_cond_destroy(&event->changed);
    pthread_mutex_destroy(&event->lock);
}

void event_raise(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    event->count++;
    pthread_cond_broadcast(&event->changed);
    pthread_mutex_unlock(&event->lock);
}

void event_wait(struct event *event, int least)
{
    const double until_ms = clock_now_ms() + PATIENCE_MS;

    pthread_mutex_lock(&event->lock);
    while (event->count < least && clock_now_ms() < until_ms)
        clock_cond_wait(&event->changed, &event->lock, until_ms);
    const int count = event->count;
    pthread_mutex_unlock(&event->lock);
    assert_in_range(count, least, 1000000);
}

int event_count(struct event *event)
{
    pthread_mutex_lock(&event->lock);
    const int count = event->count;
    pthread_mutex_unlock(&event->lock);
    return count;
}
