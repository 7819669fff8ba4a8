/* event.h - something that other threads do and a test waits for. Waits end after a minute, which
 * fails the test. */
#ifndef EVENT_H
#define EVENT_H

#include <pthread.h>
#include <stdbool.h>

struct event {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count; /* {lock} how often it has come about */
};

void event_init(struct event *event);
void event_finish(struct event *event);
/* It has come about once more. Any thread. */
void event_raise(struct event *event);
/* Waits until it has come about `least` times in all. */
void event_wait(struct event *event, int least);
int event_count(struct event *event);

#endif
