/* session_flux.c - a conversation in Deepgram's dialect for turns, /v2/listen: see flux.h for what
 * is said, and when a turn ends.
 *
 * Workers tell results and silences, the service thread reads what the client sends; both say
 * something, and messages are numbered, so a lock keeps them apart. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flux.h"
#include "packet.h"
#include "query.h"
#include "session_deepgram.h"

struct flux_session {
    struct session session; /* first */
    struct live *live;
    struct packet packet; /* opus */
    bool in_message;      /* of more than one piece */

    pthread_mutex_t lock;
    struct flux_config config; /* {lock} to write, and for workers to read */
    struct flux flux;          /* {lock} */
    unsigned forced; /* {lock} turns that the client has ended and that are not heard yet */
};

/* {f->lock} */
static void send_all(struct flux_session *f, const struct flux_said *said)
{
    for (size_t i = 0; i < said->count; i++)
        session_send(&f->session, said->texts[i]);
    if (f->flux.is_short) /* rather none than a text with a hole in it */
        session_end(&f->session, 1011, "out of memory");
}

static void fail(struct flux_session *f, int close, const char *code, const char *why)
{
    struct flux_said said = {.count = 0};
    pthread_mutex_lock(&f->lock);
    flux_failed(&f->flux, code, why, &said);
    send_all(f, &said);
    pthread_mutex_unlock(&f->lock);
    session_end(&f->session, close, why);
}

/* ---- from the engine: worker threads --------------------------------------------------------- */

static void on_result(void *user, const struct result *result)
{
    struct flux_session *f = user;
    struct flux_said said = {.count = 0};
    session_heard(&f->session, result);
    pthread_mutex_lock(&f->lock);
    flux_hear(&f->flux, result, &said);
    if (result->from_flush && f->forced) {
        f->forced--;
        flux_force(&f->flux, &said);
    }
    send_all(f, &said);
    pthread_mutex_unlock(&f->lock);
}

static uint32_t on_gap(void *user, int64_t last_word_samples, uint32_t silent_ms)
{
    struct flux_session *f = user;
    struct flux_said said = {.count = 0};
    (void)last_word_samples;
    pthread_mutex_lock(&f->lock);
    const uint32_t again_ms = flux_wait(&f->flux, silent_ms, &said);
    send_all(f, &said);
    pthread_mutex_unlock(&f->lock);
    return again_ms;
}

static void on_ready(void *user)
{
    session_ready(user);
}

static void on_end(void *user, enum engine_end end, int64_t duration_samples)
{
    struct flux_session *f = user;
    char why[OUTBOX_REASON];
    (void)duration_samples;
    if (end == ENGINE_OK || end == ENGINE_CUT) {
        session_over(&f->session, end);
        return;
    }
    const char *detail = live_detail(f->live);
    snprintf(why, sizeof why, "%s", *detail ? detail : engine_end_text(end));
    fail(f, engine_end_close(end),
         end == ENGINE_NOT_AUDIO ? "INVALID_AUDIO" : "INTERNAL_SERVER_ERROR", why);
}

/* ---- from the client ------------------------------------------------------------------------- */

static void finish_audio(struct flux_session *f)
{
    if (f->session.finished)
        return;
    f->session.finished = true;
    live_finish(f->live);
}

/* A message is a packet: it goes to the engine whole. */
static void push_packet(struct flux_session *f, const uint8_t *bytes, size_t count, bool last)
{
    switch (packet_add(&f->packet, bytes, count, last, &count)) {
    case PACKET_PART:
        break;
    case PACKET_WHOLE:
        session_push(&f->session, f->live, f->packet.bytes, count);
        break;
    case PACKET_TOO_LONG:
        fail(f, 1008, "INVALID_AUDIO", "with encoding=opus each message is one packet");
        break;
    }
}

static void binary(struct session *session, const uint8_t *bytes, size_t count, bool last)
{
    struct flux_session *f = (struct flux_session *)session;
    const bool empty = !count && last && !f->in_message;
    f->in_message = !last;
    if (empty)
        finish_audio(f); /* as in /v1/listen */
    else if (!session->finished && f->packet.bytes)
        push_packet(f, bytes, count, last);
    else if (!session->finished)
        session_push(session, f->live, bytes, count);
}

static void configure(struct flux_session *f, const char *message, size_t length)
{
    struct fold_hotword hotwords[HOTWORD_LIST_MOST];
    struct flux_said said = {.count = 0};
    struct deepgram_error err;
    bool others = false;
    pthread_mutex_lock(&f->lock);
    const bool done = flux_config_change(&f->config, message, length, &others, &err) == 0;
    flux_configured(&f->flux, done ? NULL : &err, &said);
    send_all(f, &said);
    pthread_mutex_unlock(&f->lock);
    engine_hotwords(&f->config.base.hotwords, hotwords);
    if (others && !live_set_hotwords(f->live, hotwords, f->config.base.hotwords.count))
        session_end(&f->session, 1011, "out of memory");
}

static void force_end(struct flux_session *f)
{
    if (f->session.finished)
        return;
    pthread_mutex_lock(&f->lock);
    f->forced++;
    pthread_mutex_unlock(&f->lock);
    live_flush(f->live);
}

