/* talk.h - a client's conversation with a session, without a socket: what ws.c would do for it. The
 * engine is real, with the seed and recordings of hearing.h. Waits end after a minute. */
#ifndef TALK_H
#define TALK_H

#include <jansson.h>

#include "event.h"
#include "hearing.h"
#include "secrets.h"
#include "session.h"

struct talk {
    struct session *session;        /* NULL: refused */
    struct session_refusal refusal; /* then */
    int close_code;                 /* how it ended; 0: it has not */
    char close_reason[OUTBOX_REASON];
};

extern struct session_host talk_host;

/* For cmocka's groups: the engine, without a keys file; or with one of this text. */
int talk_setup(void **state);
int talk_teardown(void **state);
void talk_use_keys(const char *json);

/* Opens what the target leads to; authorization and protocols as in a head, "" for none. */
void talk_open(struct talk *talk, const char *target, const char *authorization,
               const char *protocols);
void talk_close(struct talk *talk);
/* It was refused with this status, and the body holds that text. */
void talk_is_refused(struct talk *talk, int status, const char *text);

void talk_say(struct talk *talk, const char *text);
/* One binary message. */
void talk_send(struct talk *talk, const void *bytes, size_t count);
/* The first `count` recordings as samples of 16 kHz, with a second of a quiet room behind each, a
 * tenth of a second a message. Returns how many samples. */
size_t talk_send_speech(struct talk *talk, size_t count);

/* The next message, to be released; NULL: it ends, and close_code says how. */
json_t *talk_next(struct talk *talk);
/* The next of that "type"; others are dropped. Fails when it ends before. */
json_t *talk_until(struct talk *talk, const char *type);
/* Waits until the session may be read from again. */
void talk_wait_ready(struct talk *talk);
/* Drops what comes until it ends; with that code. */
void talk_ends(struct talk *talk, int code);

/* Members of a message: fail when they are not there. */
const char *talk_text(const json_t *json, const char *name);
double talk_number(const json_t *json, const char *name);
/* a.b.c, a number for the index of a list. */
json_t *talk_at(const json_t *json, const char *path);

#endif
