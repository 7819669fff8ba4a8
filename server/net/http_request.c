/* http_request.c - see http_request.h. */
#include "http_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authorization.h"
#include "clock.h"
#include "origins.h"
#include "query.h"
#include "refusal.h"

#define PATIENCE_MS      20000 /* a body this old must have come at the rate below */
#define LEAST_BYTES_A_S  500
#define READ_AND_DROPPED (64u << 20) /* beyond what is allowed */

struct http_request *http_request_open(struct http *http, const char *target,
                                       struct MHD_Connection *connection)
{
    struct http_request *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->http = http;
    snprintf(r->query, sizeof r->query, "%s", query_of(target));
    r->connection = connection;
    r->route = METRICS_OTHER;
    id_make(r->id);
    r->began_ms = clock_now_ms();
    return r;
}

void http_request_close(struct http_request *r)
{
    http_request_unwatch(r);
    if (r->service) {
        if (r->service->finish)
            r->service->finish(r);
        atomic_fetch_sub(&r->http->busy, 1);
    }
    content_coding_close(r->coding);
    free(r->body);
    free(r);
}

const char *http_request_header(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

void http_request_set(struct http_request *r, int status, const char *type, char *body)
{
    free(r->body);
    r->status = status;
    r->type = type;
    r->body = body;
}

void http_request_add_common(struct MHD_Response *response, const struct http_request *r)
{
    MHD_add_response_header(response, "x-request-id", r->id);
    const char *allowed = origins_allow(r->http->options.origins, http_request_header(r, "Origin"));
    if (allowed)
        MHD_add_response_header(response, "Access-Control-Allow-Origin", allowed);
    MHD_add_response_header(response, "Vary", "Origin");
    if (!atomic_load(r->http->options.ready))
        MHD_add_response_header(response, "Connection", "close"); /* draining: come no more */
    MHD_add_response_header(
        response, "Access-Control-Expose-Headers",
        "x-request-id, x-depth, x-warnings, retry-after, dg-request-id, dg-error");
    if (r->depth[0])
        MHD_add_response_header(response, "x-depth", r->depth);
    if (r->warnings[0])
        MHD_add_response_header(response, "x-warnings", r->warnings);
    if (r->route == METRICS_LISTEN)
        MHD_add_response_header(response, "dg-request-id", r->id);
    if (r->dg_error[0])
        MHD_add_response_header(response, "dg-error", r->dg_error);
    if (r->status == 401)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"foldscribe\"");
    if (r->status == 415)
        MHD_add_response_header(response, "Accept-Encoding", CONTENT_CODING_KNOWN);
    if (r->status == 429 || r->status == 503) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", r->status == 503 ? 1 : r->retry_s);
        if (r->status == 503 || r->retry_s)
            MHD_add_response_header(response, "Retry-After", seconds);
    }
}

/* param: of a 400. */
static void set_denied(struct http_request *r, const struct keys_refusal *denied, const char *param)
{
    const struct refusal refusal = {.status = denied->status,
                                    .message = denied->message,
                                    .param = denied->status == 400 ? param : NULL};
    if (refusal_is_deepgram(r->path))
        snprintf(r->dg_error, sizeof r->dg_error, "%s", denied->message);
    http_request_set(r, denied->status, "application/json", refusal_body(r->path, r->id, &refusal));
    r->retry_s = denied->retry_s;
}

void http_request_refuse(struct http_request *r, int status, const char *message)
{
    struct keys_refusal refusal = {.status = status};
    snprintf(refusal.message, sizeof refusal.message, "%s", message);
    set_denied(r, &refusal, NULL);
}

bool http_request_is_known(struct http_request *r)
{
    struct keys_refusal denied;
    char key[AUTHORIZATION_KEY];
    authorization_key(http_request_header(r, "Authorization"), NULL, NULL, key);
    if (keys_know(r->http->options.keys, key, &denied))
        return true;
    set_denied(r, &denied, NULL);
    return false;
}

bool http_request_admit(struct http_request *r)
{
    struct keys_refusal denied;
    char key[AUTHORIZATION_KEY];
    authorization_key(http_request_header(r, "Authorization"), NULL, NULL, key);
    if (keys_admit(r->http->options.keys, key, NULL, false, clock_now_ms(), &r->grant, &denied))
        return true;
    set_denied(r, &denied, "tier");
    return false;
}

bool http_request_policy(struct http_request *r, uint32_t depth, uint32_t latency_ms,
                         const char *tier, struct request_policy *ret_policy)
{
    struct keys_refusal denied;
    if (!keys_exchange(r->http->options.keys, &r->grant, tier, &denied)) {
        set_denied(r, &denied, "tier");
        return false;
    }
    *ret_policy = (struct request_policy){.depth = depth,
                                          .tier = &r->grant.tier,
                                          .key = r->grant.key,
                                          .latency_ms = latency_ms,
                                          .ret_retry_s = &r->retry_s};
    return true;
}

enum MHD_Result http_request_answer(struct http_request *r)
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
    r->is_answered = true;
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", r->type);
    http_request_add_common(response, r);
    metrics_request(r->http->options.metrics, r->route, r->status);
    const enum MHD_Result result = MHD_queue_response(r->connection, (unsigned)r->status, response);
    MHD_destroy_response(response);
    return result;
}

/* libmicrohttpd takes no answer while a body comes: the relay has it. */
static void give_up(struct http_request *r, int status, const char *problem)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info)
        r->http->options.gave_up(r->http->options.user, info->connect_fd, status, problem);
}

enum http_body http_request_count(struct http_request *r, size_t count)
{
    const uint64_t most = r->http->options.max_upload_bytes;
    const double age_ms = clock_now_ms() - r->began_ms;
    r->body_bytes += count;
    if (r->body_bytes > most + READ_AND_DROPPED) {
        char problem[80];
        snprintf(problem, sizeof problem, "the upload is larger than %llu MB",
                 (unsigned long long)(most / 1000000));
        give_up(r, 413, problem);
        return HTTP_BODY_HOPELESS;
    }
    if (r->body_bytes > most)
        return HTTP_BODY_TOO_LARGE;
    if (age_ms > PATIENCE_MS && (double)r->body_bytes < age_ms / 1000 * LEAST_BYTES_A_S) {
        give_up(r, 408, "the body did not come in time");
        return HTTP_BODY_TOO_SLOW;
    }
    return HTTP_BODY_OK;
}

bool http_request_is_hopeless(const struct http_request *r)
{
    const char *length = http_request_header(r, "Content-Length");
    return length &&
           strtoull(length, NULL, 10) > r->http->options.max_upload_bytes + READ_AND_DROPPED;
}

void http_request_suspend(struct http_request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    MHD_suspend_connection(r->connection);
    r->watched = info ? watch_add(r->http->watch, info->connect_fd, r) : 0;
}

void http_request_unwatch(struct http_request *r)
{
    if (r->watched)
        watch_remove(r->http->watch, r->watched);
    r->watched = 0;
}
