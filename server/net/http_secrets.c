/* http_secrets.c - POST /v1/realtime/client_secrets, and the beta's transcription_sessions: a
 * short-lived key that a browser may hold, with the settings of the session it opens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_openai.h"
#include "http_request.h"
#include "realtime_say.h"
#include "secrets.h"

#define BODY_MAX 65536

struct work {
    char *body; /* [BODY_MAX + 1] */
    size_t length;
};

static enum MHD_Result begin(struct http_request *r)
{
    struct work *w = r->work = calloc(1, sizeof *w);
    if (w)
        w->body = malloc(BODY_MAX + 1);
    return w && w->body ? MHD_YES : MHD_NO;
}

static enum MHD_Result feed(struct http_request *r, const char *bytes, size_t count)
{
    struct work *w = r->work;
    const enum http_body allowed = http_request_count(r, count);
    if (allowed == HTTP_BODY_TOO_SLOW || allowed == HTTP_BODY_HOPELESS)
        return MHD_NO;
    const size_t room = BODY_MAX + 1 - w->length; /* one byte more says that it is too long */
    const size_t now = count < room ? count : room;
    memcpy(w->body + w->length, bytes, now);
    w->length += now;
    return MHD_YES;
}

static int issue(struct http_request *r, struct realtime_config *config, struct openai_error *err)
{
    const struct work *w = r->work;
    char value[SECRETS_VALUE], session_id[ID_BYTES + 8], id[ID_BYTES];
    struct realtime_error wrong;
    uint32_t seconds;
    int64_t expires_at_s;
    if (w->length > BODY_MAX)
        return openai_fail(err, 413, "invalid_request_error", NULL, NULL,
                           "the body is longer than %d bytes", BODY_MAX);
    if (realtime_secret(config, w->body, w->length, config->beta, &seconds, &wrong) != 0)
        return openai_fail(err, 400, "invalid_request_error", wrong.code,
                           *wrong.param ? wrong.param : NULL, "%s", wrong.message);
    if (secrets_issue(r->http->options.secrets, config, r->grant.key, seconds, value,
                      &expires_at_s) != 0)
        return openai_fail(err, 429, "rate_limit_error", "rate_limit_exceeded", NULL,
                           "too many ephemeral keys are alive: wait until some have expired");
    id_make(id);
    snprintf(session_id, sizeof session_id, "sess_%.8s%.4s%.4s", id, id + 9, id + 14);
    http_request_set(r, 200, "application/json",
                     realtime_say_secret(config, session_id, value, expires_at_s));
    return 0;
}

static enum MHD_Result end(struct http_request *r)
{
    struct realtime_config config;
    struct openai_error err;
    realtime_config_init(&config, r->http->options.catalog);
    config.beta = r->is_beta;
    if (issue(r, &config, &err) != 0)
        http_openai_error(r, &err);
    realtime_config_finish(&config);
    return http_request_answer(r);
}

static void finish(struct http_request *r)
{
    struct work *w = r->work;
    if (w)
        free(w->body);
    free(w);
}

const struct http_service http_secrets_service = {
    .begin = begin, .feed = feed, .end = end, .finish = finish};
