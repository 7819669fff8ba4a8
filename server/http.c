/* http.c - see http.h.
 *
 * A request's life: libmicrohttpd's thread reads the body into an upload; at its end the spool
 * file goes to the engine and the connection is suspended; the engine's worker makes the answer
 * in done() and resumes it. A watch on the socket cancels the job when the client has gone, since
 * libmicrohttpd does not look at suspended sockets. */
#include "http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "id.h"
#include "log.h"
#include "metrics.h"
#include "router.h"
#include "upload.h"
#include "watch.h"

#define IDLE_S          30
#define PATIENCE_MS     20000 /* an upload this old must have come at the rate below */
#define LEAST_BYTES_A_S 500

struct http {
    struct http_options options;
    struct MHD_Daemon *mhd;
    struct watch *watch;
    atomic_uint busy;
};

/* One request. Owned by libmicrohttpd's thread, but for what done() writes before it resumes. */
struct request {
    struct http *http;
    struct MHD_Connection *connection;
    struct MHD_PostProcessor *form;
    struct upload upload;
    char id[ID_BYTES];
    enum metrics_route route;
    bool is_upload, is_posted;
    struct timespec began, received;
    uint64_t watched;
    /* The answer. */
    int status;
    char *body;
    const char *type;
    char depth[96];
};

static double ms_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) * 1e3 + (double)(now.tv_nsec - then->tv_nsec) / 1e6;
}

/* ---- answers ------------------------------------------------------------------------------- */

static void add_common(struct MHD_Response *response, const struct request *r)
{
    MHD_add_response_header(response, "x-request-id", r->id);
    MHD_add_response_header(response, "Access-Control-Allow-Origin", "*");
    MHD_add_response_header(response, "Access-Control-Expose-Headers",
                            "x-request-id, x-depth, retry-after");
    if (r->depth[0])
        MHD_add_response_header(response, "x-depth", r->depth);
    if (r->status == 429 || r->status == 503)
        MHD_add_response_header(response, "Retry-After", "1");
}

/* Sends r->body (taken) as r->type. */
static enum MHD_Result answer(struct request *r)
{
    static char memory[] = "{\"error\":{\"message\":\"out of "
                           "memory\",\"type\":\"server_error\",\"param\":null,\"code\":null}}";
    if (!r->body) {
        r->status = 500;
        r->type = "application/json";
    }
    struct MHD_Response *response =
        r->body ? MHD_create_response_from_buffer(strlen(r->body), r->body, MHD_RESPMEM_MUST_FREE)
                : MHD_create_response_from_buffer(strlen(memory), memory, MHD_RESPMEM_PERSISTENT);
    r->body = NULL;
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", r->type);
    add_common(response, r);
    metrics_request(r->route, r->status);
    const enum MHD_Result result = MHD_queue_response(r->connection, (unsigned)r->status, response);
    MHD_destroy_response(response);
    return result;
}

static void set_answer(struct request *r, int status, const char *type, char *body)
{
    free(r->body);
    r->status = status;
    r->type = type;
    r->body = body;
}

static void set_error(struct request *r, const struct openai_error *err)
{
    set_answer(r, err->status, "application/json", openai_error_body(err));
}

/* ---- transcription -------------------------------------------------------------------------- */

/* The engine's worker: makes the answer and hands the connection back. */
static void done(void *user, const struct engine_result *result)
{
    struct request *r = user;
    if (result->end == ENGINE_OK) {
        const char *type;
        char *body = openai_response(&r->upload.request, result->transcript, &type);
        openai_depth_header(&result->transcript->depth, r->depth, sizeof r->depth);
        set_answer(r, 200, type, body);
        log_info("transcribed",
                 "id=%s audio_s=%.2f depth=%u queue_ms=%.0f compute_ms=%.0f total_ms=%.0f", r->id,
                 (double)result->transcript->duration_samples / UPDATE_RATE_HZ,
                 result->transcript->depth.used, result->queue_ms, result->compute_ms,
                 ms_since(&r->received));
        metrics_batch(ms_since(&r->received), result->queue_ms);
    } else {
        struct openai_error err;
        const int status = engine_end_http(result->end);
        openai_fail(&err, status, engine_end_type(result->end), NULL,
                    status == 400 || status == 413 ? "file" : NULL, "%s%s%s",
                    engine_end_text(result->end), result->detail ? ": " : "",
                    result->detail ? result->detail : "");
        set_error(r, &err);
        log_info("not transcribed", "id=%s reason=\"%s\"", r->id, err.message);
    }
    /* From here on the connection's thread may free r. */
    MHD_resume_connection(r->connection);
}

