/* ws.c - see ws.h.
 *
 * The router has seen the upgrade request and this file has judged path and query before
 * libwebsockets gets the socket, so every refusal is a plain HTTP answer. Workers never touch a
 * socket: updates go to the stream's outbox and wake the service thread.
 *
 * Back-pressure: when a stream has more audio waiting than the engine wants, reading stops until
 * it has less; pings are still answered by libwebsockets once reading goes on. */
#include "ws.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deepgram.h"
#include "id.h"
#include "log.h"
#include "metrics.h"
#include "outbox.h"
#include "router.h"
#include "version.h"

#define OUTBOX_BYTES (4u << 20)
#define TEXT_MAX     65536 /* a control message */
#define PAUSE_US     50000 /* looks again at a paused stream */

struct stream {
    struct ws *ws;
    struct lws *wsi;
    struct engine_live *live;
    struct outbox outbox;
    struct deepgram_config config;
    char id[ID_BYTES], created[32];
    char *text; /* control message being put together */
    size_t text_length;
    bool paused, finished; /* finished: no more audio is taken */
    struct stream *next;
};

struct arrival {
    int fd;
    struct stream *stream;
    struct arrival *next;
};

struct ws {
    struct ws_options options;
    struct lws_context *context;
    struct lws_vhost *vhost;
    pthread_t thread;
    atomic_bool stopping, going_away;
    atomic_uint count;
    pthread_mutex_t lock;
    struct arrival *arrivals; /* {lock} */
    struct stream *streams;   /* service thread only: established ones */
    char model_id[ID_BYTES];
};

static struct deepgram_source source(const struct stream *s)
{
    return (struct deepgram_source){s->id, s->ws->model_id, s->ws->options.info->name,
                                    FOLDSCRIBE_VERSION};
}

static void free_stream(struct stream *s)
{
    if (!s)
        return;
    deepgram_config_finish(&s->config);
    outbox_finish(&s->outbox);
    free(s->text);
    free(s);
}

/* ---- from the engine: worker threads -------------------------------------------------------- */

static void on_update(void *user, const struct update *update)
{
    struct stream *s = user;
    const struct deepgram_source from = source(s);
    outbox_push(&s->outbox, deepgram_results(update, &from));
    lws_cancel_service(s->ws->context);
}

static void on_end(void *user, enum engine_end end, int64_t duration_samples)
{
    struct stream *s = user;
    const struct deepgram_source from = source(s);
    if (end == ENGINE_OK) {
        outbox_push(&s->outbox,
                    deepgram_metadata(duration_samples, s->config.channels, s->created, &from));
        outbox_end(&s->outbox, 1000, "");
    } else {
        outbox_end(&s->outbox, engine_end_close(end), engine_end_text(end));
    }
    lws_cancel_service(s->ws->context);
}

static enum engine_end open_live(struct stream *s)
{
    static const enum engine_encoding encodings[] = {[DEEPGRAM_LINEAR16] = ENGINE_LINEAR16,
                                                     [DEEPGRAM_LINEAR32] = ENGINE_LINEAR32,
                                                     [DEEPGRAM_MULAW] = ENGINE_MULAW,
                                                     [DEEPGRAM_ALAW] = ENGINE_ALAW};
    const struct deepgram_config *c = &s->config;
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
        .end = on_end,
        .user = s,
    };
    return engine_live_open(s->ws->options.engine, &options, &s->live);
}

/* ---- adopting ---------------------------------------------------------------------------------
 */

static void refuse(int fd, const struct deepgram_error *err, const char *id)
{
    const char *message = err->message;
    char extra[512];
    /* The message repeats bytes of the query: none of them may end the header line. */
    int n = snprintf(extra, sizeof extra, "dg-request-id: %s\r\ndg-error: ", id);
    for (const char *c = message; *c && n + 4 < (int)sizeof extra; c++)
        if ((unsigned char)*c >= 32 && (unsigned char)*c < 127)
            extra[n++] = *c;
    snprintf(extra + n, sizeof extra - (size_t)n, "\r\n");
    metrics_request(METRICS_LISTEN, err->status);
    char *body = deepgram_error_body(err, id);
    router_answer(fd, err->status, id, body, extra);
    free(body);
}

