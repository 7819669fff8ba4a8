/* session_realtime.c - a live session in OpenAI's Realtime dialect, for transcription.
 *
 * What is said between two pauses, or two commits, is a *turn*; it becomes an item of the
 * conversation. Turns stand in a queue, the oldest first, and finals belong to the first: the
 * engine deals with sound in order. A turn is committed by a pause (server_vad) or by the client,
 * and completed by the final that ends it. Deltas bring its words as soon as they are settled
 * (turns.h), and the rest with its finals. A delta is never taken back; where the finals differ,
 * the completed text is right and the deltas are not.
 *
 * A commit or a clear is a mark in the sound (live_flush); the final that answers it says
 * which of them it was by its place in a second queue. Sound before a clear is recognised, but its
 * text is dropped.
 *
 * Settings that the engine cannot change on the way (encoding, turns, keywords, depth) end its
 * stream; the socket is not read until that has ended, and the next sound opens another. The
 * session's clock goes on. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authorization.h"
#include "log.h"
#include "openai.h"
#include "query.h"
#include "realtime_say.h"
#include "secrets.h"
#include "session.h"
#include "turns.h"
#include "words.h"

#define MARKS           4000 /* commits and clears that wait; the engine takes a few more */
#define PAUSE_OFF_MS    60000
#define LEAST_COMMIT_MS 100

enum mark { MARK_COMMIT, MARK_CLEAR };

struct realtime_session {
    struct session session; /* first */
    struct realtime_config config;
    char name[REALTIME_ID]; /* "sess_..." */
    struct live *live;
    bool live_vad;    /* it ends turns at pauses */
    bool restarting;  /* live_finish was called because of new settings */
    double pending_s; /* of sound since the last commit or clear */

    pthread_mutex_t lock;
    struct turns turns;          /* {lock} */
    uint8_t marks[MARKS];        /* {lock} [marks_count] enum mark */
    size_t marks_count;          /* {lock} */
    int64_t base_samples;        /* {lock} of the engine's stream, in the session */
    bool has_ended;              /* {lock} that stream */
    struct result_depth depth;   /* {lock} of the last final */
    char last_item[REALTIME_ID]; /* {lock} */
};

struct named {
    char event_id[REALTIME_ID];
    struct realtime_name name;
};

/* For one event; item may be NULL. */
static const struct realtime_name *name_event(struct named *named, const char *item)
{
    turns_name(named->event_id, "event_");
    named->name = (struct realtime_name){.event_id = named->event_id, .item_id = item};
    return &named->name;
}

static void say_error(struct realtime_session *s, const struct realtime_error *err,
                      const char *event_id)
{
    struct named named;
    session_send(&s->session, realtime_say_error(err, event_id, name_event(&named, NULL)));
}

static void complain(struct realtime_session *s, const char *event_id, const char *code,
                     const char *message)
{
    struct realtime_error err = {.code = code};
    snprintf(err.message, sizeof err.message, "%s", message);
    say_error(s, &err, event_id);
}

/* ---- turns: {s->lock} ------------------------------------------------------------------------ */

/* A turn, or the end of the session. */
static struct turn *must(struct realtime_session *s, struct turn *t)
{
    if (!t)
        session_end(&s->session, 1011, "out of memory");
    return t;
}

static void commit_turn(struct realtime_session *s, struct turn *t)
{
    struct named named;
    const struct realtime_name *name = name_event(&named, t->id);
    named.name.previous_id = s->last_item[0] ? s->last_item : NULL;
    t->is_committed = true;
    session_send(&s->session, realtime_say_committed(name));
    if (s->config.beta) {
        turns_name(named.event_id, "event_");
        session_send(&s->session, realtime_say_item("conversation.item.created", NULL, name));
    } else {
        turns_name(named.event_id, "event_");
        session_send(&s->session, realtime_say_item("conversation.item.added", NULL, name));
        turns_name(named.event_id, "event_");
        session_send(&s->session, realtime_say_item("conversation.item.done", NULL, name));
    }
    memcpy(s->last_item, t->id, sizeof s->last_item);
}

/* The first turn has all its text. */
static void complete_first(struct realtime_session *s, const struct result_depth *depth)
{
    const struct turn *t = s->turns.first;
    struct named named;
    const double seconds =
        t->seconds > 0 ? t->seconds : (double)(t->end_samples - t->start_samples) / RESULT_RATE_HZ;
    session_send(&s->session, realtime_say_completed(t->text ? t->text : "", seconds, depth,
                                                     s->config.logprobs ? t->words : NULL,
                                                     t->words_count, name_event(&named, t->id)));
    turns_retire_first(&s->turns);
}

