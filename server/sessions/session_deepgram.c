/* session_deepgram.c - a live stream in Deepgram's dialect: see deepgram.h for what is said. */
#include "session_deepgram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "packet.h"
#include "query.h"
#include "version.h"

struct deepgram_session;

/* What is heard by itself: the mixed stream, or one channel of it. */
struct channel {
    struct deepgram_session *owner;
    uint32_t index;
    struct live *live;
};

struct deepgram_session {
    struct session session; /* first */
    struct deepgram_config config;
    uint32_t heard; /* channels in use */
    struct channel channels[DEEPGRAM_CHANNELS];
    atomic_uint open;     /* channels that have not ended */
    atomic_flag has_said; /* the first result */
    atomic_bool was_cut;  /* one of those that have was heard only in part */
    char created[32];
    bool in_message;                      /* of more than one piece */
    struct packet packet;                 /* opus */
    atomic_int_least64_t longest_samples; /* of the channels that have ended */
};

static struct deepgram_source source(const struct deepgram_session *d, uint32_t channel)
{
    return (struct deepgram_source){d->session.id,
                                    d->session.host->model_id,
                                    d->session.host->info->name,
                                    FOLDSCRIBE_VERSION,
                                    channel,
                                    d->heard,
                                    &d->config,
                                    false};
}

/* ---- from the engine: worker threads -------------------------------------------------------- */

static void on_result(void *user, const struct result *result)
{
    const struct channel *c = user;
    struct deepgram_source from = source(c->owner, c->index);
    from.is_first = !atomic_flag_test_and_set(&c->owner->has_said);
    session_heard(&c->owner->session, result);
    session_send(&c->owner->session, deepgram_results(result, &from));
}

static void on_voice(void *user, bool begins, int64_t at_samples)
{
    const struct channel *c = user;
    const struct deepgram_source from = source(c->owner, c->index);
    if (begins)
        session_send(&c->owner->session, deepgram_speech_started(at_samples, &from));
}

static uint32_t on_gap(void *user, int64_t last_word_samples, uint32_t silent_ms)
{
    const struct channel *c = user;
    const struct deepgram_source from = source(c->owner, c->index);
    (void)silent_ms;
    session_send(&c->owner->session, deepgram_utterance_end(last_word_samples, &from));
    return 0; /* once behind every last word */
}

static void on_ready(void *user)
{
    const struct channel *c = user;
    session_ready(&c->owner->session);
}

static void fail(struct channel *c, enum engine_end end)
{
    char reason[OUTBOX_REASON];
    const char *detail = live_detail(c->live);
    snprintf(reason, sizeof reason, "%s%s", end == ENGINE_NOT_AUDIO ? "DATA-0000: " : "",
             *detail ? detail : engine_end_text(end));
    session_end(&c->owner->session, engine_end_close(end), reason);
}

static void on_end(void *user, enum engine_end end, int64_t duration_samples)
{
    struct channel *c = user;
    struct deepgram_session *d = c->owner;
    if (end != ENGINE_OK && end != ENGINE_CUT) {
        fail(c, end);
        return;
    }
    if (end == ENGINE_CUT)
        atomic_store(&d->was_cut, true);
    int_least64_t longest = atomic_load(&d->longest_samples);
    while (duration_samples > longest &&
           !atomic_compare_exchange_weak(&d->longest_samples, &longest, duration_samples))
        ;
    if (atomic_fetch_sub(&d->open, 1) != 1)
        return;
    const struct deepgram_source from = source(d, 0);
    session_send(&d->session, deepgram_metadata(atomic_load(&d->longest_samples),
                                                d->config.channels, d->created, &from));
    session_over(&d->session, atomic_load(&d->was_cut) ? ENGINE_CUT : ENGINE_OK);
}

/* ---- from the client ------------------------------------------------------------------------ */

static void finish_audio(struct deepgram_session *d)
{
    if (d->session.finished)
        return;
    d->session.finished = true;
    for (uint32_t i = 0; i < d->heard; i++)
        live_finish(d->channels[i].live);
}

static void push(struct deepgram_session *d, const uint8_t *bytes, size_t count)
{
    for (uint32_t i = 0; i < d->heard; i++)
        session_push(&d->session, d->channels[i].live, bytes, count);
}

/* A message is a packet: it goes to the engine whole. */
static void push_packet(struct deepgram_session *d, const uint8_t *bytes, size_t count, bool last)
{
    switch (packet_add(&d->packet, bytes, count, last, &count)) {
    case PACKET_PART:
        break;
    case PACKET_WHOLE:
        push(d, d->packet.bytes, count);
        break;
    case PACKET_TOO_LONG:
        session_end(&d->session, 1008, "DATA-0000: with encoding=opus each message is one packet");
        break;
    }
}

