/* session_vosk.c - a live stream in vosk's dialect: one reply for each message of samples.
 *
 * The replies that are owed stand in a queue, oldest first, and are paid from the front. Samples
 * are paid at once with what is known then, so that a microphone is answered at network speed; but
 * not while more audio waits than AHEAD_MS. A client that sends a file waits for its replies, so
 * it goes as fast as the words come, and gets every utterance as a result of its own. A reset or
 * the end is paid when the engine has dealt with all that was sent before it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "session.h"
#include "vosk.h"

#define AHEAD_MS 1000
#define OWED     256 /* replies; no client that waits for them owes more than one or two */

enum owed { OWED_AUDIO, OWED_RESET, OWED_EOF };

struct vosk_session {
    struct session session; /* first */
    struct vosk_config config;
    struct live *live; /* NULL: no samples yet */

    pthread_mutex_t lock;
    struct vosk heard;         /* {lock} */
    uint8_t owed[OWED];        /* {lock} [owed_count] enum owed */
    size_t owed_count, resets; /* {lock} resets: of owed */
    unsigned flushed;          /* {lock} resets that the engine has dealt with */
    bool ended;                /* {lock} the engine has dealt with everything */
    enum engine_end end;       /* {lock} as it said then */
};

/* {lock} Pays what can be paid. */
static void pay(struct vosk_session *v)
{
    while (v->owed_count) {
        const enum owed owed = v->owed[0];
        if ((owed == OWED_AUDIO && atomic_load(&v->session.full)) ||
            (owed == OWED_RESET && !v->flushed && !v->ended) || (owed == OWED_EOF && !v->ended))
            return;
        session_send(&v->session,
                     owed == OWED_AUDIO ? vosk_reply(&v->heard) : vosk_rest(&v->heard));
        if (owed == OWED_EOF)
            session_over(&v->session, v->end);
        if (owed == OWED_RESET) {
            v->flushed -= v->flushed > 0;
            v->resets--;
        }
        v->owed_count--;
        memmove(v->owed, v->owed + 1, v->owed_count * sizeof v->owed[0]);
    }
}

static void owe(struct vosk_session *v, enum owed owed)
{
    pthread_mutex_lock(&v->lock);
    if (v->owed_count == OWED || (owed == OWED_RESET && v->resets == 8)) {
        session_end(&v->session, 1008, "too many messages without waiting for their replies");
    } else {
        v->owed[v->owed_count++] = (uint8_t)owed;
        v->resets += owed == OWED_RESET;
        pay(v);
    }
    pthread_mutex_unlock(&v->lock);
}

/* ---- from the engine: worker threads -------------------------------------------------------- */

static void on_result(void *user, const struct result *result)
{
    struct vosk_session *v = user;
    session_heard(&v->session, result);
    pthread_mutex_lock(&v->lock);
    if (vosk_hear(&v->heard, result) != 0)
        session_end(&v->session, 1011, "out of memory");
    v->flushed += result->from_flush;
    pay(v);
    pthread_mutex_unlock(&v->lock);
}

static void on_ready(void *user)
{
    struct vosk_session *v = user;
    session_ready(&v->session);
    pthread_mutex_lock(&v->lock);
    pay(v);
    pthread_mutex_unlock(&v->lock);
}

static void on_end(void *user, enum engine_end end, int64_t duration_samples)
{
    struct vosk_session *v = user;
    (void)duration_samples;
    if (end != ENGINE_OK && end != ENGINE_CUT) {
        session_end(&v->session, engine_end_close(end), engine_end_text(end));
        return;
    }
    pthread_mutex_lock(&v->lock);
    v->ended = true;
    v->end = end;
    atomic_store(&v->session.full, false);
    pay(v);
    pthread_mutex_unlock(&v->lock);
}

/* ---- from the client ------------------------------------------------------------------------ */

static bool open_live(struct vosk_session *v)
{
    const struct vosk_config *c = &v->config;
    struct fold_hotword hotwords[HOTWORD_LIST_MOST];
    engine_hotwords(&c->phrases, hotwords);
    const struct live_options options = {.encoding = LIVE_LINEAR16,
                                         .rate_hz = c->rate_hz,
                                         .channels = 1,
                                         .policy = session_policy(&v->session, c->depth),
                                         .partials = true,
                                         .high_ms = AHEAD_MS,
                                         .hotwords = hotwords,
                                         .hotwords_count = c->phrases.count,
                                         .plain = true,
                                         .alternatives = c->alternatives ? c->alternatives - 1 : 0,
                                         .on_result = on_result,
                                         .on_ready = on_ready,
                                         .on_end = on_end,
                                         .user = v};
    const enum engine_end end = live_open(v->session.host->engine, &options, &v->live);
    if (end == ENGINE_OK)
        return true;
    session_end(&v->session, engine_end_close(end), engine_end_text(end));
    return false;
}