static void say_delta(struct realtime_session *s, const struct turn *t, char *delta)
{
    struct named named;
    if (delta)
        session_send(&s->session, realtime_say_delta(delta, name_event(&named, t->id)));
    free(delta);
}

/* Adds a final's words to the turn; those that no delta has brought yet are sent as one. */
static void add_text(struct realtime_session *s, struct turn *t,
                     const struct result_segment *segment)
{
    say_delta(s, t, turns_say(t, segment));
    if (s->config.logprobs)
        turns_keep(t, segment);
    if (t->is_short) /* rather none than a text with a hole in it */
        session_end(&s->session, 1011, "out of memory");
}

/* ---- from the engine: worker threads -------------------------------------------------------- */

/* {s->lock} Is this sound before a clear? */
static bool is_muted(const struct realtime_session *s)
{
    return s->marks_count && s->marks[0] == MARK_CLEAR;
}

static void pop_mark(struct realtime_session *s)
{
    s->marks_count--;
    memmove(s->marks, s->marks + 1, s->marks_count);
}

static void hear_final(struct realtime_session *s, const struct result *result)
{
    const struct result_segment *segment = &result->segment;
    const bool answers_mark = result->from_flush && s->marks_count;
    if (is_muted(s)) {
        if (answers_mark)
            pop_mark(s);
        return;
    }
    struct turn *t = s->turns.first;
    if (!t && (answers_mark || segment->words_count))
        t = must(s, turns_add(&s->turns));
    if (!t)
        return;
    if (!t->end_samples)
        t->start_samples = s->base_samples + segment->start_samples;
    t->end_samples = s->base_samples + segment->end_samples;
    add_text(s, t, segment);
    s->depth = segment->depth;
    if (answers_mark)
        pop_mark(s);
    if (!answers_mark && !(s->live_vad && result->endpoint))
        return;
    if (!t->is_committed)
        commit_turn(s, t);
    complete_first(s, &segment->depth);
}

/* No more will be heard: what was, is told for good, whether or not the client said where it ends.
 */
static void complete_heard(struct realtime_session *s)
{
    while (s->turns.first && s->turns.first->text) {
        if (!s->turns.first->is_committed)
            commit_turn(s, s->turns.first);
        complete_first(s, &s->depth);
    }
}

static void hear_partial(struct realtime_session *s, const struct result_segment *segment)
{
    struct named named;
    struct turn *t = s->turns.first; /* as its final will */
    if (is_muted(s) || (!t && !(t = must(s, turns_add(&s->turns)))))
        return;
    char *text = words_join(segment->words, segment->words_count);
    if (text)
        session_send(&s->session,
                     realtime_say_partial(text, &segment->depth, name_event(&named, t->id)));
    free(text);
    say_delta(s, t, turns_settle(t, segment));
}

static void on_result(void *user, const struct result *result)
{
    struct realtime_session *s = user;
    session_heard(&s->session, result);
    pthread_mutex_lock(&s->lock);
    if (result->final)
        hear_final(s, result);
    else
        hear_partial(s, &result->segment);
    pthread_mutex_unlock(&s->lock);
}

static void on_voice(void *user, bool begins, int64_t at_samples)
{
    struct realtime_session *s = user;
    struct named named;
    pthread_mutex_lock(&s->lock);
    const int64_t at = s->base_samples + at_samples;
    const int64_t at_ms = at / (RESULT_RATE_HZ / 1000);
    struct turn *t = s->turns.speaking;
    if (begins && !is_muted(s) && (t = must(s, turns_open(&s->turns)))) {
        s->turns.speaking = t;
        t->start_samples = t->end_samples = at;
        session_send(&s->session, realtime_say_speech_started(at_ms, name_event(&named, t->id)));
    } else if (!begins && t) {
        s->turns.speaking = NULL;
        t->end_samples = at;
        session_send(&s->session, realtime_say_speech_stopped(at_ms, name_event(&named, t->id)));
        commit_turn(s, t);
    }
    pthread_mutex_unlock(&s->lock);
}

static void on_ready(void *user)
{
    struct realtime_session *s = user;
    pthread_mutex_lock(&s->lock);
    const bool finishing = s->has_ended || s->restarting;
    pthread_mutex_unlock(&s->lock);
    if (!finishing)
        session_ready(&s->session);
}

