/* ws.c - see ws.h.
 *
 * The relay has judged the upgrade request and a session has judged path and query before
 * libwebsockets gets a socket, so every refusal is a plain HTTP answer. Workers never touch a
 * socket: what they have to say goes to the session's outbox and wakes the service thread.
 *
 * Back-pressure: while a session is full, its socket is not read. Pings wait in the socket then, so
 * "full" is far off (live_high_bytes: audio waits in a file before it waits in a socket),
 * what ends it is near, and the socket's own buffer is kept small. A client that leaves meanwhile
 * is seen by a watch, since nobody reads its end of file. */
#include "ws.h"

#include <libwebsockets.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "answer.h"
#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "refusal.h"
#include "session.h"
#include "watch.h"

#define UNREAD_MS   10000 /* for a close, and each message before it, to be read, */
#define UNREAD_MOST 60000 /* and for all of it */
#define SILENT_MS   1000  /* without audio: the session is told, again and again, */
#define SILENT_MOST 5000  /* until then */
#define NEVER       INFINITY
#define TEXTS_BYTES (256u << 20) /* of all text messages being put together */

struct stream {
    struct trace trace;
    struct ws *ws;
    struct lws *wsi;
    struct session *session;
    char *text; /* [text_room] message being put together */
    size_t text_length, text_room;
    bool paused;
    bool told_to_go;
    uint64_t watched;
    atomic_bool gone;
    /* Times of clock_now_ms; NEVER: not. */
    double begun_ms, idle_at_ms, end_at_ms;
    double pushed_ms;    /* when the last audio came */
    double silent_at_ms; /* the session is to be told that no more has come */
    double ended_ms;     /* it is to be closed since */
    double kill_at_ms;   /* it is to be closed, and its client has read too little by then */
    struct stream *next;
};

struct arrival {
    int fd;
    struct stream *stream;
    struct arrival *next;
};

struct ws {
    struct session_host host;
    uint32_t longest_ms, max_connections;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct watch *watch;
    pthread_t thread;
    atomic_bool stopping, finishing, going_away, keys_changed;
    atomic_uint count;
    pthread_mutex_t lock;
    struct arrival *arrivals; /* {lock} */
    struct stream *streams;   /* service thread only: established ones */
    size_t texts_bytes;       /* service thread only: all text_room */
};

static void wake(void *user)
{
    lws_cancel_service(((struct ws *)user)->context);
}

/* The thread that read the keys file. */
static void look_at_keys(void *user)
{
    atomic_store(&((struct ws *)user)->keys_changed, true);
    wake(user);
}

/* The watch's thread, which holds the watch's lock. */
static void gone(void *context, void *user)
{
    atomic_store(&((struct stream *)user)->gone, true);
    wake(context);
}

/* ---- adopting ----------------------------------------------------------------------------- */

static enum metrics_route route_of(const char *target)
{
    return refusal_is_deepgram(target) ? METRICS_LISTEN : METRICS_OTHER;
}

static void refuse(struct ws *ws, int fd, const struct head *head, const char *id,
                   struct session_refusal *refusal)
{
    const struct refusal full = {
        .status = refusal->status,
        .message = "too many connections, or no memory for one more: try again later"};
    if (!refusal->body)
        refusal->body = refusal_body(head->target, id, &full);
    metrics_request(ws->host.metrics, route_of(head->target), refusal->status);
    answer_send(fd, refusal->status, id, refusal->body, refusal->extra);
    free(refusal->body);
}

void ws_adopt(struct ws *ws, int fd, const struct head *head)
{
    struct session_refusal refusal = {.status = 503};
    char id[ID_BYTES];
    struct stream *s = calloc(1, sizeof *s);
    struct arrival *a = malloc(sizeof *a);
    id_make(id);
    if (s)
        trace_read(&s->trace, head->traceparent);
    if (s && a && atomic_load(&ws->count) < ws->max_connections)
        s->session = session_open(&ws->host, head, id, &refusal);
    if (!s || !a || !s->session) {
        refuse(ws, fd, head, id, &refusal);
        free(s);
        free(a);
        return;
    }
    s->ws = ws;
    s->begun_ms = clock_now_ms();
    s->kill_at_ms = NEVER;
    atomic_fetch_add(&ws->count, 1);
    pthread_mutex_lock(&ws->lock);
    *a = (struct arrival){fd, s, ws->arrivals};
    ws->arrivals = a;
    pthread_mutex_unlock(&ws->lock);
    wake(ws);
}