static void binary(struct session *session, const uint8_t *bytes, size_t count, bool last)
{
    struct deepgram_session *d = (struct deepgram_session *)session;
    const bool empty = !count && last && !d->in_message;
    d->in_message = !last;
    if (empty)
        finish_audio(d); /* the old way to say CloseStream */
    else if (!session->finished && d->packet.bytes)
        push_packet(d, bytes, count, last);
    else if (!session->finished)
        push(d, bytes, count);
}

static void configure(struct deepgram_session *d, const char *message, size_t length)
{
    struct deepgram_config *c = &d->config;
    struct deepgram_error err;
    const bool done = deepgram_configure(c, message, length, &err) == 0;
    const struct live_dials dials = {c->depth, c->partial_depth, c->latency_ms,
                                     c->partial_every_ms};

    for (uint32_t i = 0; done && i < d->heard && !d->session.finished; i++)
        live_configure(d->channels[i].live, &dials);
    session_send(&d->session, deepgram_configured(c, done ? NULL : &err, d->session.id));
}

static void text(struct session *session, const char *message, size_t length)
{
    struct deepgram_session *d = (struct deepgram_session *)session;
    int channel;
    switch (deepgram_recv(message, length, &channel)) {
    case DEEPGRAM_KEEP_ALIVE:
        break;
    case DEEPGRAM_FINALIZE:
        for (uint32_t i = 0; i < d->heard && !session->finished; i++)
            if (channel < 0 || channel == (int)i)
                live_flush(d->channels[i].live);
        break;
    case DEEPGRAM_CLOSE_STREAM:
        finish_audio(d);
        break;
    case DEEPGRAM_CONFIGURE:
        configure(d, message, length);
        break;
    case DEEPGRAM_UNKNOWN:
        session_end(
            session, 1008,
            "DATA-0000: text must be KeepAlive, Finalize, Configure or CloseStream as JSON");
        break;
    }
}

/* Whoever is muted sends nothing, or KeepAlive. */
static void silent(struct session *session, uint32_t silent_ms)
{
    const struct deepgram_session *d = (struct deepgram_session *)session;
    for (uint32_t i = 0; i < d->heard; i++)
        live_silent(d->channels[i].live, silent_ms);
}

static void go_away(struct session *session)
{
    finish_audio((struct deepgram_session *)session);
}

/* Whoever has sent much at once may wait for it to be heard. */
static void idle(struct session *session)
{
    const struct deepgram_session *d = (struct deepgram_session *)session;
    for (uint32_t i = 0; i < d->heard; i++)
        if (live_waiting(d->channels[i].live))
            return;
    session_end(session, 1011, "NET-0001: no audio or text came in time");
}

static void close_session(struct session *session)
{
    struct deepgram_session *d = (struct deepgram_session *)session;
    for (uint32_t i = 0; i < d->heard; i++)
        if (d->channels[i].live)
            live_close(d->channels[i].live);
    packet_close(&d->packet);
    deepgram_config_finish(&d->config);
    session_finish(session);
    free(d);
}

static const struct session_kind kind = {.name = "deepgram",
                                         .route = METRICS_LISTEN,
                                         .text_max = 65536,
                                         .text = text,
                                         .binary = binary,
                                         .silent = silent,
                                         .go_away = go_away,
                                         .idle = idle,
                                         .close = close_session};

/* ---- opening -------------------------------------------------------------------------------- */

void session_deepgram_refuse(struct session_refusal *ret_refusal, const struct deepgram_error *err,
                             const char *id, uint32_t retry_s)
{
    char message[600];
    deepgram_error_header(err, message, sizeof message);
    snprintf(ret_refusal->extra, sizeof ret_refusal->extra, "dg-request-id: %s\r\ndg-error: %s\r\n",
             id, message);
    session_refusal_retry(ret_refusal, retry_s);
    ret_refusal->status = err->status;
    ret_refusal->body = deepgram_error_body(err, id);
}

static int check_protocol(const char *protocol, struct deepgram_error *err)
{
    err->status = 400;
    if (*protocol && strncmp(protocol, "token", 5) != 0 && strncmp(protocol, "bearer", 6) != 0)
        snprintf(err->message, sizeof err->message,
                 "Sec-WebSocket-Protocol must be 'token, KEY' or 'bearer, KEY'");
    else
        return 0;
    return -1;
}