static void on_end(void *user, enum engine_end end, int64_t duration_samples)
{
    struct realtime_session *s = user;
    if (end != ENGINE_OK && end != ENGINE_CUT) {
        const char *detail = live_detail(s->live);
        session_end(&s->session, engine_end_close(end), *detail ? detail : engine_end_text(end));
        return;
    }
    const bool is_over = end == ENGINE_CUT || atomic_load(&s->session.farewell);
    pthread_mutex_lock(&s->lock);
    s->base_samples += duration_samples;
    s->has_ended = true;
    if (is_over)
        complete_heard(s);
    pthread_mutex_unlock(&s->lock);
    if (is_over)
        session_over(&s->session, end);
    else
        session_ready(&s->session);
}

/* ---- the engine's stream: service thread ------------------------------------------------------
 */

static uint32_t pause_ms(const struct realtime_config *c)
{
    if (c->turns == REALTIME_MANUAL)
        return PAUSE_OFF_MS;
    if (c->turns == REALTIME_SERVER_VAD)
        return c->silence_ms;
    return strcmp(c->eagerness, "low") == 0 ? 1500 : strcmp(c->eagerness, "high") == 0 ? 400 : 800;
}

/* The keywords, and the words of the prompt; those are cut apart in prompt, a copy of it. */
static size_t favour(const struct realtime_config *c, char prompt[sizeof c->prompt],
                     struct fold_hotword hotwords[HOTWORD_LIST_MOST])
{
    size_t count = c->keywords.count, length;
    const char *at = prompt;
    engine_hotwords(&c->keywords, hotwords);
    memcpy(prompt, c->prompt, sizeof c->prompt);
    for (const char *word; count < HOTWORD_LIST_MOST && (word = words_of_prompt(&at, &length));) {
        hotwords[count++] = (struct fold_hotword){word, OPENAI_PROMPT_WEIGHT};
        if (*at)
            prompt[at++ - prompt] = '\0';
    }
    return count;
}

static bool open_live(struct realtime_session *s)
{
    static const enum live_encoding encodings[] = {
        [REALTIME_PCM] = LIVE_LINEAR16, [REALTIME_PCMU] = LIVE_MULAW, [REALTIME_PCMA] = LIVE_ALAW};
    const struct realtime_config *c = &s->config;
    struct fold_hotword hotwords[HOTWORD_LIST_MOST];
    char prompt[sizeof c->prompt];
    const size_t hotwords_count = favour(c, prompt, hotwords);
    s->live_vad = c->turns != REALTIME_MANUAL;
    const struct live_options options = {.encoding = encodings[c->audio],
                                         .rate_hz = c->rate_hz,
                                         .channels = 1,
                                         .policy = session_policy(&s->session, c->depth),
                                         .partials = true,
                                         .endpointing_ms = pause_ms(c),
                                         .hotwords = hotwords,
                                         .hotwords_count = hotwords_count,
                                         .on_result = on_result,
                                         .on_voice = s->live_vad ? on_voice : NULL,
                                         .on_ready = on_ready,
                                         .on_end = on_end,
                                         .user = s};
    const enum engine_end end = live_open(s->session.host->engine, &options, &s->live);
    if (end != ENGINE_OK)
        session_end(&s->session, engine_end_close(end), engine_end_text(end));
    return end == ENGINE_OK;
}

/* Lets go of a stream that has ended; true when one is open, or could be opened. */
static bool has_live(struct realtime_session *s)
{
    pthread_mutex_lock(&s->lock);
    const bool ended = s->has_ended;
    s->has_ended = false;
    if (ended)
        s->restarting = false;
    pthread_mutex_unlock(&s->lock);
    if (ended && s->live) {
        live_close(s->live);
        s->live = NULL;
    }
    return s->live || open_live(s);
}

/* ---- from the client: service thread ----------------------------------------------------------
 */

static void append(struct realtime_session *s, const struct realtime_event *event)
{
    if (!event->audio_bytes || s->session.finished || !has_live(s))
        return;
    s->pending_s += (double)event->audio_bytes / (s->config.audio == REALTIME_PCM ? 2 : 1) /
                    (double)s->config.rate_hz;
    session_push(&s->session, s->live, event->audio, event->audio_bytes);
}

/* Marks the sound. False when too many marks wait. */
static bool mark(struct realtime_session *s, enum mark kind)
{
    pthread_mutex_lock(&s->lock);
    const bool fits = s->marks_count < MARKS;
    if (fits)
        s->marks[s->marks_count++] = (uint8_t)kind;
    pthread_mutex_unlock(&s->lock);
    if (fits)
        live_flush(s->live);
    return fits;
}

