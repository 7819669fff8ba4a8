/* http_pages.c - see http_pages.h. */
#include "http_pages.h"

#include "captions_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capacity.h"
#include "http_openai.h"

static void text(struct http_request *r, int status, const char *words)
{
    http_request_set(r, status, "text/plain; charset=utf-8", strdup(words));
}

/* ---- the pages ------------------------------------------------------------------------------ */

static void health(struct http_request *r, const char *path)
{
    (void)path;
    text(r, 200, "ok\n");
}

static void readiness(struct http_request *r, const char *path)
{
    const bool ready = atomic_load(r->http->options.ready);
    (void)path;
    text(r, ready ? 200 : 503, ready ? "ready\n" : "draining\n");
}

static void metrics(struct http_request *r, const char *path)
{
    const struct http_options *o = &r->http->options;
    (void)path;
    http_request_set(r, 200, "text/plain; version=0.0.4; charset=utf-8",
                     metrics_text(o->metrics, o->engine, o->info, fold_cpu_kernel()));
}

static void models(struct http_request *r, const char *path)
{
    (void)path;
    http_request_set(r, 200, "application/json", openai_models(r->http->options.catalog));
}

static void model(struct http_request *r, const char *path)
{
    struct openai_error err;
    char *body = openai_model(r->http->options.catalog, path + strlen("/v1/models/"), &err);
    if (body)
        http_request_set(r, 200, "application/json", body);
    else
        http_openai_error(r, &err);
}

/* clients/captions: "/" is its index.html, "/captions/NAME" a file beside it. */
static void captions(struct http_request *r, const char *path)
{
    const char *name = path[1] ? path + strlen("/captions/") : "index.html";
    const char *kind = strrchr(name, '.');
    struct openai_error err;
    for (size_t i = 0; i < sizeof captions_files / sizeof *captions_files; i++) {
        if (strcmp(name, captions_files[i].name) != 0)
            continue;
        http_request_set(r, 200,
                         strcmp(kind, ".html") == 0  ? "text/html; charset=utf-8"
                         : strcmp(kind, ".css") == 0 ? "text/css; charset=utf-8"
                                                     : "text/javascript; charset=utf-8",
                         strdup(captions_files[i].bytes));
        return;
    }
    openai_fail(&err, 404, "invalid_request_error", "unknown_url", NULL,
                "the captions page has no file %.100s", name);
    http_openai_error(r, &err);
}

/* As Deepgram's own servers say how they are. */
static void status(struct http_request *r, const char *path)
{
    struct engine_stats stats;
    char *body;
    (void)path;
    engine_stats(r->http->options.engine, &stats);
    const unsigned turns = metrics_conversations(r->http->options.metrics);
    if (asprintf(&body,
                 "{\"system_health\":\"%s\",\"active_batch_requests\":%u,"
                 "\"active_stream_requests\":%u,\"active_listen_v2_stream_requests\":%u}",
                 atomic_load(r->http->options.ready) ? "Healthy" : "Degraded", stats.batch_jobs,
                 stats.live_streams > turns ? stats.live_streams - turns : 0, turns) < 0)
        body = NULL;
    http_request_set(r, 200, "application/json", body);
}

static void engine_status(struct http_request *r, const char *path)
{
    (void)path;
    http_request_set(r, 200, "application/json",
                     strdup("{\"engine_connection_status\":\"Connected\"}"));
}

static void capacity(struct http_request *r, const char *path)
{
    const struct http_options *o = &r->http->options;
    struct admission_report report;
    (void)path;
    engine_report(o->engine, &report);
    http_request_set(r, 200, "application/json",
                     capacity_json(&report, o->info->name, fold_cpu_kernel()));
}

