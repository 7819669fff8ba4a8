/* outbox.c - see outbox.h. */
#include "outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

struct outbox_message {
    struct outbox_message *next;
    char *text;
};

int outbox_init(struct outbox *o, size_t max_bytes)
{
    *o = (struct outbox){.max_bytes = max_bytes};
    o->last = &o->first;
    return pthread_mutex_init(&o->lock, NULL) == 0 ? 0 : -1;
}

void outbox_finish(struct outbox *o)
{
    while (o->first) {
        struct outbox_message *m = o->first;
        o->first = m->next;
        free(m->text);
        free(m);
    }
    pthread_mutex_destroy(&o->lock);
}

static void end(struct outbox *o, int code, const char *reason)
{
    if (!o->close_code) {
        o->close_code = code;
        snprintf(o->close_reason, sizeof o->close_reason, "%s", reason);
        utf8_mend(o->close_reason); /* it may have been cut inside a character */
    }
}

void outbox_push(struct outbox *o, char *text)
{
    struct outbox_message *m = text ? malloc(sizeof *m) : NULL;
    pthread_mutex_lock(&o->lock);
    const size_t length = text ? strlen(text) : 0;
    if (!m) {
        end(o, 1011, "out of memory");
    } else if (o->bytes + length > o->max_bytes) {
        o->overflowed = true;
        end(o, 1011, "NET-0000: messages were not read in time");
    } else if (!o->close_code) {
        *m = (struct outbox_message){NULL, text};
        *o->last = m;
        o->last = &m->next;
        o->bytes += length;
        m = NULL;
        text = NULL;
    }
    pthread_mutex_unlock(&o->lock);
    free(m);
    free(text);
}

void outbox_end(struct outbox *o, int code, const char *reason)
{
    pthread_mutex_lock(&o->lock);
    end(o, code, reason);
    pthread_mutex_unlock(&o->lock);
}

char *outbox_pop(struct outbox *o, int *ret_code, const char **ret_reason)
{
    pthread_mutex_lock(&o->lock);
    struct outbox_message *m = o->overflowed ? NULL : o->first;
    char *text = NULL;
    *ret_code = 0;
    if (m) {
        text = m->text;
        o->first = m->next;
        if (!o->first)
            o->last = &o->first;
        o->bytes -= strlen(text);
    } else {
        *ret_code = o->close_code;
        *ret_reason = o->close_reason;
    }
    pthread_mutex_unlock(&o->lock);
    free(m);
    return text;
}

bool outbox_is_empty(struct outbox *o)
{
    pthread_mutex_lock(&o->lock);
    const bool empty = !o->first && !o->close_code;
    pthread_mutex_unlock(&o->lock);
    return empty;
}

bool outbox_is_ended(struct outbox *o)
{
    pthread_mutex_lock(&o->lock);
    const bool ended = o->close_code != 0;
    pthread_mutex_unlock(&o->lock);
    return ended;
}
