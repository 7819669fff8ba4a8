/* session_deepgram.c - a live stream in Deepgram's dialect: see deepgram.h for what is said. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deepgram.h"
#include "session.h"
#include "version.h"

struct deepgram_session {
    struct session session; /* first */
    struct deepgram_config config;
    struct engine_live *live;
    char created[32];
    bool in_message; /* of more than one piece */
};

static struct deepgram_source source(const struct deepgram_session *d)
{
    return (struct deepgram_source){d->session.id, d->session.host->model_id,
                                    d->session.host->info->name, FOLDSCRIBE_VERSION};
}

/* ---- from the engine: worker threads -------------------------------------------------------- */

static void on_update(void *user, const struct update *update)
{
    struct deepgram_session *d = user;
    const struct deepgram_source from = source(d);
    session_send(&d->session, deepgram_results(update, &from));
}

static void on_ready(void *user)
{
    struct deepgram_session *d = user;
    session_ready(&d->session);
}

static void on_end(void *user, enum engine_end end, int64_t duration_samples)
{
    struct deepgram_session *d = user;
    const struct deepgram_source from = source(d);
    if (end == ENGINE_OK) {
        session_send(&d->session,
                     deepgram_metadata(duration_samples, d->config.channels, d->created, &from));
        session_end(&d->session, 1000, "");
    } else {
        session_end(&d->session, engine_end_close(end), engine_end_text(end));
    }
}

/* ---- from the client ------------------------------------------------------------------------ */

static void finish_audio(struct deepgram_session *d)
{
    if (!d->session.finished)
        engine_live_finish(d->live);
    d->session.finished = true;
}

static void binary(struct session *session, const uint8_t *bytes, size_t count, bool last)
{
    struct deepgram_session *d = (struct deepgram_session *)session;
    const bool empty = !count && last && !d->in_message;
    d->in_message = !last;
    if (empty)
        finish_audio(d); /* the old way to say CloseStream */
    else if (!session->finished)
        session_push(session, d->live, bytes, count);
}

static void text(struct session *session, const char *message, size_t length)
{
    struct deepgram_session *d = (struct deepgram_session *)session;
    switch (deepgram_recv(message, length)) {
    case DEEPGRAM_KEEP_ALIVE:
        break;
    case DEEPGRAM_FINALIZE:
        if (!session->finished)
            engine_live_flush(d->live);
        break;
    case DEEPGRAM_CLOSE_STREAM:
        finish_audio(d);
        break;
    case DEEPGRAM_UNKNOWN:
        session_end(session, 1008,
                    "DATA-0000: text must be KeepAlive, Finalize or CloseStream as JSON");
        break;
    }
}

static void idle(struct session *session)
{
    session_end(session, 1011, "NET-0001: no audio or text came in time");
}

static void close_session(struct session *session)
{
    struct deepgram_session *d = (struct deepgram_session *)session;
    if (d->live)
        engine_live_close(d->live);
    deepgram_config_finish(&d->config);
    session_finish(session);
    free(d);
}

static const struct session_kind kind = {.name = "deepgram",
                                         .route = METRICS_LISTEN,
                                         .text_max = 65536,
                                         .text = text,
                                         .binary = binary,
                                         .idle = idle,
                                         .close = close_session};

/* ---- opening -------------------------------------------------------------------------------- */

static void refuse(struct session_refusal *ret_refusal, const struct deepgram_error *err,
                   const char *id)
{
    /* The message repeats bytes of the query: none of them may end the header line. */
    char *extra = ret_refusal->extra;
    const size_t room = sizeof ret_refusal->extra;
    size_t n = (size_t)snprintf(extra, room, "dg-request-id: %s\r\ndg-error: ", id);
    for (const char *c = err->message; *c && n + 4 < room; c++)
        if ((unsigned char)*c >= 32 && (unsigned char)*c < 127)
            extra[n++] = *c;
    snprintf(extra + n, room - n, "\r\n");
    ret_refusal->status = err->status;
    ret_refusal->body = deepgram_error_body(err, id);
}

static int check_protocol(const char *protocol, struct deepgram_error *err)
{
    err->status = 400;
    if (strlen(protocol) > 120)
        snprintf(err->message, sizeof err->message,
                 "Sec-WebSocket-Protocol is longer than 120 bytes");
    else if (*protocol && strncmp(protocol, "token", 5) != 0 && strncmp(protocol, "bearer", 6) != 0)
        snprintf(err->message, sizeof err->message,
                 "Sec-WebSocket-Protocol must be 'token, KEY' or 'bearer, KEY'");
    else
        return 0;
    return -1;
}

static int read_query(struct deepgram_session *d, const char *query, struct deepgram_error *err)
{
    char key[64], value[512];
    while (head_query_next(&query, key, sizeof key, value, sizeof value))
        if (deepgram_query(&d->config, key, value, err) != 0)
            return -1;
    return deepgram_check(&d->config, d->session.host->info->unfolds, err);
}

static int open_live(struct deepgram_session *d, struct deepgram_error *err)
{
    static const enum engine_encoding encodings[] = {[DEEPGRAM_LINEAR16] = ENGINE_LINEAR16,
                                                     [DEEPGRAM_LINEAR32] = ENGINE_LINEAR32,
                                                     [DEEPGRAM_MULAW] = ENGINE_MULAW,
                                                     [DEEPGRAM_ALAW] = ENGINE_ALAW};
    const struct deepgram_config *c = &d->config;
    struct fold_hotword hotwords[DEEPGRAM_KEYTERMS];
    for (size_t i = 0; i < c->keyterms_count; i++)
        hotwords[i] = (struct fold_hotword){c->keyterms[i], c->boosts[i]};
    const struct engine_live_options options = {
        .encoding = encodings[c->encoding],
        .rate_hz = c->rate_hz,
        .channels = c->channels,
        .depth = c->depth,
        .partials = c->interim_results,
        .endpointing_ms = c->endpointing_ms,
        .hotwords = hotwords,
        .hotwords_count = c->keyterms_count,
        .update = on_update,
        .ready = on_ready,
        .end = on_end,
        .user = d,
    };
    const enum engine_end end = engine_live_open(d->session.host->engine, &options, &d->live);
    if (end == ENGINE_OK)
        return 0;
    err->status = engine_end_http(end);
    snprintf(err->message, sizeof err->message, "%s", engine_end_text(end));
    return -1;
}

struct session *session_deepgram_open(const struct session_host *host, const struct head *head,
                                      const char *query, const char *id,
                                      struct session_refusal *ret_refusal)
{
    struct deepgram_error err = {503, "out of memory"};
    struct deepgram_session *d = calloc(1, sizeof *d);
    if (!d) {
        refuse(ret_refusal, &err, id);
        return NULL;
    }
    session_init(&d->session, &kind, host, id);
    d->session.idle_ms = host->idle_ms;
    deepgram_config_init(&d->config);
    const time_t now = time(NULL);
    struct tm utc;
    strftime(d->created, sizeof d->created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    if (check_protocol(head->protocol, &err) == 0 && read_query(d, query, &err) == 0 &&
        open_live(d, &err) == 0)
        return &d->session;
    refuse(ret_refusal, &err, id);
    close_session(&d->session);
    return NULL;
}