static void text(struct session *session, const char *message, size_t length)
{
    struct flux_session *f = (struct flux_session *)session;
    switch (flux_recv(message, length)) {
    case FLUX_KEEP_ALIVE:
        break;
    case FLUX_CONFIGURE:
        configure(f, message, length);
        break;
    case FLUX_FORCE_END:
        force_end(f);
        break;
    case FLUX_CLOSE:
        finish_audio(f);
        break;
    case FLUX_UNKNOWN:
        fail(f, 1008, "UNPARSABLE_CLIENT_MESSAGE",
             "text must be Configure, ForceEndTurn, KeepAlive or CloseStream as JSON");
        break;
    }
}

/* Whoever is muted sends nothing. */
static void silent(struct session *session, uint32_t silent_ms)
{
    live_silent(((struct flux_session *)session)->live, silent_ms);
}

static void go_away(struct session *session)
{
    finish_audio((struct flux_session *)session);
}

static void idle(struct session *session)
{
    struct flux_session *f = (struct flux_session *)session;
    if (!live_waiting(f->live))
        fail(f, 1011, "NET-0001", "NET-0001: no audio or text came in time");
}

static void close_session(struct session *session)
{
    struct flux_session *f = (struct flux_session *)session;
    if (f->live)
        live_close(f->live);
    packet_close(&f->packet);
    metrics_conversation(session->host->metrics, false);
    flux_finish(&f->flux);
    flux_config_finish(&f->config);
    pthread_mutex_destroy(&f->lock);
    session_finish(session);
    free(f);
}

static const struct session_kind kind = {.name = "flux",
                                         .route = METRICS_LISTEN,
                                         .text_max = 65536,
                                         .text = text,
                                         .binary = binary,
                                         .silent = silent,
                                         .go_away = go_away,
                                         .idle = idle,
                                         .close = close_session};

/* ---- opening --------------------------------------------------------------------------------- */

static int read_query(struct flux_session *f, const char *query, struct deepgram_error *err)
{
    char key[64], value[HEAD_TARGET];
    while (query_next(&query, key, sizeof key, value, sizeof value))
        if (flux_config_query(&f->config, key, value, err) != 0)
            return -1;
    return flux_config_check(&f->config, err);
}

static int open_live(struct flux_session *f, struct deepgram_error *err)
{
    const struct deepgram_config *c = &f->config.base;
    struct fold_hotword hotwords[HOTWORD_LIST_MOST];
    engine_hotwords(&c->hotwords, hotwords);
    const struct live_options options = {
        .encoding = session_deepgram_encoding(c->encoding),
        .rate_hz = c->rate_hz,
        .channels = c->channels,
        .policy = session_policy(&f->session, c->depth),
        .partials = true,
        .partial_depth = c->partial_depth,
        .partial_every_ms = c->partial_every_ms,
        .endpointing_ms = FLUX_PAUSE_MS,
        .gap_ms = FLUX_PAUSE_MS,
        .hotwords = hotwords,
        .hotwords_count = c->hotwords.count,
        .on_result = on_result,
        .on_gap = on_gap,
        .on_ready = on_ready,
        .on_end = on_end,
        .user = f,
    };
    const enum engine_end end = live_open(f->session.host->engine, &options, &f->live);
    if (end != ENGINE_OK) {
        err->status = engine_end_http(end);
        snprintf(err->message, sizeof err->message, "%s", engine_end_text(end));
        return -1;
    }
    if (c->encoding == DEEPGRAM_OPUS && packet_open(&f->packet) != 0) {
        *err = (struct deepgram_error){503, "out of memory"};
        return -1;
    }
    return 0;
}

static void greet(struct flux_session *f)
{
    struct flux_said said = {.count = 0};
    pthread_mutex_lock(&f->lock);
    flux_connected(&f->flux, &said);
    send_all(f, &said);
    pthread_mutex_unlock(&f->lock);
}

struct session *session_flux_open(const struct session_host *host, const struct head *head,
                                  const char *query, const char *id,
                                  struct session_refusal *ret_refusal)
{
    struct deepgram_error err = {503, "out of memory"};
    struct flux_session *f = calloc(1, sizeof *f);
    const bool has_lock = f && pthread_mutex_init(&f->lock, NULL) == 0;
    if (!has_lock || session_init(&f->session, &kind, host, id) != 0) {
        if (has_lock)
            pthread_mutex_destroy(&f->lock);
        free(f);
        session_deepgram_refuse(ret_refusal, &err, id, 0);
        return NULL;
    }
    f->session.idle_ms = host->idle_ms;
    metrics_conversation(host->metrics, true);
    flux_config_init(&f->config, host->catalog);
    flux_init(&f->flux, &f->config, f->session.id);
    if (session_deepgram_admit(&f->session, head, query, &err) == 0 &&
        read_query(f, query, &err) == 0) {
        greet(f);
        if (open_live(f, &err) == 0)
            return &f->session;
    }
    session_deepgram_refuse(ret_refusal, &err, id, f->session.retry_s);
    close_session(&f->session);
    return NULL;
}