static void gone(void *context, void *user)
{
    const struct http *http = context;
    engine_batch_cancel(http->options.engine, user);
}

/* Hands the upload to the engine and suspends the connection, or answers with an error at once. */
static enum MHD_Result start_job(struct request *r)
{
    struct http *http = r->http;
    struct upload *u = &r->upload;
    struct openai_error err;
    clock_gettime(CLOCK_MONOTONIC, &r->received);
    if (upload_end(u) != 0 ||
        openai_request_check(&u->request, &http->options.catalog, &u->error) != 0) {
        set_error(r, &u->error);
        return answer(r);
    }
    struct fold_hotword hotwords[OPENAI_BOOSTS];
    for (size_t i = 0; i < u->request.boosts_count; i++)
        hotwords[i] = (struct fold_hotword){u->request.boosts[i], 4.0f};
    const struct engine_batch_options options = {.depth = u->request.depth,
                                                 .hotwords = hotwords,
                                                 .hotwords_count = u->request.boosts_count,
                                                 .done = done,
                                                 .user = r};
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    /* done() may come at once, from another thread: suspend first, start last. */
    MHD_suspend_connection(r->connection);
    r->watched = info ? watch_add(http->watch, info->connect_fd, r) : 0;
    const int fd = u->fd;
    u->fd = -1;
    struct engine_batch *job;
    const enum engine_end end = engine_batch_start(http->options.engine, fd, &options, &job);
    if (end == ENGINE_OK)
        return MHD_YES;
    openai_fail(&err, engine_end_http(end), engine_end_type(end),
                end == ENGINE_BUSY ? "rate_limit_exceeded" : NULL, NULL, "%s",
                engine_end_text(end));
    set_error(r, &err);
    MHD_resume_connection(r->connection);
    return MHD_YES;
}

static enum MHD_Result on_part(void *user, enum MHD_ValueKind kind, const char *name,
                               const char *filename, const char *type, const char *encoding,
                               const char *bytes, uint64_t offset, size_t count)
{
    struct request *r = user;
    (void)kind, (void)type, (void)encoding;
    return upload_part(&r->upload, name, filename, bytes, offset, count) == 0 ? MHD_YES : MHD_NO;
}

/* A body that will be larger by more than this than is allowed is refused unread. */
#define READ_AND_DROPPED (64u << 20)

static bool is_hopeless(struct request *r)
{
    const char *length =
        MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Content-Length");
    return length && strtoull(length, NULL, 10) > r->upload.max_bytes + READ_AND_DROPPED;
}

static enum MHD_Result begin_upload(struct request *r)
{
    struct openai_error err;
    upload_init(&r->upload, r->http->options.spool, r->http->options.max_upload_bytes);
    r->is_upload = true;
    atomic_fetch_add(&r->http->busy, 1);
    if (is_hopeless(r)) {
        upload_count(&r->upload, r->upload.max_bytes + 1);
        set_error(r, &r->upload.error);
        return answer(r);
    }
    const char *type = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "Content-Type");
    if (type && strncasecmp(type, "multipart/form-data", 19) == 0)
        r->form = MHD_create_post_processor(r->connection, 65536, on_part, r);
    if (!r->form) {
        openai_fail(
            &err, 400, "invalid_request_error", NULL, NULL,
            "the body must be multipart/form-data with a boundary, with parts 'file' and 'model'");
        r->upload.error = err;
    }
    return MHD_YES;
}