static void drop_text(struct stream *s)
{
    s->ws->texts_bytes -= s->text_room;
    free(s->text);
    s->text = NULL;
    s->text_length = s->text_room = 0;
}

static void drop(struct stream *s, int code)
{
    struct ws *ws = s->ws;
    if (s->watched)
        watch_remove(ws->watch, s->watched);
    for (struct stream **at = &ws->streams; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    const struct session *said = s->session;
    log_info("stream ended", log_text("id", said->id), log_word("trace", s->trace.id),
             log_text("dialect", said->kind->name), log_count("close", code),
             log_real("heard_s", (double)atomic_load(&said->audio_samples) / RESULT_RATE_HZ, 2),
             log_real("open_s", (clock_now_ms() - s->begun_ms) / 1e3, 1),
             log_count("partials", atomic_load(&said->partials)),
             log_count("finals", atomic_load(&said->finals)),
             log_count("words", atomic_load(&said->words)),
             log_count("depth", atomic_load(&said->depth)));
    metrics_stream(ws->host.metrics, code);
    s->session->kind->close(s->session);
    drop_text(s);
    free(s);
    atomic_fetch_sub(&ws->count, 1);
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

/* ---- going --------------------------------------------------------------------------------- */

static const char shutting_down[] = "the server is shutting down";

/* It ends when all that came is told. */
static void send_away(struct stream *s, const char *reason)
{
    if (!s->told_to_go)
        session_go_away(s->session, reason);
    s->told_to_go = true;
}

/* ---- time --------------------------------------------------------------------------------- */

static void set_timer(struct stream *s)
{
    const double first_ms =
        fmin(fmin(s->idle_at_ms, s->end_at_ms), fmin(s->kill_at_ms, s->silent_at_ms));
    const double left_ms = first_ms - clock_now_ms();
    lws_set_timer_usecs(s->wsi, left_ms > 0 ? 1 + (lws_usec_t)(left_ms * 1e3) : 1);
}

static void restart_idle_timer(struct stream *s)
{
    s->idle_at_ms = clock_now_ms() + s->session->idle_ms;
    set_timer(s);
}

static void restart_end_timer(struct stream *s)
{
    s->kill_at_ms = fmin(clock_now_ms() + UNREAD_MS, s->ended_ms + UNREAD_MOST);
}

static void restart_silence(struct stream *s)
{
    s->pushed_ms = clock_now_ms();
    s->silent_at_ms = s->session->kind->silent ? s->pushed_ms + SILENT_MS : NEVER;
}

static void tell_silence(struct stream *s, double now_ms)
{
    const double silent_ms = now_ms - s->pushed_ms;
    s->silent_at_ms = silent_ms < SILENT_MOST ? now_ms + SILENT_MS : NEVER;
    if (!s->paused && !s->session->finished)
        s->session->kind->silent(s->session, (uint32_t)silent_ms);
}

static void tick(struct stream *s)
{
    const double now_ms = clock_now_ms();
    if (now_ms >= s->kill_at_ms) {
        lws_set_timeout(s->wsi, 1, LWS_TO_KILL_ASYNC); /* its callback drops the stream */
        return;
    }
    if (now_ms >= s->silent_at_ms)
        tell_silence(s, now_ms);
    if (now_ms >= s->end_at_ms) {
        send_away(s, "the stream has reached the longest that is allowed");
        s->end_at_ms = NEVER;
    } else if (now_ms >= s->idle_at_ms) {
        if (!s->paused && !s->session->finished)
            s->session->kind->idle(s->session);
        restart_idle_timer(s);
    }
    set_timer(s);
}

/* ---- one stream: the service thread --------------------------------------------------------- */

static void receive_text(struct stream *s, const char *bytes, size_t count, bool last)
{
    const struct session_kind *kind = s->session->kind;
    const size_t length = s->text_length + count;
    if (length > kind->text_max) {
        session_end(s->session, 1009, "a text message is longer than this endpoint takes");
        return;
    }
    if (length + 1 > s->text_room) {
        const size_t room = length + 1 < 4096 ? 4096 : 2 * (length + 1);
        char *text = s->ws->texts_bytes + room <= TEXTS_BYTES ? realloc(s->text, room) : NULL;
        if (!text) {
            session_end(s->session, 1013, "no memory for so long a message now");
            return;
        }
        s->ws->texts_bytes += room - s->text_room;
        s->text = text;
        s->text_room = room;
    }
    memcpy(s->text + s->text_length, bytes, count);
    s->text_length = length;
    if (!last)
        return;
    s->text[length] = '\0';
    kind->text(s->session, s->text, length);
    s->text_length = 0;
    if (s->text_room > 65536)
        drop_text(s);
}

static void receive(struct stream *s, const void *bytes, size_t count)
{
    const bool last = lws_is_final_fragment(s->wsi) && !lws_remaining_packet_payload(s->wsi);
    if (lws_frame_is_binary(s->wsi))
        s->session->kind->binary(s->session, bytes, count, last);
    else
        receive_text(s, bytes, count, last);
    if (s->session->pushed)
        restart_silence(s);
    s->session->pushed = false;
    restart_idle_timer(s);
    if (!outbox_is_empty(&s->session->outbox))
        lws_callback_on_writable(s->wsi);
    if (atomic_load(&s->session->full)) {
        s->paused = true;
        lws_rx_flow_control(s->wsi, 0);
        s->watched = watch_add(s->ws->watch, lws_get_socket_fd(s->wsi), s);
    }
}

static void read_on(struct stream *s)
{
    s->paused = false;
    if (s->watched)
        watch_remove(s->ws->watch, s->watched);
    s->watched = 0;
    lws_rx_flow_control(s->wsi, 1);
    restart_silence(s);
    restart_idle_timer(s);
}

/* Sends one message, or closes. Returns what the callback shall return. */
static int send_next(struct stream *s)
{
    int code;
    const char *why = NULL;
    char *text = outbox_pop(&s->session->outbox, &code, &why);
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
        if (s->kill_at_ms != NEVER)
            restart_end_timer(s);
        if (!outbox_is_empty(&s->session->outbox))
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
static void look_round(struct ws *ws)
{
    adopt_arrivals(ws);
    const bool finish = atomic_load(&ws->finishing);
    const bool leave = atomic_load(&ws->going_away);
    const bool keys_changed = atomic_exchange(&ws->keys_changed, false);
    for (struct stream *s = ws->streams, *next; s; s = next) {
        next = s->next;
        if (atomic_load(&s->gone)) {
            lws_set_timeout(s->wsi, 1, LWS_TO_KILL_SYNC); /* its callback drops the stream */
            continue;
        }
        if (leave)
            outbox_end(&s->session->outbox, 1001, shutting_down);
        else if (finish)
            send_away(s, shutting_down);
        if (keys_changed && session_is_revoked(s->session))
            outbox_end(&s->session->outbox, 1008, "the API key is not known here any more");
        if (s->paused && !atomic_load(&s->session->full))
            read_on(s);
        if (s->kill_at_ms == NEVER && outbox_is_ended(&s->session->outbox)) {
            s->ended_ms = clock_now_ms();
            restart_end_timer(s);
            set_timer(s);
        }
        if (!outbox_is_empty(&s->session->outbox))
            lws_callback_on_writable(s->wsi);
    }
}

static int add_request_id(struct lws *wsi, const struct stream *s,
                          struct lws_process_html_args *args)
{
    static const char *const names[] = {"dg-request-id:", "x-request-id:"};
    const char *id = s->session->id;
    unsigned char *at = (unsigned char *)args->p;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (lws_add_http_header_by_name(wsi, (const unsigned char *)names[i],
                                        (const unsigned char *)id, (int)strlen(id), &at,
                                        (unsigned char *)args->p + args->max_len))
            return -1;
    args->p = (char *)at;
    return 0;
}

static void established(struct stream *s)
{
    struct ws *ws = s->ws;
    s->next = ws->streams;
    ws->streams = s;
    metrics_request(ws->host.metrics, s->session->kind->route, 101);
    log_info("stream opened", log_text("id", s->session->id), log_word("trace", s->trace.id),
             log_text("dialect", s->session->kind->name));
    s->end_at_ms = clock_now_ms() + ws->longest_ms;
    s->silent_at_ms = NEVER; /* until there was audio */
    restart_idle_timer(s);
    if (atomic_load(&ws->finishing)) /* the round that told the others was before it */
        send_away(s, shutting_down);
    if (!outbox_is_empty(&s->session->outbox))
        lws_callback_on_writable(s->wsi);
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
        look_round(ws);
        return 0;
    case LWS_CALLBACK_ADD_HEADERS:
        return s ? add_request_id(wsi, s, in) : 0;
    case LWS_CALLBACK_ESTABLISHED:
        if (!s)
            return -1;
        established(s);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        if (!s)
            return -1;
        receive(s, in, length);
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
    {.name = "realtime", .callback = callback, .rx_buffer_size = 65536},
    {0},
};

static void *serve(void *user)
{
    struct ws *ws = user;
    while (!atomic_load(&ws->stopping) && lws_service(ws->context, 0) >= 0)
        ;
    return NULL;
}

static int open_context(struct ws *ws)
{
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
    return ws->vhost ? 0 : -1;
}

const char *ws_protocol(const struct head *head)
{
    const size_t length = strcspn(head->protocol, ", \t");
    for (size_t i = 0; protocols[i].name; i++)
        if (strlen(protocols[i].name) == length &&
            strncmp(protocols[i].name, head->protocol, length) == 0)
            return protocols[i].name;
    return NULL;
}

int ws_open(struct ws **ret_ws, const struct ws_options *options)
{
    struct ws *ws = calloc(1, sizeof *ws);
    if (!ws || pthread_mutex_init(&ws->lock, NULL) != 0) {
        free(ws);
        return -1;
    }
    ws->host = (struct session_host){.engine = options->engine,
                                     .catalog = options->catalog,
                                     .keys = options->keys,
                                     .secrets = options->secrets,
                                     .metrics = options->metrics,
                                     .info = options->info,
                                     .idle_ms = options->idle_ms,
                                     .quiet_ms = options->quiet_ms,
                                     .wake = wake,
                                     .user = ws};
    ws->longest_ms = options->longest_ms;
    ws->max_connections = options->max_connections;
    id_of_hash(ws->host.model_id, options->info->sha256);
    if (open_context(ws) != 0 || watch_open(&ws->watch, gone, ws) != 0 ||
        pthread_create(&ws->thread, NULL, serve, ws) != 0) {
        watch_close(ws->watch);
        if (ws->context)
            lws_context_destroy(ws->context);
        pthread_mutex_destroy(&ws->lock);
        free(ws);
        return -1;
    }
    keys_on_change(options->keys, look_at_keys, ws);
    *ret_ws = ws;
    return 0;
}

unsigned ws_streams(struct ws *ws)
{
    return atomic_load(&ws->count);
}

void ws_finish(struct ws *ws)
{
    atomic_store(&ws->finishing, true);
    wake(ws);
}

void ws_go_away(struct ws *ws)
{
    atomic_store(&ws->finishing, true);
    atomic_store(&ws->going_away, true);
    wake(ws);
}

void ws_close(struct ws *ws)
{
    if (!ws)
        return;
    keys_on_change(ws->host.keys, NULL, NULL);
    atomic_store(&ws->stopping, true);
    wake(ws);
    pthread_join(ws->thread, NULL);
    lws_context_destroy(ws->context);
    watch_close(ws->watch);
    pthread_mutex_destroy(&ws->lock);
    free(ws);
}
