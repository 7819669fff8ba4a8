/* session_realtime.c - a live session in OpenAI's Realtime dialect, for transcription.
 *
 * What is said between two pauses, or two commits, is a *turn*; it becomes an item of the
 * conversation. Turns stand in a queue, the oldest first, and finals belong to the first: the
 * engine deals with sound in order. A turn is committed by a pause (server_vad) or by the client,
 * and completed by the final that ends it.
 *
 * A commit or a clear is a mark in the sound (engine_live_flush); the final that answers it says
 * which of them it was by its place in a second queue. Sound before a clear is heard but not told.
 *
 * Settings that the engine cannot change on the way (encoding, turns, keywords, depth) end its
 * stream; the socket is not read until that has ended, and the next sound opens another. The
 * session's clock goes on. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "openai.h"
#include "realtime_say.h"
#include "secrets.h"
#include "session.h"
#include "words.h"

#define MARKS           12 /* commits and clears that wait; the engine takes a few more */
#define RECENT          32 /* items that can be retrieved */
#define BOOST           4.0f
#define PAUSE_OFF_MS    60000
#define LEAST_COMMIT_MS 100

struct turn {
    struct turn *next;
    char id[REALTIME_ID];
    bool is_committed;
    int64_t start_samples, end_samples; /* of the session */
    double seconds;                     /* committed by the client: of sound; else 0 */
    char *text;                         /* so far; NULL: none */
    struct update_word *words;          /* [words_count], texts owned: for logprobs */
    size_t words_count;
};

enum mark { MARK_COMMIT, MARK_CLEAR };

struct realtime_session {
    struct session session; /* first */
    struct realtime_config config;
    char name[REALTIME_ID]; /* "sess_..." */
    struct engine_live *live;
    bool live_vad;    /* it ends turns at pauses */
    bool restarting;  /* it was told to finish because of new settings */
    double pending_s; /* of sound since the last commit or clear */

    pthread_mutex_t lock;
    struct turn *first, **last;  /* {lock} */
    struct turn *speaking;       /* {lock} of first..last: a voice began it */
    uint8_t marks[MARKS];        /* {lock} [marks_count] enum mark */
    size_t marks_count;          /* {lock} */
    int64_t base_samples;        /* {lock} of the engine's stream, in the session */
    bool has_ended;              /* {lock} the stream that was told to finish */
    char last_item[REALTIME_ID]; /* {lock} */
    struct {
        char id[REALTIME_ID];
        char *text;
    } recent[RECENT]; /* {lock} */
    size_t recent_at; /* {lock} */
};

/* A name like OpenAI's: a prefix and 24 digits. */
static void make_name(char to[REALTIME_ID], const char *prefix)
{
    char id[ID_BYTES];
    size_t n = strlen(prefix);
    id_make(id);
    memcpy(to, prefix, n);
    for (const char *c = id; *c && n < strlen(prefix) + 24; c++)
        if (*c != '-')
            to[n++] = *c;
    to[n] = '\0';
}

struct named {
    char event_id[REALTIME_ID];
    struct realtime_name name;
};