static void commit(struct realtime_session *s, const struct realtime_event *event)
{
    const double seconds = s->pending_s;
    if (s->session.finished) /* it has been committed: go_away */
        return;
    if (seconds * 1000 < LEAST_COMMIT_MS || !has_live(s)) {
        complain(s, event->event_id, "input_audio_buffer_commit_empty",
                 "the input audio buffer holds less than 100 ms of sound: append more before a "
                 "commit");
        return;
    }
    pthread_mutex_lock(&s->lock);
    const bool fits = s->marks_count < MARKS;
    struct turn *t = fits && !s->live_vad ? must(s, turns_open(&s->turns)) : NULL;
    if (t) {
        t->seconds = seconds;
        commit_turn(s, t);
    }
    pthread_mutex_unlock(&s->lock);
    if (!fits) {
        complain(s, event->event_id, "rate_limit_exceeded",
                 "too many commits wait for their text: wait for some to be completed");
        return;
    }
    s->pending_s = 0;
    mark(s, MARK_COMMIT);
}

static void clear(struct realtime_session *s, const struct realtime_event *event)
{
    struct named named;
    if (s->pending_s > 0 && has_live(s)) {
        pthread_mutex_lock(&s->lock);
        turns_drop_open(&s->turns);
        pthread_mutex_unlock(&s->lock);
        if (!mark(s, MARK_CLEAR)) {
            complain(s, event->event_id, "rate_limit_exceeded", "too many marks wait");
            return;
        }
    }
    s->pending_s = 0;
    session_send(&s->session, realtime_say_cleared(name_event(&named, NULL)));
}

static void item(struct realtime_session *s, const struct realtime_event *event)
{
    struct named named;
    const struct realtime_name *name = name_event(&named, event->item_id);
    pthread_mutex_lock(&s->lock);
    const char *transcript = turns_recall(&s->turns, event->item_id);
    if (!transcript) {
        complain(s, event->event_id, "item_not_found",
                 "there is no such item any more, or not yet");
    } else if (event->kind == REALTIME_RETRIEVE) {
        session_send(&s->session,
                     realtime_say_item("conversation.item.retrieved", transcript, name));
    } else {
        session_send(&s->session, realtime_say_deleted(name));
        turns_forget(&s->turns, event->item_id);
    }
    pthread_mutex_unlock(&s->lock);
}

/* Are they the same for the engine? */
static bool is_same_sound(const struct realtime_config *a, const struct realtime_config *b)
{
    bool same = a->audio == b->audio && a->rate_hz == b->rate_hz && a->depth == b->depth &&
                a->turns == b->turns && pause_ms(a) == pause_ms(b) &&
                strcmp(a->prompt, b->prompt) == 0 && a->keywords.count == b->keywords.count;
    for (size_t i = 0; same && i < a->keywords.count; i++)
        same = strcmp(a->keywords.texts[i], b->keywords.texts[i]) == 0;
    return same;
}

static void settle(struct realtime_session *s, struct realtime_event *event)
{
    struct named named;
    pthread_mutex_lock(&s->lock); /* workers look at the settings */
    realtime_event_settle(event, &s->config);
    pthread_mutex_unlock(&s->lock);
    session_send(
        &s->session,
        realtime_say_session(event->beta_type ? "transcription_session.updated" : "session.updated",
                             &s->config, s->name, name_event(&named, NULL)));
    if (!s->live || s->restarting || is_same_sound(event->changed, &s->config))
        return;
    pthread_mutex_lock(&s->lock);
    s->restarting = true;
    pthread_mutex_unlock(&s->lock);
    atomic_store(&s->session.full, true); /* until it has ended */
    live_finish(s->live);
}

static void text(struct session *session, const char *message, size_t length)
{
    struct realtime_session *s = (struct realtime_session *)session;
    struct realtime_event event;
    struct realtime_error err;
    if (realtime_recv(&s->config, message, length, &event, &err) != 0) {
        say_error(s, &err, event.event_id);
        return;
    }
    switch (event.kind) {
    case REALTIME_UPDATE:
        settle(s, &event);
        break;
    case REALTIME_APPEND:
        append(s, &event);
        break;
    case REALTIME_COMMIT:
        commit(s, &event);
        break;
    case REALTIME_CLEAR:
        clear(s, &event);
        break;
    case REALTIME_RETRIEVE:
    case REALTIME_DELETE:
        item(s, &event);
        break;
    }
    realtime_event_finish(&event);
}

static void binary(struct session *session, const uint8_t *bytes, size_t count, bool last)
{
    struct realtime_session *s = (struct realtime_session *)session;
    (void)bytes, (void)count;
    if (last)
        complain(s, "", "invalid_message",
                 "messages are JSON texts: sound goes into input_audio_buffer.append, in base64");
}