static int read_query(struct stream *s, const char *query, struct deepgram_error *err)
{
    char key[64], value[512];
    while (head_query_next(&query, key, sizeof key, value, sizeof value))
        if (deepgram_query(&s->config, key, value, err) != 0)
            return -1;
    return deepgram_check(&s->config, s->ws->options.info->unfolds, err);
}

void ws_adopt(struct ws *ws, int fd, const struct head *head)
{
    struct deepgram_error err;
    struct stream *s = calloc(1, sizeof *s);
    struct arrival *a = malloc(sizeof *a);
    if (!s || !a) {
        free(s);
        free(a);
        refuse(fd, &(struct deepgram_error){503, "out of memory"}, "-");
        return;
    }
    s->ws = ws;
    id_make(s->id);
    deepgram_config_init(&s->config);
    outbox_init(&s->outbox, OUTBOX_BYTES);
    const time_t now = time(NULL);
    struct tm utc;
    strftime(s->created, sizeof s->created, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    const size_t path = strcspn(head->target, "?");
    err.status = 0;
    if (path != 10 || strncmp(head->target, "/v1/listen", 10) != 0) {
        err.status = 404;
        snprintf(err.message, sizeof err.message,
                 "there is no live endpoint at %.*s: use /v1/listen",
                 (int)(path < 100 ? path : 100), head->target);
    } else if (*head->protocol && strncmp(head->protocol, "token", 5) != 0 &&
               strncmp(head->protocol, "bearer", 6) != 0) {
        err.status = 400;
        snprintf(err.message, sizeof err.message,
                 "Sec-WebSocket-Protocol must be 'token, KEY' or 'bearer, KEY'");
    } else if (strlen(head->protocol) > 120) {
        err.status = 400;
        snprintf(err.message, sizeof err.message,
                 "Sec-WebSocket-Protocol is longer than 120 bytes");
    } else if (read_query(s, head->target + path, &err) == 0) {
        const enum engine_end end = open_live(s);
        if (end != ENGINE_OK) {
            err.status = engine_end_http(end);
            snprintf(err.message, sizeof err.message, "%s", engine_end_text(end));
        }
    }
    if (err.status) {
        refuse(fd, &err, s->id);
        free_stream(s);
        free(a);
        return;
    }
    atomic_fetch_add(&ws->count, 1);
    pthread_mutex_lock(&ws->lock);
    *a = (struct arrival){fd, s, ws->arrivals};
    ws->arrivals = a;
    pthread_mutex_unlock(&ws->lock);
    lws_cancel_service(ws->context);
}

static void drop(struct stream *s, int code)
{
    struct ws *ws = s->ws;
    engine_live_close(s->live);
    for (struct stream **at = &ws->streams; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    log_info("stream ended", "id=%s close=%d", s->id, code);
    metrics_stream(code);
    atomic_fetch_sub(&ws->count, 1);
    free_stream(s);
}

static void adopt_arrivals(struct ws *ws)
{
    pthread_mutex_lock(&ws->lock);
    struct arrival *a = ws->arrivals;
    ws->arrivals = NULL;
    pthread_mutex_unlock(&ws->lock);
    while (a) {
        struct arrival *next = a->next;
        struct stream *s = a->stream;
        /* On failure libwebsockets has closed the socket. */
        struct lws *wsi =
            lws_adopt_descriptor_vhost(ws->vhost, LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
                                       (lws_sock_file_fd_type){.sockfd = a->fd}, NULL, NULL);
        if (wsi) {
            s->wsi = wsi;
            lws_set_opaque_user_data(wsi, s);
        } else {
            drop(s, 1006);
        }
        free(a);
        a = next;
    }
}

/* ---- one stream: the service thread ------------------------------------------------------- */

static void restart_idle_timer(struct stream *s)
{
    lws_set_timer_usecs(s->wsi, s->paused ? PAUSE_US : (lws_usec_t)s->ws->options.idle_ms * 1000);
}

static void finish_audio(struct stream *s)
{
    if (!s->finished)
        engine_live_finish(s->live);
    s->finished = true;
}

static void receive_audio(struct stream *s, const void *bytes, size_t count)
{
    if (s->finished)
        return;
    if (!count && lws_is_first_fragment(s->wsi) && lws_is_final_fragment(s->wsi)) {
        finish_audio(s); /* the old way to say CloseStream */
        return;
    }
    if (engine_live_push(s->live, bytes, count) > engine_live_high_bytes(s->live)) {
        s->paused = true;
        lws_rx_flow_control(s->wsi, 0);
    }
}

static void receive_text(struct stream *s, const char *bytes, size_t count)
{
    if (s->text_length + count > TEXT_MAX) {
        outbox_end(&s->outbox, 1009, "a text message is longer than 65536 bytes");
        return;
    }
    char *grown = realloc(s->text, s->text_length + count + 1);
    if (!grown) {
        outbox_end(&s->outbox, 1011, "out of memory");
        return;
    }
    s->text = grown;
    memcpy(s->text + s->text_length, bytes, count);
    s->text_length += count;
    if (!lws_is_final_fragment(s->wsi) || lws_remaining_packet_payload(s->wsi))
        return;
    switch (deepgram_recv(s->text, s->text_length)) {
    case DEEPGRAM_KEEP_ALIVE:
        break;
    case DEEPGRAM_FINALIZE:
        if (!s->finished)
            engine_live_flush(s->live);
        break;
    case DEEPGRAM_CLOSE_STREAM:
        finish_audio(s);
        break;
    case DEEPGRAM_UNKNOWN:
        outbox_end(&s->outbox, 1008,
                   "DATA-0000: text must be KeepAlive, Finalize or CloseStream as JSON");
        break;
    }
    s->text_length = 0;
}

/* Sends one message, or closes. Returns what the callback shall return. */
static int send_next(struct stream *s)
{
    int code;
    const char *why = NULL;
    char *text = outbox_pop(&s->outbox, &code, &why);
    if (text) {
        const size_t length = strlen(text);
        unsigned char *frame = malloc(LWS_PRE + length);
        int sent = -1;
        if (frame) {
            memcpy(frame + LWS_PRE, text, length);
            sent = lws_write(s->wsi, frame + LWS_PRE, length, LWS_WRITE_TEXT);
        }
        free(frame);
        free(text);
        if (sent < (int)length)
            return -1;
        if (!outbox_is_empty(&s->outbox))
            lws_callback_on_writable(s->wsi);
        return 0;
    }
    if (!code)
        return 0;
    struct lws *wsi = s->wsi;
    lws_close_reason(wsi, (enum lws_close_status)code, (unsigned char *)(uintptr_t)why,
                     strlen(why));
    lws_set_opaque_user_data(wsi, NULL);
    drop(s, code);
    return -1;
}

/* A worker or another thread called. */
static void wake(struct ws *ws)
{
    adopt_arrivals(ws);
    const bool leave = atomic_load(&ws->going_away);
    for (struct stream *s = ws->streams; s; s = s->next) {
        if (leave)
            outbox_end(&s->outbox, 1001, "the server is shutting down");
        if (!outbox_is_empty(&s->outbox))
            lws_callback_on_writable(s->wsi);
    }
}

static void tick(struct stream *s)
{
    if (s->paused) {
        if (engine_live_waiting(s->live) <= engine_live_high_bytes(s->live) / 2) {
            s->paused = false;
            lws_rx_flow_control(s->wsi, 1);
        }
        restart_idle_timer(s);
    } else if (!s->finished) {
        outbox_end(&s->outbox, 1011, "NET-0001: no audio or text came in time");
        lws_callback_on_writable(s->wsi);
    }
}

static int add_request_id(struct lws *wsi, const struct stream *s,
                          struct lws_process_html_args *args)
{
    unsigned char *at = (unsigned char *)args->p;
    if (lws_add_http_header_by_name(
            wsi, (const unsigned char *)"dg-request-id:", (const unsigned char *)s->id,
            (int)strlen(s->id), &at, at + args->max_len))
        return -1;
    args->p = (char *)at;
    return 0;
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    struct lws_context *context = lws_get_context(wsi);
    struct ws *ws = lws_context_user(context);
    struct stream *s = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    (void)user;
    switch (reason) {
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        wake(ws);
        return 0;
    case LWS_CALLBACK_ADD_HEADERS:
        return s ? add_request_id(wsi, s, in) : 0;
    case LWS_CALLBACK_ESTABLISHED:
        if (!s)
            return -1;
        s->next = ws->streams;
        ws->streams = s;
        metrics_request(METRICS_LISTEN, 101);
        log_info("stream opened", "id=%s rate_hz=%u channels=%u depth=%u", s->id, s->config.rate_hz,
                 s->config.channels, s->config.depth);
        restart_idle_timer(s);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        if (!s)
            return -1;
        if (lws_frame_is_binary(wsi))
            receive_audio(s, in, length);
        else
            receive_text(s, in, length);
        restart_idle_timer(s);
        if (!outbox_is_empty(&s->outbox))
            lws_callback_on_writable(wsi);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return s ? send_next(s) : 0;
    case LWS_CALLBACK_TIMER:
        if (s)
            tick(s);
        return 0;
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        if (s) {
            lws_set_opaque_user_data(wsi, NULL);
            drop(s, 1006);
        }
        return 0;
    default:
        return 0;
    }
}

/* ---- life --------------------------------------------------------------------------------- */

static const struct lws_protocols protocols[] = {
    {.name = "listen", .callback = callback, .rx_buffer_size = 65536},
    {.name = "token", .callback = callback, .rx_buffer_size = 65536},
    {.name = "bearer", .callback = callback, .rx_buffer_size = 65536},
    {0},
};

static void *serve(void *user)
{
    struct ws *ws = user;
    while (!atomic_load(&ws->stopping) && lws_service(ws->context, 0) >= 0)
        ;
    return NULL;
}

int ws_open(struct ws **ret_ws, const struct ws_options *options)
{
    struct ws *ws = calloc(1, sizeof *ws);
    if (!ws)
        return -1;
    ws->options = *options;
    pthread_mutex_init(&ws->lock, NULL);
    /* A stable, UUID-shaped name of the weights. */
    const char *h = options->info->sha256;
    snprintf(ws->model_id, sizeof ws->model_id, "%.8s-%.4s-%.4s-%.4s-%.12s", h, h + 8, h + 12,
             h + 16, h + 20);
    lws_set_log_level(LLL_ERR, NULL);
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .user = ws,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_VALIDATE_UTF8,
        .pt_serv_buf_size = 65536,
    };
    ws->context = lws_create_context(&info);
    ws->vhost = ws->context ? lws_create_vhost(ws->context, &info) : NULL;
    if (!ws->vhost || pthread_create(&ws->thread, NULL, serve, ws) != 0) {
        if (ws->context)
            lws_context_destroy(ws->context);
        pthread_mutex_destroy(&ws->lock);
        free(ws);
        return -1;
    }
    *ret_ws = ws;
    return 0;
}

unsigned ws_streams(struct ws *ws)
{
    return atomic_load(&ws->count);
}

void ws_go_away(struct ws *ws)
{
    atomic_store(&ws->going_away, true);
    lws_cancel_service(ws->context);
}

void ws_close(struct ws *ws)
{
    if (!ws)
        return;
    atomic_store(&ws->stopping, true);
    lws_cancel_service(ws->context);
    pthread_join(ws->thread, NULL);
    lws_context_destroy(ws->context);
    pthread_mutex_destroy(&ws->lock);
    free(ws);
}