/* For one event; item may be NULL. */
static const struct realtime_name *name_event(struct named *named, const char *item)
{
    make_name(named->event_id, "event_");
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

static struct turn *add_turn(struct realtime_session *s)
{
    struct turn *t = calloc(1, sizeof *t);
    if (!t) {
        session_end(&s->session, 1011, "out of memory");
        return NULL;
    }
    make_name(t->id, "item_");
    *s->last = t;
    s->last = &t->next;
    return t;
}

static void free_turn(struct turn *t)
{
    for (size_t i = 0; i < t->words_count; i++)
        free((void *)(uintptr_t)t->words[i].text);
    free(t->words);
    free(t->text);
    free(t);
}

static void drop_first(struct realtime_session *s)
{
    struct turn *t = s->first;
    s->first = t->next;
    if (!s->first)
        s->last = &s->first;
    if (s->speaking == t)
        s->speaking = NULL;
    free_turn(t);
}

/* The last turn, when it is not committed; else a new one. */
static struct turn *open_turn(struct realtime_session *s)
{
    struct turn *t = s->first;
    while (t && t->next)
        t = t->next;
    return t && !t->is_committed ? t : add_turn(s);
}

static void commit_turn(struct realtime_session *s, struct turn *t)
{
    struct named named;
    const struct realtime_name *name = name_event(&named, t->id);
    named.name.previous_id = s->last_item[0] ? s->last_item : NULL;
    t->is_committed = true;
    session_send(&s->session, realtime_say_committed(name));
    if (s->config.beta) {
        make_name(named.event_id, "event_");
        session_send(&s->session, realtime_say_item("conversation.item.created", NULL, name));
    } else {
        make_name(named.event_id, "event_");
        session_send(&s->session, realtime_say_item("conversation.item.added", NULL, name));
        make_name(named.event_id, "event_");
        session_send(&s->session, realtime_say_item("conversation.item.done", NULL, name));
    }
    memcpy(s->last_item, t->id, sizeof s->last_item);
}

static void remember(struct realtime_session *s, struct turn *t)
{
    char **text = &s->recent[s->recent_at].text;
    memcpy(s->recent[s->recent_at].id, t->id, sizeof t->id);
    free(*text);
    *text = t->text;
    t->text = NULL;
    s->recent_at = (s->recent_at + 1) % RECENT;
}

/* The first turn has all its text. */
static void complete_first(struct realtime_session *s, const struct update_depth *depth)
{
    struct turn *t = s->first;
    struct named named;
    const double seconds =
        t->seconds > 0 ? t->seconds : (double)(t->end_samples - t->start_samples) / UPDATE_RATE_HZ;
    session_send(&s->session, realtime_say_completed(t->text ? t->text : "", seconds, depth,
                                                     s->config.logprobs ? t->words : NULL,
                                                     t->words_count, name_event(&named, t->id)));
    remember(s, t);
    drop_first(s);
}

static void keep_words(struct turn *t, const struct update_span *span)
{
    struct update_word *words =
        realloc(t->words, (t->words_count + span->words_count + 1) * sizeof *words);
    if (!words)
        return;
    t->words = words;
    for (size_t i = 0; i < span->words_count; i++) {
        char *text = strdup(span->words[i].text);
        if (!text)
            return;
        words[t->words_count] = span->words[i];
        words[t->words_count++].text = text;
    }
}

/* Adds a final's words and tells them. */
static void add_text(struct realtime_session *s, struct turn *t, const struct update_span *span)
{
    struct named named;
    char *words = words_join(span->words, span->words_count), *delta = NULL, *text = NULL;
    if (words && *words && asprintf(&delta, "%s%s", t->text ? " " : "", words) < 0)
        delta = NULL;
    if (delta && asprintf(&text, "%s%s", t->text ? t->text : "", delta) < 0)
        text = NULL;
    if (text) {
        session_send(&s->session, realtime_say_delta(delta, name_event(&named, t->id)));
        free(t->text);
        t->text = text;
    }
    if (s->config.logprobs)
        keep_words(t, span);
    free(delta);
    free(words);
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

static void hear_final(struct realtime_session *s, const struct update *update)
{
    const struct update_span *span = &update->span;
    const bool answers_mark = update->from_flush && s->marks_count;
    if (is_muted(s)) {
        if (answers_mark)
            pop_mark(s);
        return;
    }
    struct turn *t = s->first;
    if (!t && (answers_mark || span->words_count))
        t = add_turn(s);
    if (!t)
        return;
    if (!t->end_samples)
        t->start_samples = s->base_samples + span->start_samples;
    t->end_samples = s->base_samples + span->end_samples;
    add_text(s, t, span);
    if (answers_mark)
        pop_mark(s);
    if (!answers_mark && !(s->live_vad && update->endpoint))
        return;
    if (!t->is_committed)
        commit_turn(s, t);
    complete_first(s, &span->depth);
}

static void hear_partial(struct realtime_session *s, const struct update_span *span)
{
    struct named named;
    struct turn *t = is_muted(s) ? NULL : open_turn(s);
    char *text = t ? words_join(span->words, span->words_count) : NULL;
    if (text)
        session_send(&s->session,
                     realtime_say_partial(text, &span->depth, name_event(&named, t->id)));
    free(text);
}

static void on_update(void *user, const struct update *update)
{
    struct realtime_session *s = user;
    session_heard(&s->session, update);
    pthread_mutex_lock(&s->lock);
    if (update->final)
        hear_final(s, update);
    else
        hear_partial(s, &update->span);
    pthread_mutex_unlock(&s->lock);
}

static void on_voice(void *user, bool begins, int64_t at_samples)
{
    struct realtime_session *s = user;
    struct named named;
    pthread_mutex_lock(&s->lock);
    const int64_t at = s->base_samples + at_samples;
    const int64_t at_ms = at / (UPDATE_RATE_HZ / 1000);
    if (begins && !is_muted(s) && (s->speaking = open_turn(s))) {
        s->speaking->start_samples = s->speaking->end_samples = at;
        session_send(&s->session,
                     realtime_say_speech_started(at_ms, name_event(&named, s->speaking->id)));
    } else if (!begins && s->speaking) {
        struct turn *t = s->speaking;
        s->speaking = NULL;
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
    if (end != ENGINE_OK) {
        const char *detail = engine_live_detail(s->live);
        session_end(&s->session, engine_end_close(end), *detail ? detail : engine_end_text(end));
        return;
    }
    pthread_mutex_lock(&s->lock);
    s->base_samples += duration_samples;
    s->has_ended = true;
    pthread_mutex_unlock(&s->lock);
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

static bool open_live(struct realtime_session *s)
{
    static const enum engine_encoding encodings[] = {[REALTIME_PCM] = ENGINE_LINEAR16,
                                                     [REALTIME_PCMU] = ENGINE_MULAW,
                                                     [REALTIME_PCMA] = ENGINE_ALAW};
    const struct realtime_config *c = &s->config;
    struct fold_hotword hotwords[REALTIME_KEYWORDS];
    for (size_t i = 0; i < c->keywords_count; i++)
        hotwords[i] = (struct fold_hotword){c->keywords[i], BOOST};
    s->live_vad = c->turns != REALTIME_MANUAL;
    const struct engine_live_options options = {.encoding = encodings[c->audio],
                                                .rate_hz = c->rate_hz,
                                                .channels = 1,
                                                .wish.depth = c->depth,
                                                .partials = true,
                                                .endpointing_ms = pause_ms(c),
                                                .hotwords = hotwords,
                                                .hotwords_count = c->keywords_count,
                                                .update = on_update,
                                                .voice = s->live_vad ? on_voice : NULL,
                                                .ready = on_ready,
                                                .end = on_end,
                                                .user = s};
    const enum engine_end end = engine_live_open(s->session.host->engine, &options, &s->live);
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
        engine_live_close(s->live);
        s->live = NULL;
    }
    return s->live || open_live(s);
}

/* ---- from the client: service thread ----------------------------------------------------------
 */

static void append(struct realtime_session *s, const struct realtime_event *event)
{
    if (!event->audio_bytes || !has_live(s))
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
        engine_live_flush(s->live);
    return fits;
}

static void commit(struct realtime_session *s, const struct realtime_event *event)
{
    const double seconds = s->pending_s;
    if (seconds * 1000 < LEAST_COMMIT_MS || !has_live(s)) {
        complain(s, event->event_id, "input_audio_buffer_commit_empty",
                 "the input audio buffer holds less than 100 ms of sound: append more before a "
                 "commit");
        return;
    }
    pthread_mutex_lock(&s->lock);
    const bool fits = s->marks_count < MARKS;
    struct turn *t = fits && !s->live_vad ? open_turn(s) : NULL;
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
        /* The turn in hand goes: it is the last, and not committed. */
        struct turn **at = &s->first;
        while (*at && (*at)->is_committed)
            at = &(*at)->next;
        if (*at) {
            if (s->speaking == *at)
                s->speaking = NULL;
            free_turn(*at);
            *at = NULL;
            s->last = at;
        }
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
    size_t i = 0;
    pthread_mutex_lock(&s->lock);
    while (i < RECENT && strcmp(s->recent[i].id, event->item_id) != 0)
        i++;
    if (i == RECENT) {
        pthread_mutex_unlock(&s->lock);
        complain(s, event->event_id, "item_not_found",
                 "there is no such item any more, or not yet");
        return;
    }
    if (event->kind == REALTIME_RETRIEVE) {
        session_send(&s->session,
                     realtime_say_item("conversation.item.retrieved",
                                       s->recent[i].text ? s->recent[i].text : "", name));
    } else {
        session_send(&s->session, realtime_say_deleted(name));
        s->recent[i].id[0] = '\0';
    }
    pthread_mutex_unlock(&s->lock);
}

/* Are they the same for the engine? */
static bool is_same_sound(const struct realtime_config *a, const struct realtime_config *b)
{
    bool same = a->audio == b->audio && a->rate_hz == b->rate_hz && a->depth == b->depth &&
                a->turns == b->turns && pause_ms(a) == pause_ms(b) &&
                a->keywords_count == b->keywords_count;
    for (size_t i = 0; same && i < a->keywords_count; i++)
        same = strcmp(a->keywords[i], b->keywords[i]) == 0;
    return same;
}

static void settle(struct realtime_session *s, const struct realtime_config *before,
                   const struct realtime_event *event)
{
    struct named named;
    session_send(
        &s->session,
        realtime_say_session(event->beta_type ? "transcription_session.updated" : "session.updated",
                             &s->config, s->name, name_event(&named, NULL)));
    if (!s->live || s->restarting || is_same_sound(before, &s->config))
        return;
    pthread_mutex_lock(&s->lock);
    s->restarting = true;
    pthread_mutex_unlock(&s->lock);
    atomic_store(&s->session.full, true); /* until it has ended */
    engine_live_finish(s->live);
}

static void text(struct session *session, const char *message, size_t length)
{
    struct realtime_session *s = (struct realtime_session *)session;
    struct realtime_config changed, before;
    struct realtime_event event;
    struct realtime_error err;
    if (realtime_config_copy(&changed, &s->config) != 0) {
        session_end(session, 1011, "out of memory");
        return;
    }
    if (realtime_recv(&changed, session->host->info->unfolds, message, length, &event, &err) != 0) {
        say_error(s, &err, event.event_id);
        realtime_config_finish(&changed);
        return;
    }
    pthread_mutex_lock(&s->lock); /* workers look at the settings */
    before = s->config;
    s->config = changed;
    pthread_mutex_unlock(&s->lock);
    switch (event.kind) {
    case REALTIME_UPDATE:
        settle(s, &before, &event);
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
    realtime_config_finish(&before);
}

static void binary(struct session *session, const uint8_t *bytes, size_t count, bool last)
{
    struct realtime_session *s = (struct realtime_session *)session;
    (void)bytes, (void)count;
    if (last)
        complain(s, "", "invalid_message",
                 "messages are JSON texts: sound goes into input_audio_buffer.append, in base64");
}

static void idle(struct session *session)
{
    session_end(session, 1001, "no message came in time");
}

static void close_session(struct session *session)
{
    struct realtime_session *s = (struct realtime_session *)session;
    if (s->live)
        engine_live_close(s->live);
    while (s->first)
        drop_first(s);
    for (size_t i = 0; i < RECENT; i++)
        free(s->recent[i].text);
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
                                         .idle = idle,
                                         .close = close_session};

/* ---- opening -------------------------------------------------------------------------------- */

/* The key that the client shows: in a header, or, from a browser, in the subprotocols. */
static void find_key(const struct head *head, char *to, size_t room)
{
    static const char header[] = "Bearer ", offered[] = "openai-insecure-api-key.";
    const char *at = strstr(head->protocol, offered);
    *to = '\0';
    if (strncmp(head->authorization, header, strlen(header)) == 0)
        at = head->authorization + strlen(header);
    else if (at)
        at += strlen(offered);
    if (at)
        snprintf(to, room, "%.*s", (int)strcspn(at, ", "), at);
}

static int judge(struct realtime_session *s, const struct head *head, const char *query,
                 struct openai_error *err)
{
    char key[64], value[512];
    struct realtime_config given;
    find_key(head, value, sizeof value);
    if (secrets_is_one(value)) {
        if (!secrets_find(value, &given))
            return openai_fail(err, 401, "invalid_request_error", "invalid_api_key", NULL,
                               "the ephemeral key is unknown or has expired");
        realtime_config_finish(&s->config);
        s->config = given;
    }
    s->config.beta |= head->is_beta;
    while (head_query_next(&query, key, sizeof key, value, sizeof value)) {
        if (strcmp(key, "intent") == 0 && strcmp(value, "transcription") != 0)
            return openai_fail(err, 400, "invalid_request_error", "unsupported_value", "intent",
                               "intent '%.40s' is not supported: use transcription", value);
        struct realtime_error wrong;
        if (strcmp(key, "model") == 0 &&
            realtime_model(&s->config, s->session.host->info->unfolds, value, &wrong) != 0)
            return openai_fail(err, 400, "invalid_request_error", wrong.code, "model", "%s",
                               wrong.message);
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
    struct named named;
    if (!s || pthread_mutex_init(&s->lock, NULL) != 0) {
        free(s);
        *ret_refusal = (struct session_refusal){.status = 503};
        return NULL;
    }
    session_init(&s->session, &kind, host, id);
    realtime_config_init(&s->config);
    s->last = &s->first;
    make_name(s->name, "sess_");
    if (judge(s, head, query, &err) != 0) {
        *ret_refusal =
            (struct session_refusal){.status = err.status, .body = openai_error_body(&err)};
        close_session(&s->session);
        return NULL;
    }
    session_send(&s->session, realtime_say_session(s->config.beta ? "transcription_session.created"
                                                                  : "session.created",
                                                   &s->config, s->name, name_event(&named, NULL)));
    return &s->session;
}