/* Where the client commits, it says when a turn ends; the words till now are told all the same. */
static void silent(struct session *session, uint32_t silent_ms)
{
    const struct realtime_session *s = (struct realtime_session *)session;
    if (s->live)
        live_silent(s->live, silent_ms);
}

/* What was sent since the last commit is committed, as the client would have. */
static void go_away(struct session *session)
{
    struct realtime_session *s = (struct realtime_session *)session;
    if (session->finished)
        return;
    pthread_mutex_lock(&s->lock);
    const bool hears = s->live && !s->has_ended;
    pthread_mutex_unlock(&s->lock);
    if (!hears) {
        session->finished = true;
        session_over(session, ENGINE_OK);
        return;
    }
    if (!s->live_vad && !s->restarting && s->pending_s * 1000 >= LEAST_COMMIT_MS)
        commit(s, &(struct realtime_event){0});
    session->finished = true;
    live_finish(s->live);
}

static void idle(struct session *session)
{
    const struct realtime_session *s = (struct realtime_session *)session;
    if (!s->live || !live_waiting(s->live))
        session_end(session, 1001, "no message came in time");
}

static void close_session(struct session *session)
{
    struct realtime_session *s = (struct realtime_session *)session;
    if (s->live)
        live_close(s->live);
    turns_finish(&s->turns);
    realtime_config_finish(&s->config);
    pthread_mutex_destroy(&s->lock);
    session_finish(session);
    free(s);
}

static const struct session_kind kind = {.name = "realtime",
                                         .route = METRICS_REALTIME,
                                         .text_max = REALTIME_TEXT_MAX,
                                         .text = text,
                                         .binary = binary,
                                         .silent = silent,
                                         .go_away = go_away,
                                         .idle = idle,
                                         .close = close_session};

/* ---- opening -------------------------------------------------------------------------------- */

static int judge(struct realtime_session *s, const struct head *head, const char *query,
                 struct openai_error *err)
{
    char key[64], value[HEAD_TARGET], shown[AUTHORIZATION_KEY];
    struct realtime_config given;
    session_key(head, query, shown);
    if (secrets_is_one(shown)) {
        if (!secrets_find(s->session.host->secrets, shown, &given))
            return openai_fail(err, 401, "invalid_request_error", "invalid_api_key", NULL,
                               "the ephemeral key is unknown or has expired");
        realtime_config_finish(&s->config);
        s->config = given;
    }
    s->config.beta |= head->is_beta;
    while (query_next(&query, key, sizeof key, value, sizeof value)) {
        struct realtime_error wrong;
        if (realtime_query(&s->config, key, value, &wrong) != 0)
            return openai_fail(
                err, wrong.code && strcmp(wrong.code, "model_not_found") == 0 ? 404 : 400,
                "invalid_request_error", wrong.code, wrong.param, "%s", wrong.message);
    }
    if (*head->protocol && strncmp(head->protocol, "realtime", 8) != 0)
        return openai_fail(err, 400, "invalid_request_error", NULL, NULL,
                           "Sec-WebSocket-Protocol must begin with 'realtime'");
    return 0;
}

struct session *session_realtime_open(const struct session_host *host, const struct head *head,
                                      const char *query, const char *id,
                                      struct session_refusal *ret_refusal)
{
    struct realtime_session *s = calloc(1, sizeof *s);
    struct openai_error err;
    struct keys_refusal denied;
    struct named named;
    const bool has_lock = s && pthread_mutex_init(&s->lock, NULL) == 0;
    if (!has_lock || session_init(&s->session, &kind, host, id) != 0) {
        if (has_lock)
            pthread_mutex_destroy(&s->lock);
        free(s);
        *ret_refusal = (struct session_refusal){.status = 503};
        return NULL;
    }
    realtime_config_init(&s->config, host->catalog);
    turns_init(&s->turns);
    turns_name(s->name, "sess_");
    if (judge(s, head, query, &err) != 0) {
        *ret_refusal =
            (struct session_refusal){.status = err.status, .body = openai_error_body(&err)};
        close_session(&s->session);
        return NULL;
    }
    if (!session_admit(&s->session, head, query, &denied)) {
        session_refuse(ret_refusal, head, id, &denied);
        close_session(&s->session);
        return NULL;
    }
    session_send(&s->session, realtime_say_session(s->config.beta ? "transcription_session.created"
                                                                  : "session.created",
                                                   &s->config, s->name, name_event(&named, NULL)));
    return &s->session;
}
