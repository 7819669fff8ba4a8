#include "realtime_say.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "depthjson.h"
#include "logprobs.h"

#define TRANSCRIPTION "conversation.item.input_audio_transcription."

static char *dump(json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(body);
    return text;
}

/* ---- settings ------------------------------------------------------------------------------ */

static const char *given(const char *text)
{
    return *text ? text : NULL;
}

static json_t *transcription(const struct realtime_config *config)
{
    json_t *t = json_pack("{s:s}", "model", config->model);
    if (!t)
        return NULL;
    const struct {
        const char *key, *text;
    } texts[] = {
        {"language", config->language}, {"prompt", config->prompt}, {"delay", config->delay}};
    for (size_t i = 0; i < 3; i++)
        if (*texts[i].text)
            json_object_set_new(t, texts[i].key, json_string(texts[i].text));
    if (config->keywords.count) {
        json_t *keywords = json_array();
        for (size_t i = 0; i < config->keywords.count; i++)
            json_array_append_new(keywords, json_string(config->keywords.texts[i]));
        json_object_set_new(t, "keywords", keywords);
    }
    return t;
}

static json_t *turns(const struct realtime_config *config)
{
    switch (config->turns) {
    case REALTIME_SEMANTIC_VAD:
        return json_pack("{s:s, s:s}", "type", "semantic_vad", "eagerness", config->eagerness);
    case REALTIME_SERVER_VAD:
        return json_pack("{s:s, s:f, s:i, s:i}", "type", "server_vad", "threshold",
                         config->threshold, "prefix_padding_ms", (int)config->prefix_padding_ms,
                         "silence_duration_ms", (int)config->silence_ms);
    case REALTIME_MANUAL:
        break;
    }
    return json_null();
}

static json_t *noise_reduction(const struct realtime_config *config)
{
    return *config->noise_reduction ? json_pack("{s:s}", "type", config->noise_reduction)
                                    : json_null();
}

static json_t *format(const struct realtime_config *config)
{
    static const char *const names[] = {[REALTIME_PCM] = "audio/pcm",
                                        [REALTIME_PCMU] = "audio/pcmu",
                                        [REALTIME_PCMA] = "audio/pcma"};
    json_t *f = json_pack("{s:s}", "type", names[config->audio]);
    if (f && config->audio == REALTIME_PCM)
        json_object_set_new(f, "rate", json_integer(config->rate_hz));
    return f;
}

static json_t *include(const struct realtime_config *config)
{
    return config->logprobs ? json_pack("[s]", "item.input_audio_transcription.logprobs")
                            : json_null();
}

static json_t *flat(const struct realtime_config *config, const char *session_id)
{
    static const char *const names[] = {
        [REALTIME_PCM] = "pcm16", [REALTIME_PCMU] = "g711_ulaw", [REALTIME_PCMA] = "g711_alaw"};
    return json_pack("{s:s, s:s, s:[s], s:s, s:o, s:o, s:o, s:o}", "id", session_id, "object",
                     "realtime.transcription_session", "modalities", "text", "input_audio_format",
                     names[config->audio], "input_audio_transcription", transcription(config),
                     "turn_detection", turns(config), "input_audio_noise_reduction",
                     noise_reduction(config), "include", include(config));
}

/* In the shape of the beta or of GA. */
static json_t *settings(const struct realtime_config *config, const char *session_id)
{
    if (config->beta)
        return flat(config, session_id);
    return json_pack("{s:s, s:s, s:s, s:o, s:{s:{s:o, s:o, s:o, s:o}}}", "type", "transcription",
                     "object", "realtime.transcription_session", "id", session_id, "include",
                     include(config), "audio", "input", "format", format(config), "transcription",
                     transcription(config), "noise_reduction", noise_reduction(config),
                     "turn_detection", turns(config));
}

/* The settings, and what of those that were sent has no effect. */
static json_t *session(const struct realtime_config *config, const char *session_id)
{
    json_t *body = settings(config, session_id);
    if (body && config->notices.count)
        json_object_set_new(body, "warnings", notices_json(&config->notices));
    return body;
}

char *realtime_say_session(const char *type, const struct realtime_config *config,
                           const char *session_id, const struct realtime_name *name)
{
    return dump(json_pack("{s:s, s:s, s:o}", "type", type, "event_id", name->event_id, "session",
                          session(config, session_id)));
}

