/* session.c - see session.h. */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authorization.h"
#include "clock.h"
#include "query.h"
#include "refusal.h"
#include "secrets.h"

#define OUTBOX_BYTES (4u << 20)

int session_init(struct session *session, const struct session_kind *kind,
                 const struct session_host *host, const char *id)
{
    session->kind = kind;
    session->host = host;
    snprintf(session->id, sizeof session->id, "%s", id);
    session->idle_ms = host->quiet_ms;
    atomic_init(&session->full, false);
    atomic_init(&session->farewell, NULL);
    return outbox_init(&session->outbox, OUTBOX_BYTES);
}

static bool read_latency(uint32_t *ret_ms, const char *text, struct keys_refusal *refusal)
{
    struct field_error wrong;
    if (field_latency(ret_ms, "latency_ms", text, &wrong) == 0)
        return true;
    *refusal = (struct keys_refusal){.status = 400};
    snprintf(refusal->message, sizeof refusal->message, "%.*s", (int)sizeof refusal->message - 1,
             wrong.message);
    return false;
}

void session_key(const struct head *head, const char *query, char ret_key[AUTHORIZATION_KEY])
{
    char name[64], value[HEAD_TARGET], token[AUTHORIZATION_KEY] = "";
    while (query_next(&query, name, sizeof name, value, sizeof value))
        if (strcmp(name, "token") == 0)
            snprintf(token, sizeof token, "%.*s", AUTHORIZATION_KEY - 1, value);
    authorization_key(head->authorization, head->protocol, token, ret_key);
}

bool session_admit(struct session *session, const struct head *head, const char *query,
                   struct keys_refusal *ret_refusal)
{
    char name[64], value[256], key[AUTHORIZATION_KEY], tier[TIER_NAME_BYTES + 1] = "";
    session_key(head, query, key);
    while (query_next(&query, name, sizeof name, value, sizeof value)) {
        if (strcmp(name, "latency_ms") == 0 &&
            !read_latency(&session->latency_ms, value, ret_refusal))
            return false;
        if (strcmp(name, "tier") == 0)
            snprintf(tier, sizeof tier, "%.*s", TIER_NAME_BYTES, value);
    }
    struct keys *keys = session->host->keys;
    uint64_t owner;
    session->is_admitted =
        secrets_is_one(key) && secrets_owner(session->host->secrets, key, &owner)
            ? keys_admit_owner(keys, owner, tier, clock_now_ms(), &session->grant, ret_refusal)
            : keys_admit(keys, key, tier, true, clock_now_ms(), &session->grant, ret_refusal);
    return session->is_admitted;
}

struct request_policy session_policy(struct session *session, uint32_t depth)
{
    return (struct request_policy){.depth = depth,
                                   .tier = &session->grant.tier,
                                   .key = session->grant.key,
                                   .latency_ms = session->latency_ms,
                                   .ret_retry_s = &session->retry_s};
}

bool session_is_revoked(struct session *session)
{
    return session->is_admitted && !keys_hold(session->host->keys, &session->grant);
}

void session_refusal_retry(struct session_refusal *refusal, uint32_t retry_s)
{
    const size_t used = strlen(refusal->extra);
    if (retry_s)
        snprintf(refusal->extra + used, sizeof refusal->extra - used, "Retry-After: %u\r\n",
                 retry_s);
}

void session_finish(struct session *session)
{
    if (session->is_admitted)
        keys_release(session->host->keys, &session->grant);
    outbox_finish(&session->outbox);
}

void session_send(struct session *session, char *json)
{
    outbox_push(&session->outbox, json);
    session->host->wake(session->host->user);
}

void session_end(struct session *session, int code, const char *reason)
{
    outbox_end(&session->outbox, code, reason);
    session->host->wake(session->host->user);
}

void session_go_away(struct session *session, const char *reason)
{
    const char *none = NULL;
    atomic_compare_exchange_strong(&session->farewell, &none, reason);
    session->kind->go_away(session);
}