int session_deepgram_admit(struct session *session, const struct head *head, const char *query,
                           struct deepgram_error *err)
{
    struct keys_refusal denied;
    if (check_protocol(head->protocol, err) != 0)
        return -1;
    if (session_admit(session, head, query, &denied))
        return 0;
    err->status = denied.status;
    snprintf(err->message, sizeof err->message, "%s", denied.message);
    session->retry_s = denied.retry_s;
    return -1;
}

enum live_encoding session_deepgram_encoding(enum deepgram_encoding encoding)
{
    static const enum live_encoding encodings[] = {
        [DEEPGRAM_LINEAR16] = LIVE_LINEAR16, [DEEPGRAM_LINEAR32] = LIVE_FLOAT32,
        [DEEPGRAM_MULAW] = LIVE_MULAW,       [DEEPGRAM_ALAW] = LIVE_ALAW,
        [DEEPGRAM_OPUS] = LIVE_OPUS,         [DEEPGRAM_CONTAINER] = LIVE_CONTAINER};
    return encodings[encoding];
}

static int read_query(struct deepgram_session *d, const char *query, struct deepgram_error *err)
{
    char key[64], value[HEAD_TARGET];
    while (query_next(&query, key, sizeof key, value, sizeof value))
        if (deepgram_config_query(&d->config, key, value, err) != 0)
            return -1;
    return deepgram_config_check_live(&d->config, err);
}

/* Each channel that is heard by itself is a stream of the key's. */
static bool count_channels(struct deepgram_session *d, struct deepgram_error *err)
{
    struct keys_refusal denied;
    if (!d->config.multichannel ||
        keys_add_streams(d->session.host->keys, &d->session.grant, d->config.channels - 1, &denied))
        return true;
    err->status = denied.status;
    snprintf(err->message, sizeof err->message, "%s", denied.message);
    return false;
}

static int open_channels(struct deepgram_session *d, struct deepgram_error *err)
{
    const struct deepgram_config *c = &d->config;
    struct fold_hotword hotwords[HOTWORD_LIST_MOST];
    engine_hotwords(&c->hotwords, hotwords);
    struct live_options options = {
        .encoding = session_deepgram_encoding(c->encoding),
        .rate_hz = c->rate_hz,
        .channels = c->channels,
        .policy = session_policy(&d->session, c->depth),
        .partials = c->interim_results,
        .partial_depth = c->partial_depth,
        .partial_every_ms = c->partial_every_ms,
        .endpointing_ms = c->endpointing_ms,
        .gap_ms = c->utterance_end_ms,
        .hotwords = hotwords,
        .hotwords_count = c->hotwords.count,
        .plain = !deepgram_is_readable(c),
        .alternatives = c->alternatives - 1,
        .on_result = on_result,
        .on_voice = c->vad_events ? on_voice : NULL,
        .on_gap = on_gap,
        .on_ready = on_ready,
        .on_end = on_end,
    };
    const uint32_t heard = c->multichannel ? c->channels : 1;
    d->heard = heard;
    atomic_init(&d->open, heard);
    for (uint32_t i = 0; i < heard; i++) {
        d->channels[i] = (struct channel){d, i, NULL};
        options.channel = c->multichannel ? i + 1 : 0;
        options.user = &d->channels[i];
        const enum engine_end end =
            live_open(d->session.host->engine, &options, &d->channels[i].live);
        if (end != ENGINE_OK) {
            err->status = engine_end_http(end);
            snprintf(err->message, sizeof err->message, "%s", engine_end_text(end));
            return -1;
        }
    }
    if (c->encoding == DEEPGRAM_OPUS && packet_open(&d->packet) != 0) {
        *err = (struct deepgram_error){503, "out of memory"};
        return -1;
    }
    return 0;
}

struct session *session_deepgram_open(const struct session_host *host, const struct head *head,
                                      const char *query, const char *id,
                                      struct session_refusal *ret_refusal)
{
    struct deepgram_error err = {503, "out of memory"};
    struct deepgram_session *d = calloc(1, sizeof *d);
    if (!d || session_init(&d->session, &kind, host, id) != 0) {
        free(d);
        session_deepgram_refuse(ret_refusal, &err, id, 0);
        return NULL;
    }
    d->session.idle_ms = host->idle_ms;
    deepgram_config_init(&d->config, host->catalog);
    atomic_flag_clear(&d->has_said);
    clock_utc(d->created);
    if (session_deepgram_admit(&d->session, head, query, &err) == 0 &&
        read_query(d, query, &err) == 0 && count_channels(d, &err) && open_channels(d, &err) == 0)
        return &d->session;
    session_deepgram_refuse(ret_refusal, &err, id, d->session.retry_s);
    close_session(&d->session);
    return NULL;
}
