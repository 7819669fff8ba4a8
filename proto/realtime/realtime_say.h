/* realtime_say.h - what a Realtime session says: one JSON text each, to be freed; NULL when out of
 * memory. */
#ifndef REALTIME_SAY_H
#define REALTIME_SAY_H

#include "realtime.h"
#include "result.h"

/* Whose event it is. Strings are borrowed. */
struct realtime_name {
    const char *event_id;    /* of this event, new each time */
    const char *item_id;     /* where it is about an item */
    const char *previous_id; /* the item before it; NULL: none */
};

/* type: "session.created", ... */
char *realtime_say_session(const char *type, const struct realtime_config *config,
                           const char *session_id, const struct realtime_name *name);
char *realtime_say_error(const struct realtime_error *err, const char *offending_event_id,
                         const struct realtime_name *name);
char *realtime_say_speech_started(int64_t at_ms, const struct realtime_name *name);
char *realtime_say_speech_stopped(int64_t at_ms, const struct realtime_name *name);
char *realtime_say_committed(const struct realtime_name *name);
char *realtime_say_cleared(const struct realtime_name *name);
/* type: "conversation.item.added", ".done", ".created" or ".retrieved"; transcript may be NULL. */
char *realtime_say_item(const char *type, const char *transcript, const struct realtime_name *name);
char *realtime_say_deleted(const struct realtime_name *name);
char *realtime_say_delta(const char *delta, const struct realtime_name *name);
/* words [count] when logprobs were asked for; else NULL. */
char *realtime_say_completed(const char *transcript, double seconds,
                             const struct result_depth *depth, const struct result_word *words,
                             size_t count, const struct realtime_name *name);
char *realtime_say_failed(const char *message, const struct realtime_name *name);
/* A private event: text that may still change. Official clients pass it on or skip it. */
char *realtime_say_partial(const char *transcript, const struct result_depth *depth,
                           const struct realtime_name *name);

/* Answers over HTTP. */
char *realtime_say_secret(const struct realtime_config *config, const char *session_id,
                          const char *value, int64_t expires_at_s);

#endif