void session_over(struct session *session, enum engine_end end)
{
    const char *farewell = atomic_load(&session->farewell);
    if (end != ENGINE_OK)
        session_end(session, engine_end_close(end), engine_end_text(end));
    else
        session_end(session, farewell ? 1001 : 1000, farewell ? farewell : "");
}

void session_push(struct session *session, struct live *live, const void *bytes, size_t count)
{
    session->pushed = true;
    if (live_push(live, bytes, count) <= live_high_bytes(live))
        return;
    atomic_store(&session->full, true);
    /* ready() may have come before that store; it comes once. Only this thread adds bytes, so
     * what is below the mark now stays there. */
    if (live_waiting(live) < live_low_bytes(live))
        atomic_store(&session->full, false);
}

void session_heard(struct session *session, const struct result *result)
{
    const struct result_segment *segment = &result->segment;
    metrics_served(session->host->metrics, result->final ? METRICS_FINAL : METRICS_PARTIAL,
                   &segment->depth);
    if (!result->final) {
        atomic_fetch_add(&session->partials, 1);
        return;
    }
    atomic_fetch_add(&session->finals, 1);
    atomic_fetch_add(&session->words, (unsigned)segment->words_count);
    atomic_store(&session->depth, segment->depth.used);
    int_least64_t samples = atomic_load(&session->audio_samples);
    while (segment->end_samples > samples &&
           !atomic_compare_exchange_weak(&session->audio_samples, &samples, segment->end_samples))
        ;
}

void session_ready(struct session *session)
{
    atomic_store(&session->full, false);
    session->host->wake(session->host->user);
}

struct route {
    const char *path;
    struct session *(*open)(const struct session_host *, const struct head *, const char *,
                            const char *, struct session_refusal *);
};

void session_refuse(struct session_refusal *ret_refusal, const struct head *head, const char *id,
                    const struct keys_refusal *denied)
{
    const struct refusal refusal = {.status = denied->status, .message = denied->message};
    *ret_refusal = (struct session_refusal){.status = denied->status,
                                            .body = refusal_body(head->target, id, &refusal)};
    session_refusal_retry(ret_refusal, denied->retry_s);
}

/* Whatever an opener forgets: nobody comes in without having been admitted. */
static struct session *open_admitted(const struct route *route, const struct session_host *host,
                                     const struct head *head, const char *query, const char *id,
                                     struct session_refusal *ret_refusal)
{
    struct keys_refusal denied;
    struct session *session = route->open(host, head, query, id, ret_refusal);
    if (!session || session->is_admitted || session_admit(session, head, query, &denied))
        return session;
    session->kind->close(session);
    session_refuse(ret_refusal, head, id, &denied);
    return NULL;
}

struct session *session_open(const struct session_host *host, const struct head *head,
                             const char *id, struct session_refusal *ret_refusal)
{
    static const struct route routes[] = {
        {"/v1/listen", session_deepgram_open},
        {"/v2/listen", session_flux_open},
        {"/v1/realtime", session_realtime_open},
        {"/", session_vosk_open},
        {"/vosk", session_vosk_open},
    };
    const size_t length = strcspn(head->target, "?");
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strlen(routes[i].path) == length && strncmp(head->target, routes[i].path, length) == 0)
            return open_admitted(&routes[i], host, head, head->target + length, id, ret_refusal);
    char message[256];
    const struct refusal refusal = {.status = 404, .message = message, .code = "unknown_url"};
    snprintf(message, sizeof message,
             "there is no live endpoint at %.*s: use /v1/listen or /v2/listen (Deepgram), "
             "/v1/realtime (OpenAI) or / (vosk)",
             (int)(length < 100 ? length : 100), head->target);
    *ret_refusal =
        (struct session_refusal){.status = 404, .body = refusal_body(head->target, id, &refusal)};
    return NULL;
}
