/* session.h - one conversation of a live client, whatever its dialect.
 *
 * ws.c owns sockets and knows no dialect; session_deepgram.c, session_flux.c, session_vosk.c and
 * session_realtime.c know a dialect and no socket. Between them: what comes in is passed to the
 * kind's functions, on the service thread; what goes out is left in the outbox, by any thread, and
 * the socket's thread is woken.
 *
 * Closing waits for a callback in progress, so a dialect may free everything in close().
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdatomic.h>

#include "authorization.h"
#include "catalog.h"
#include "engine.h"
#include "head.h"
#include "id.h"
#include "keys.h"
#include "metrics.h"
#include "outbox.h"

/* What all sessions share; outlives them. */
struct session_host {
    struct engine *engine;
    const struct fold_info *info;
    const struct catalog *catalog;
    struct keys *keys;
    struct secrets *secrets;
    struct metrics *metrics;
    char model_id[ID_BYTES];  /* UUID-shaped, of the weights */
    uint32_t idle_ms;         /* Deepgram: without a message */
    uint32_t quiet_ms;        /* the other dialects */
    void (*wake)(void *user); /* any thread */
    void *user;
};

/* Why there is no session: an HTTP answer in the dialect's own shape. */
struct session_refusal {
    int status;
    char *body;       /* JSON, to be freed; NULL when out of memory */
    char extra[1024]; /* further header lines, each with its line end */
};

struct session;

struct session_kind {
    const char *name; /* static, for logs */
    enum metrics_route route;
    size_t text_max; /* longest text message, in bytes */
    /* The client's messages. A text is whole; binary comes in pieces as they arrive, `last` being
     * the end of a message. */
    void (*text)(struct session *session, const char *text, size_t length);
    void (*binary)(struct session *session, const uint8_t *bytes, size_t count, bool last);
    /* NULL or: no audio has come for silent_ms. Called every second for some seconds. */
    void (*silent)(struct session *session, uint32_t silent_ms);
    /* The server wants to go: no more sound is taken; what came is heard and told, then
     * session_over(). May be called again, and where the sound has ended by itself. */
    void (*go_away)(struct session *session);
    /* No message for the idle time: says goodbye. */
    void (*idle)(struct session *session);
    /* The engine's streams are closed and everything is freed. */
    void (*close)(struct session *session);
};

/* First member of each dialect's own struct. */
struct session {
    const struct session_kind *kind;
    const struct session_host *host;
    char id[ID_BYTES];
    struct outbox outbox;
    uint32_t idle_ms;
    /* For the log's last line about it. */
    atomic_uint partials, finals, words, depth;
    atomic_int_least64_t audio_samples;
    _Atomic(const char *) farewell; /* why it goes away; NULL: it does not */
    bool finished;                  /* no more audio is taken; idleness is then ours */
    bool pushed;      /* session_push was called; ws.c, which watches for silence, resets it */
    atomic_bool full; /* more audio waits than the engine wants: do not read on */
    bool is_admitted; /* by session_admit, and then: */
    struct keys_grant grant;
    uint32_t latency_ms; /* asked for; 0: not */
    uint32_t retry_s;    /* as the engine said with ENGINE_BUSY */
};

/* One opener a dialect: judges the upgrade request and opens what it asks for. NULL with a
 * refusal. id: of the request, a UUID. */
struct session *session_deepgram_open(const struct session_host *host, const struct head *head,
                                      const char *query, const char *id,
                                      struct session_refusal *ret_refusal);
struct session *session_flux_open(const struct session_host *host, const struct head *head,
                                  const char *query, const char *id,
                                  struct session_refusal *ret_refusal);
struct session *session_vosk_open(const struct session_host *host, const struct head *head,
                                  const char *query, const char *id,
                                  struct session_refusal *ret_refusal);

struct session *session_realtime_open(const struct session_host *host, const struct head *head,
                                      const char *query, const char *id,
                                      struct session_refusal *ret_refusal);

/* The opener that the target's path calls for. */
struct session *session_open(const struct session_host *host, const struct head *head,
                             const char *id, struct session_refusal *ret_refusal);

/* ---- for the dialects ----------------------------------------------------------------------- */

/* 0, or -1: out of memory, and session_finish is not due. */
int session_init(struct session *session, const struct session_kind *kind,
                 const struct session_host *host, const char *id);
void session_finish(struct session *session);
/* The key that the client shows: Authorization (Bearer, Token), a subprotocol, or the query's
 * token. */
void session_key(const struct head *head, const char *query, char ret_key[AUTHORIZATION_KEY]);
/* Is the caller's key good, and may it have what the query says of tier and latency_ms? After
 * session_init. False with why not; an opener then refuses in its dialect's shape. session_finish
 * gives back what was granted. */
bool session_admit(struct session *session, const struct head *head, const char *query,
                   struct keys_refusal *ret_refusal);
/* Has the key that it was opened with been taken out of the keys file? */
bool session_is_revoked(struct session *session);
/* A refusal in the words of the target's dialect. id: of the request. */
void session_refuse(struct session_refusal *ret_refusal, const struct head *head, const char *id,
                    const struct keys_refusal *denied);
/* For the engine: what the session may have. Points into the session. */
struct request_policy session_policy(struct session *session, uint32_t depth);
/* Adds Retry-After where it is known. */
void session_refusal_retry(struct session_refusal *refusal, uint32_t retry_s);
/* json: from malloc, taken; NULL is an allocation that failed. Any thread. */
void session_send(struct session *session, char *json);
/* Closes behind what is waiting; reason is copied, 123 bytes at most. Any thread. */
void session_end(struct session *session, int code, const char *reason);
/* The server wants the session to end, for a reason that is static text: as session_kind.go_away.
 * Service thread. */
void session_go_away(struct session *session, const char *reason);
/* Closes behind all that was heard, which was told; what the client sent was cut where end is
 * ENGINE_CUT. Any thread. */
void session_over(struct session *session, enum engine_end end);
/* Hands bytes to a stream of the engine and minds whether it wants more. Service thread. */
void session_push(struct session *session, struct live *live, const void *bytes, size_t count);
/* For the engine's on_result(): counts it. Any thread. */
void session_heard(struct session *session, const struct result *result);
/* For the engine's ready(): reading may go on. */
void session_ready(struct session *session);

#endif