static void binary(struct session *session, const uint8_t *bytes, size_t count, bool last)
{
    struct vosk_session *v = (struct vosk_session *)session;
    if (session->finished || (!v->live && !open_live(v)))
        return;
    session_push(session, v->live, bytes, count);
    if (last)
        owe(v, OWED_AUDIO);
}

static void end_audio(struct vosk_session *v)
{
    v->session.finished = true;
    if (v->live)
        live_finish(v->live);
    else
        v->ended = true; /* nobody else is here yet */
    owe(v, OWED_EOF);
}

static void reset(struct vosk_session *v)
{
    if (v->live) {
        live_flush(v->live);
    } else {
        pthread_mutex_lock(&v->lock);
        v->flushed++;
        pthread_mutex_unlock(&v->lock);
    }
    owe(v, OWED_RESET);
}

static void text(struct session *session, const char *message, size_t length)
{
    struct vosk_session *v = (struct vosk_session *)session;
    struct vosk_error err;
    if (session->finished)
        return;
    switch (vosk_recv(&v->config, message, length, &err)) {
    case VOSK_CONFIG:
        /* What shows results may change at any time; what makes them, before the first samples. */
        pthread_mutex_lock(&v->lock);
        v->heard.words = v->config.words;
        v->heard.alternatives = v->config.alternatives;
        v->heard.notices = v->config.notices;
        v->heard.has_told = false;
        pthread_mutex_unlock(&v->lock);
        break;
    case VOSK_RESET:
        reset(v);
        break;
    case VOSK_EOF:
        end_audio(v);
        break;
    case VOSK_BAD:
        /* The dialect has no message for errors. A close reason holds 123 bytes. */
        log_info("refused a message", log_text("id", session->id), log_text("reason", err.message));
        session_end(session, 1003, err.message);
        break;
    }
}

static void go_away(struct session *session)
{
    if (!session->finished)
        end_audio((struct vosk_session *)session);
}

/* Who is muted asks for nothing, so nothing is said; but what was said before is a result of its
 * own, and the next reply has it. */
static void silent(struct session *session, uint32_t silent_ms)
{
    struct vosk_session *v = (struct vosk_session *)session;
    if (v->live)
        live_silent(v->live, silent_ms);
}

static void idle(struct session *session)
{
    struct vosk_session *v = (struct vosk_session *)session;
    pthread_mutex_lock(&v->lock);
    if (v->live) /* else the last words would never be told */
        session_send(session, vosk_rest(&v->heard));
    pthread_mutex_unlock(&v->lock);
    session_end(session, 1008, "no message came in time");
}

static void close_session(struct session *session)
{
    struct vosk_session *v = (struct vosk_session *)session;
    if (v->live)
        live_close(v->live);
    vosk_config_finish(&v->config);
    vosk_finish(&v->heard);
    pthread_mutex_destroy(&v->lock);
    session_finish(session);
    free(v);
}

static const struct session_kind kind = {.name = "vosk",
                                         .route = METRICS_VOSK,
                                         .text_max = 262144,
                                         .text = text,
                                         .binary = binary,
                                         .go_away = go_away,
                                         .silent = silent,
                                         .idle = idle,
                                         .close = close_session};

struct session *session_vosk_open(const struct session_host *host, const struct head *head,
                                  const char *query, const char *id,
                                  struct session_refusal *ret_refusal)
{
    struct vosk_session *v = calloc(1, sizeof *v);
    (void)head, (void)query;
    const bool has_lock = v && pthread_mutex_init(&v->lock, NULL) == 0;
    if (!has_lock || session_init(&v->session, &kind, host, id) != 0) {
        if (has_lock)
            pthread_mutex_destroy(&v->lock);
        free(v);
        *ret_refusal = (struct session_refusal){.status = 503};
        return NULL;
    }
    vosk_config_init(&v->config, host->catalog);
    vosk_init(&v->heard);
    return &v->session;
}