static enum MHD_Result feed_upload(struct request *r, const char *bytes, size_t *count)
{
    struct upload *u = &r->upload;
    const double age_ms = ms_since(&r->began);
    if (upload_count(u, *count) == 0 && r->form) {
        if (MHD_post_process(r->form, bytes, *count) != MHD_YES && !u->error.status)
            openai_fail(&u->error, 400, "invalid_request_error", NULL, NULL,
                        "the multipart body is malformed");
        if (age_ms > PATIENCE_MS && (double)u->bytes < age_ms / 1000 * LEAST_BYTES_A_S)
            openai_fail(&u->error, 408, "invalid_request_error", NULL, NULL,
                        "the upload comes too slowly");
    }
    /* What follows an error is read and dropped, so that the client gets the answer and not a
     * reset; but not for ever. */
    *count = 0;
    return u->bytes > u->max_bytes + READ_AND_DROPPED || u->error.status == 408 ? MHD_NO : MHD_YES;
}

static enum MHD_Result end_upload(struct request *r)
{
    if (r->form) {
        const enum MHD_Result whole = MHD_destroy_post_processor(r->form);
        r->form = NULL;
        if (whole != MHD_YES && !r->upload.error.status)
            openai_fail(&r->upload.error, 400, "invalid_request_error", NULL, NULL,
                        "the multipart body is cut short: its closing boundary is missing");
    }
    r->is_posted = true;
    if (!r->upload.error.status)
        return start_job(r);
    set_error(r, &r->upload.error);
    return answer(r);
}

/* ---- routes -------------------------------------------------------------------------------- */

static void text_answer(struct request *r, int status, const char *text)
{
    set_answer(r, status, "text/plain; charset=utf-8", strdup(text));
}

static void route_get(struct request *r, const char *path)
{
    struct http *http = r->http;
    const struct http_options *o = &http->options;
    struct openai_error err;
    if (strcmp(path, "/healthz") == 0 || strcmp(path, "/health") == 0) {
        text_answer(r, 200, "ok\n");
    } else if (strcmp(path, "/readyz") == 0) {
        if (atomic_load(o->ready))
            text_answer(r, 200, "ready\n");
        else
            text_answer(r, 503, "draining\n");
    } else if (strcmp(path, "/metrics") == 0) {
        set_answer(r, 200, "text/plain; version=0.0.4; charset=utf-8",
                   metrics_text(o->engine, o->info, fold_cpu_kernel()));
    } else if (strcmp(path, "/v1/models") == 0) {
        set_answer(r, 200, "application/json", openai_models(&o->catalog));
    } else {
        char *body = openai_model(&o->catalog, path + strlen("/v1/models/"), &err);
        if (body)
            set_answer(r, 200, "application/json", body);
        else
            set_error(r, &err);
    }
}

static bool is_path_of_get(const char *path, enum metrics_route *ret_route)
{
    static const char *const ops[] = {"/healthz", "/health", "/readyz", "/metrics"};
    *ret_route = METRICS_OPS;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(path, ops[i]) == 0)
            return true;
    *ret_route = METRICS_MODELS;
    return strcmp(path, "/v1/models") == 0 || strncmp(path, "/v1/models/", 11) == 0;
}