static const struct {
    const char *path; /* with a slash at its end: everything below */
    enum metrics_route route;
    void (*get)(struct http_request *r, const char *path);
    const char *name; /* in --public; NULL: it says nothing that needs a key */
} pages[] = {
    {"/", METRICS_OPS, captions, NULL},
    {"/captions/", METRICS_OPS, captions, NULL},
    {"/healthz", METRICS_OPS, health, NULL},
    {"/health", METRICS_OPS, health, NULL},
    {"/readyz", METRICS_OPS, readiness, NULL},
    {"/metrics", METRICS_OPS, metrics, "metrics"},
    {"/v1/status", METRICS_OPS, status, "status"},
    {"/v1/status/engine", METRICS_OPS, engine_status, "status"},
    {"/v1/capacity", METRICS_OPS, capacity, "capacity"},
    {"/v1/models", METRICS_MODELS, models, "models"},
    {"/v1/models/", METRICS_MODELS, model, "models"},
};
#define PAGES (sizeof pages / sizeof *pages)

static size_t find_page(const char *path)
{
    for (size_t i = 0; i < PAGES; i++) {
        const size_t length = strlen(pages[i].path);
        const bool below = length > 1 && pages[i].path[length - 1] == '/';
        if (below ? strncmp(path, pages[i].path, length) == 0 : strcmp(path, pages[i].path) == 0)
            return i;
    }
    return PAGES;
}

/* Does --public name the page, or need nobody a key? */
static bool is_public(const struct http_options *o, const char *name)
{
    const char *at = o->public_pages;
    if (!name || !keys_are_required(o->keys))
        return true;
    while (*at) {
        const size_t length = strcspn(at, ", ");
        if (strlen(name) == length && strncmp(at, name, length) == 0)
            return true;
        at += length + strspn(at + length, ", ");
    }
    return false;
}

/* ---- what is none --------------------------------------------------------------------------- */

static enum MHD_Result preflight(struct http_request *r)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (!response)
        return MHD_NO;
    const char *asked = http_request_header(r, "Access-Control-Request-Headers");
    MHD_add_response_header(response, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    MHD_add_response_header(response, "Access-Control-Allow-Headers",
                            asked ? asked : "authorization, content-type");
    MHD_add_response_header(response, "Access-Control-Max-Age", "600");
    r->status = 204;
    http_request_add_common(response, r);
    const enum MHD_Result result = MHD_queue_response(r->connection, 204, response);
    MHD_destroy_response(response);
    return result;
}

/* A path where something is to be POSTed or upgraded, or nothing is. */
static void refuse(struct http_request *r, const char *method, const char *path)
{
    static const struct {
        const char *path, *use;
    } places[] = {
        {"/v1/audio/transcriptions", "POST a form with a recording"},
        {"/v1/audio/translations", "POST a form with a recording in English"},
        {"/v1/listen", "connect with a WebSocket, or POST a recording"},
        {"/v2/listen", "connect with a WebSocket"},
        {"/v1/realtime", "connect with a WebSocket"},
    };
    struct openai_error err;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strcmp(path, places[i].path) == 0) {
            openai_fail(&err, 405, "invalid_request_error", NULL, NULL,
                        "%.20s is not what %s is for: %s", method, path, places[i].use);
            http_openai_error(r, &err);
            return;
        }
    openai_fail(&err, 404, "invalid_request_error", "unknown_url", NULL,
                "there is no %.20s %.150s here", method, path);
    http_openai_error(r, &err);
}

enum MHD_Result http_pages_feed(struct http_request *r, const char *bytes, size_t count)
{
    (void)bytes;
    return http_request_count(r, count) == HTTP_BODY_OK ? MHD_YES : MHD_NO;
}

enum MHD_Result http_pages_answer(struct http_request *r, const char *method, const char *path)
{
    const bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    const size_t page = find_page(path);
    struct openai_error err;
    if (strcmp(method, "OPTIONS") == 0)
        return preflight(r);
    if (page == PAGES) {
        refuse(r, method, path);
    } else {
        r->route = pages[page].route;
        if (is_get && !is_public(&r->http->options, pages[page].name) &&
            !http_request_is_known(r)) {
            return http_request_answer(r);
        } else if (is_get) {
            pages[page].get(r, path);
        } else {
            openai_fail(&err, 405, "invalid_request_error", NULL, NULL,
                        "%.20s is not allowed for %.80s: use GET", method, path);
            http_openai_error(r, &err);
        }
    }
    return http_request_answer(r);
}
