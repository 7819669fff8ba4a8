/* http.c - see http.h.
 *
 * A request's life: libmicrohttpd's thread reads the body into whatever its path wants (struct
 * http_service); at its end the recording goes to the engine and the connection is suspended; the
 * engine's worker makes the answer and resumes it. A watch on the socket cancels the job when the
 * client has gone, since libmicrohttpd does not look at suspended sockets. */
#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "head.h"
#include "http_pages.h"
#include "http_request.h"

#define IDLE_S            30
#define POOL_BYTES        327680 /* of a head, with 56 bytes for each of its lines and arguments */
#define SPARE_CONNECTIONS 16     /* closed, but libmicrohttpd has not forgotten them yet */

static const struct {
    const char *path;
    enum metrics_route route;
    const struct http_service *service;
    bool is_beta, is_translation;
} places[] = {
    {"/v1/audio/transcriptions", METRICS_TRANSCRIPTIONS, &http_transcribe_service, false, false},
    {"/v1/audio/translations", METRICS_TRANSCRIPTIONS, &http_transcribe_service, false, true},
    {"/v1/listen", METRICS_LISTEN, &http_listen_service, false, false},
    {"/v1/realtime/client_secrets", METRICS_REALTIME, &http_secrets_service, false, false},
    {"/v1/realtime/transcription_sessions", METRICS_REALTIME, &http_secrets_service, true, false},
};

static void gone(void *context, void *user)
{
    struct http_request *r = user;
    (void)context;
    atomic_store(&r->is_gone, true);
    if (r->service->cancel)
        r->service->cancel(r);
}

/* Who may not come in is answered when the body has been read and dropped: a client that is still
 * sending would see a reset and no answer. */
static const struct http_service denied = {.feed = http_pages_feed, .end = http_request_answer};

static void notify(void *user, struct MHD_Connection *connection, void **context,
                   enum MHD_ConnectionNotificationCode code)
{
    struct http *http = user;
    (void)connection, (void)context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED)
        atomic_fetch_sub(&http->connections, 1);
}

static enum MHD_Result begin(struct http_request *r, const char *path, const char *method)
{
    if (strcmp(method, "POST") != 0)
        return MHD_YES;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(path, places[i].path) == 0) {
            r->service = places[i].service;
            r->route = places[i].route;
            r->path = places[i].path;
            r->is_beta = places[i].is_beta;
            r->is_translation = places[i].is_translation;
            atomic_fetch_add(&r->http->busy, 1);
            const char *encoding = http_request_header(r, "Content-Encoding");
            const bool is_known = content_coding_open(&r->coding, encoding) >= 0;
            if (!is_known)
                http_request_refuse(r, 415,
                                    "the body has a Content-Encoding that is not known; "
                                    "accepted are " CONTENT_CODING_KNOWN);
            if (is_known && http_request_admit(r))
                return r->service->begin(r);
            r->service = &denied;
            return MHD_YES;
        }
    return MHD_YES;
}

struct inflating {
    struct http_request *r;
    enum MHD_Result result;
};

static bool take_inflated(void *user, const char *bytes, size_t count)
{
    struct inflating *i = user;
    i->result = i->r->is_answered ? MHD_YES : i->r->service->feed(i->r, bytes, count);
    return i->result == MHD_YES && !i->r->is_answered;
}

/* A piece of the body, to the service. */
static enum MHD_Result feed(struct http_request *r, const char *bytes, size_t count)
{
    struct inflating inflating = {r, MHD_YES};
    if (r->is_answered || r->is_spoiled || !r->coding)
        return r->is_answered || r->is_spoiled ? MHD_YES : r->service->feed(r, bytes, count);
    const char *wrong = content_coding_feed(r->coding, bytes, count, take_inflated, &inflating);
    if (!wrong)
        return inflating.result;
    http_request_refuse(r, 400, wrong);
    r->is_spoiled = true;
    return MHD_YES;
}

/* The first that is heard of a request. */
static void *open_request(void *user, const char *target, struct MHD_Connection *connection)
{
    return http_request_open(user, target, connection);
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *bytes,
                              size_t *count, void **state)
{
    struct http_request *r = *state;
    const size_t got = *count;
    char tidy[HEAD_TARGET];
    (void)user, (void)connection, (void)version;
    if (!r)
        return MHD_NO;                       /* there was no memory for it */
    snprintf(tidy, sizeof tidy, "%s", path); /* the relay has seen that it fits */
    head_tidy(tidy);
    if (!r->is_begun) {
        r->is_begun = true;
        trace_read(&r->trace, http_request_header(r, "traceparent"));
        return begin(r, tidy, method);
    }
    *count = 0;
    if (!r->service)
        return got ? http_pages_feed(r, bytes, got) : http_pages_answer(r, method, tidy);
    if (got)
        return feed(r, bytes, got);
    if (!r->is_ended) {
        r->is_ended = true;
        if (r->coding && !r->is_spoiled && !content_coding_is_whole(r->coding)) {
            http_request_refuse(r, 400, "the compressed body is cut short");
            r->is_spoiled = true;
        }
        if (r->is_spoiled)
            return http_request_answer(r);
        return r->service->end(r);
    }
    return r->service->resumed ? r->service->resumed(r) : http_request_answer(r);
}

static void completed(void *user, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct http *http = user;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    (void)code;
    if (*state)
        http_request_close(*state);
    *state = NULL;
    if (info)
        http->options.answered(http->options.user, info->connect_fd);
}

/* ---- life --------------------------------------------------------------------------------- */

int http_open(struct http **ret_http, const struct http_options *options)
{
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return -1;
    http->options = *options;
    id_of_hash(http->model_id, options->info->sha256);
    if (watch_open(&http->watch, gone, http) == 0)
        http->mhd = MHD_start_daemon(
            MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET |
                MHD_USE_ITC,
            0, NULL, NULL, handle, http, MHD_OPTION_URI_LOG_CALLBACK, open_request, http,
            MHD_OPTION_NOTIFY_COMPLETED, completed, http, MHD_OPTION_NOTIFY_CONNECTION, notify,
            http, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_LIMIT,
            (unsigned)options->max_connections + SPARE_CONNECTIONS,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_END);
    if (!http->mhd) {
        http_close(http);
        return -1;
    }
    *ret_http = http;
    return 0;
}

bool http_adopt(struct http *http, int fd, const struct sockaddr *address, socklen_t length)
{
    if (atomic_fetch_add(&http->connections, 1) >= http->options.max_connections) {
        atomic_fetch_sub(&http->connections, 1);
        close(fd);
        return false;
    }
    /* On failure libmicrohttpd has closed the socket. */
    if (MHD_add_connection(http->mhd, fd, address, length) == MHD_YES)
        return true;
    atomic_fetch_sub(&http->connections, 1);
    return false;
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