char *realtime_say_secret(const struct realtime_config *config, const char *session_id,
                          const char *value, int64_t expires_at_s)
{
    json_t *body = session(config, session_id);
    if (!body)
        return NULL;
    if (config->beta) {
        json_object_set_new(
            body, "client_secret",
            json_pack("{s:s, s:I}", "value", value, "expires_at", (json_int_t)expires_at_s));
        return dump(body);
    }
    json_object_set_new(body, "expires_at", json_integer(expires_at_s));
    return dump(json_pack("{s:s, s:I, s:o}", "value", value, "expires_at", (json_int_t)expires_at_s,
                          "session", body));
}

/* ---- events -------------------------------------------------------------------------------- */

char *realtime_say_error(const struct realtime_error *err, const char *offending_event_id,
                         const struct realtime_name *name)
{
    return dump(json_pack("{s:s, s:s, s:{s:s, s:s?, s:s, s:s?, s:s?}}", "type", "error", "event_id",
                          name->event_id, "error", "type", "invalid_request_error", "code",
                          err->code, "message", err->message, "param", given(err->param),
                          "event_id", given(offending_event_id)));
}

static char *about_item(const char *type, const char *key, int64_t at_ms,
                        const struct realtime_name *name)
{
    return dump(json_pack("{s:s, s:s, s:s, s:I}", "type", type, "event_id", name->event_id,
                          "item_id", name->item_id, key, (json_int_t)at_ms));
}

char *realtime_say_speech_started(int64_t at_ms, const struct realtime_name *name)
{
    return about_item("input_audio_buffer.speech_started", "audio_start_ms", at_ms, name);
}

char *realtime_say_speech_stopped(int64_t at_ms, const struct realtime_name *name)
{
    return about_item("input_audio_buffer.speech_stopped", "audio_end_ms", at_ms, name);
}

char *realtime_say_committed(const struct realtime_name *name)
{
    return dump(json_pack("{s:s, s:s, s:s, s:s?}", "type", "input_audio_buffer.committed",
                          "event_id", name->event_id, "item_id", name->item_id, "previous_item_id",
                          name->previous_id));
}

char *realtime_say_cleared(const struct realtime_name *name)
{
    return dump(
        json_pack("{s:s, s:s}", "type", "input_audio_buffer.cleared", "event_id", name->event_id));
}

char *realtime_say_item(const char *type, const char *transcript, const struct realtime_name *name)
{
    return dump(json_pack("{s:s, s:s, s:s?, s:{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:s?}]}}", "type",
                          type, "event_id", name->event_id, "previous_item_id", name->previous_id,
                          "item", "id", name->item_id, "object", "realtime.item", "type", "message",
                          "role", "user", "status", "completed", "content", "type", "input_audio",
                          "transcript", transcript));
}

char *realtime_say_deleted(const struct realtime_name *name)
{
    return dump(json_pack("{s:s, s:s, s:s}", "type", "conversation.item.deleted", "event_id",
                          name->event_id, "item_id", name->item_id));
}

char *realtime_say_delta(const char *delta, const struct realtime_name *name)
{
    return dump(json_pack("{s:s, s:s, s:s, s:i, s:s}", "type", TRANSCRIPTION "delta", "event_id",
                          name->event_id, "item_id", name->item_id, "content_index", 0, "delta",
                          delta));
}

char *realtime_say_completed(const char *transcript, double seconds,
                             const struct result_depth *depth, const struct result_word *words,
                             size_t count, const struct realtime_name *name)
{
    json_t *body =
        json_pack("{s:s, s:s, s:s, s:i, s:s, s:{s:s, s:f}, s:o}", "type", TRANSCRIPTION "completed",
                  "event_id", name->event_id, "item_id", name->item_id, "content_index", 0,
                  "transcript", transcript, "usage", "type", "duration", "seconds",
                  round(seconds * 1000) / 1000, "depth", depthjson_make(depth));
    if (body && words) {
        json_t *list = json_array();
        logprobs_add(list, words, count);
        json_object_set_new(body, "logprobs", list);
    }
    return dump(body);
}

char *realtime_say_failed(const char *message, const struct realtime_name *name)
{
    return dump(json_pack("{s:s, s:s, s:s, s:i, s:{s:s, s:s}}", "type", TRANSCRIPTION "failed",
                          "event_id", name->event_id, "item_id", name->item_id, "content_index", 0,
                          "error", "type", "server_error", "message", message));
}

char *realtime_say_partial(const char *transcript, const struct result_depth *depth,
                           const struct realtime_name *name)
{
    return dump(json_pack("{s:s, s:s, s:s, s:i, s:s, s:o}", "type",
                          "foldscribe.input_audio_transcription.partial", "event_id",
                          name->event_id, "item_id", name->item_id, "content_index", 0,
                          "transcript", transcript, "depth", depthjson_make(depth)));
}
