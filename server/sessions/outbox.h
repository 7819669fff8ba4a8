/* outbox.h - messages from workers to one socket's thread, and how the socket shall end. */
#ifndef OUTBOX_H
#define OUTBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define OUTBOX_REASON 124 /* what a close frame holds, and a terminating zero */

struct outbox_message;

struct outbox {
    pthread_mutex_t lock;
    struct outbox_message *first, **last; /* {lock} */
    size_t bytes, max_bytes;              /* {lock} waiting */
    int close_code;                       /* {lock} 0: stay open; sent behind the last message */
    char close_reason[OUTBOX_REASON];     /* {lock} */
    bool overflowed;                      /* {lock} the reader is too slow: messages were dropped */
};

/* 0, or -1: there is no lock to be had. */
int outbox_init(struct outbox *outbox, size_t max_bytes);
void outbox_finish(struct outbox *outbox);

/* Takes text (from malloc; NULL is an allocation that failed). Any thread. */
void outbox_push(struct outbox *outbox, char *text);
/* No message after this; the first call counts. reason is copied, cut to fit. Any thread. */
void outbox_end(struct outbox *outbox, int code, const char *reason);

/* The next message, to be freed, or NULL; then *ret_code is not 0 when the socket shall close, and
 * *ret_reason lives as long as the outbox. */
char *outbox_pop(struct outbox *outbox, int *ret_code, const char **ret_reason);
bool outbox_is_empty(struct outbox *outbox);
/* Will it close behind what waits? */
bool outbox_is_ended(struct outbox *outbox);

#endif