static enum MHD_Result route(struct request *r, const char *method, const char *path)
{
    struct openai_error err;
    const bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (strcmp(method, "OPTIONS") == 0) {
        struct MHD_Response *response =
            MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        if (!response)
            return MHD_NO;
        const char *asked = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
                                                        "Access-Control-Request-Headers");
        MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
        MHD_add_response_header(response, "Access-Control-Allow-Headers",
                                asked ? asked : "authorization, content-type");
        MHD_add_response_header(response, "Access-Control-Max-Age", "600");
        r->status = 204;
        add_common(response, r);
        const enum MHD_Result result = MHD_queue_response(r->connection, 204, response);
        MHD_destroy_response(response);
        return result;
    }
    if (is_path_of_get(path, &r->route)) {
        if (is_get) {
            route_get(r, path);
        } else {
            openai_fail(&err, 405, "invalid_request_error", NULL, NULL,
                        "%.20s is not allowed for %.80s: use GET", method, path);
            set_error(r, &err);
        }
        return answer(r);
    }
    r->route = METRICS_OTHER;
    if (strcmp(path, "/v1/audio/transcriptions") == 0) {
        r->route = METRICS_TRANSCRIPTIONS;
        openai_fail(&err, 405, "invalid_request_error", NULL, NULL,
                    "%.20s is not allowed for %s: use POST", method, path);
    } else if (strcmp(path, "/v1/audio/translations") == 0) {
        openai_fail(&err, 404, "invalid_request_error", NULL, NULL,
                    "this server transcribes English and does not translate");
    } else if (strcmp(path, "/v1/listen") == 0) {
        r->route = METRICS_LISTEN;
        openai_fail(&err, 400, "invalid_request_error", NULL, NULL,
                    "/v1/listen is live only: connect with a WebSocket, or POST a file to "
                    "/v1/audio/transcriptions");
    } else {
        openai_fail(&err, 404, "invalid_request_error", "unknown_url", NULL,
                    "there is no %.20s %.150s here", method, path);
    }
    set_error(r, &err);
    return answer(r);
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *bytes,
                              size_t *count, void **state)
{
    struct http *http = user;
    struct request *r = *state;
    (void)version;
    if (!r) {
        *state = r = calloc(1, sizeof *r);
        if (!r)
            return MHD_NO;
        r->http = http;
        r->connection = connection;
        id_make(r->id);
        clock_gettime(CLOCK_MONOTONIC, &r->began);
        if (strcmp(method, "POST") == 0 && strcmp(path, "/v1/audio/transcriptions") == 0) {
            r->route = METRICS_TRANSCRIPTIONS;
            return begin_upload(r);
        }
        return MHD_YES;
    }
    if (r->is_upload) {
        if (*count)
            return feed_upload(r, bytes, count);
        if (!r->is_posted)
            return end_upload(r);
        if (r->watched)
            watch_remove(http->watch, r->watched);
        r->watched = 0;
        return answer(r);
    }
    if (*count) { /* a body that nobody asked for */
        *count = 0;
        return MHD_YES;
    }
    return route(r, method, path);
}

static void completed(void *user, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct http *http = user;
    struct request *r = *state;
    (void)connection, (void)code;
    if (!r)
        return;
    if (r->watched)
        watch_remove(http->watch, r->watched);
    if (r->form)
        MHD_destroy_post_processor(r->form);
    if (r->is_upload) {
        upload_finish(&r->upload);
        atomic_fetch_sub(&http->busy, 1);
    }
    free(r->body);
    free(r);
    *state = NULL;
}

/* ---- life --------------------------------------------------------------------------------- */

int http_open(struct http **ret_http, const struct http_options *options)
{
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return -1;
    http->options = *options;
    if (watch_open(&http->watch, gone, http) == 0)
        http->mhd =
            MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                                 MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC,
                             0, NULL, NULL, handle, http, MHD_OPTION_NOTIFY_COMPLETED, completed,
                             http, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
                             MHD_OPTION_CONNECTION_LIMIT, (unsigned)options->max_connections,
                             MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)131072, MHD_OPTION_END);
    if (!http->mhd) {
        http_close(http);
        return -1;
    }
    *ret_http = http;
    return 0;
}

void http_adopt(struct http *http, int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (getpeername(fd, (struct sockaddr *)&address, &length) != 0) {
        close(fd);
        return;
    }
    /* On failure libmicrohttpd has closed the socket. */
    MHD_add_connection(http->mhd, fd, (struct sockaddr *)&address, length);
}

unsigned http_busy(struct http *http)
{
    return atomic_load(&http->busy);
}

void http_close(struct http *http)
{
    if (!http)
        return;
    if (http->mhd)
        MHD_stop_daemon(http->mhd);
    watch_close(http->watch);
    free(http);
}
