/* session.c - see session.h. */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openai.h"

#define OUTBOX_BYTES (4u << 20)

void session_init(struct session *session, const struct session_kind *kind,
                  const struct session_host *host, const char *id)
{
    session->kind = kind;
    session->host = host;
    snprintf(session->id, sizeof session->id, "%s", id);
    session->idle_ms = host->quiet_ms;
    atomic_init(&session->full, false);
    outbox_init(&session->outbox, OUTBOX_BYTES);
}

void session_finish(struct session *session)
{
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

void session_push(struct session *session, struct engine_live *live, const void *bytes,
                  size_t count)
{
    if (engine_live_push(live, bytes, count) <= engine_live_high_bytes(live))
        return;
    atomic_store(&session->full, true);
    /* ready() may have come before that store; it comes once. Only this thread adds bytes, so
     * what is below the mark now stays there. */
    if (engine_live_waiting(live) < engine_live_high_bytes(live) / 2)
        atomic_store(&session->full, false);
}

void session_heard(struct session *session, const struct update *update)
{
    const struct update_span *span = &update->span;
    metrics_served(update->final ? METRICS_FINAL : METRICS_PARTIAL, &span->depth);
    if (!update->final) {
        atomic_fetch_add(&session->partials, 1);
        return;
    }
    atomic_fetch_add(&session->finals, 1);
    atomic_fetch_add(&session->words, (unsigned)span->words_count);
    atomic_store(&session->depth, span->depth.used);
    int_least64_t samples = atomic_load(&session->audio_samples);
    while (span->end_samples > samples &&
           !atomic_compare_exchange_weak(&session->audio_samples, &samples, span->end_samples))
        ;
}

void session_ready(struct session *session)
{
    atomic_store(&session->full, false);
    session->host->wake(session->host->user);
}

struct session *session_open(const struct session_host *host, const struct head *head,
                             const char *id, struct session_refusal *ret_refusal)
{
    static const struct {
        const char *path;
        struct session *(*open)(const struct session_host *, const struct head *, const char *,
                                const char *, struct session_refusal *);
    } places[] = {
        {"/v1/listen", session_deepgram_open},
        {"/v1/realtime", session_realtime_open},
        {"/", session_vosk_open},
        {"/vosk", session_vosk_open},
    };
    const size_t length = strcspn(head->target, "?");
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        if (strlen(places[i].path) == length && strncmp(head->target, places[i].path, length) == 0)
            return places[i].open(host, head, head->target + length, id, ret_refusal);
    struct openai_error err;
    openai_fail(&err, 404, "invalid_request_error", "unknown_url", NULL,
                "there is no live endpoint at %.*s: use /v1/listen (Deepgram), /v1/realtime "
                "(OpenAI) or / (vosk)",
                (int)(length < 100 ? length : 100), head->target);
    *ret_refusal = (struct session_refusal){.status = 404, .body = openai_error_body(&err)};
    return NULL;
}
