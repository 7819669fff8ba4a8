/* deepgram.c - see deepgram.h; the contract is that of the official SDKs (deepgram-js 5). */
#include "deepgram.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "depthjson.h"
#include "profanity.h"
#include "tier.h"
#include "utf8.h"
#include "words.h"

static int fail(struct deepgram_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct deepgram_error *err, const char *format, ...)
{
    va_list args;
    err->status = 400;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    return -1;
}

int deepgram_fail_field(struct deepgram_error *err, const struct field_error *wrong)
{
    err->status = wrong->fault == FIELD_NO_MEMORY ? 503 : 400;
    memcpy(err->message, wrong->message, sizeof err->message);
    _Static_assert(sizeof err->message == sizeof wrong->message, "it fits");
    return -1;
}

bool deepgram_is_readable(const struct deepgram_config *config)
{
    return config->punctuate || config->smart_format || config->paragraphs;
}

enum deepgram_message deepgram_recv(const char *text, size_t length, int *ret_channel)
{
    json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(message, "type"));
    const json_t *channel = json_object_get(message, "channel");
    enum deepgram_message result = DEEPGRAM_UNKNOWN;
    *ret_channel = -1;
    if (type && strcmp(type, "KeepAlive") == 0)
        result = DEEPGRAM_KEEP_ALIVE;
    else if (type && strcmp(type, "Finalize") == 0)
        result = DEEPGRAM_FINALIZE;
    else if (type && strcmp(type, "CloseStream") == 0)
        result = DEEPGRAM_CLOSE_STREAM;
    else if (type && strcmp(type, "Configure") == 0)
        result = DEEPGRAM_CONFIGURE;
    if (json_is_integer(channel) && json_integer_value(channel) >= 0 &&
        json_integer_value(channel) < 256)
        *ret_channel = (int)json_integer_value(channel);
    json_decref(message);
    return result;
}

int deepgram_configure(struct deepgram_config *config, const char *text, size_t length,
                       struct deepgram_error *err)
{
    struct deepgram_config now = *config;
    const uint32_t unfolds = config->catalog->unfolds;
    const struct {
        const char *name;
        uint32_t *value, least, most;
    } dials[] = {
        {"depth", &now.depth, 1, unfolds},
        {"partial_depth", &now.partial_depth, 1, unfolds},
        {"latency_ms", &now.latency_ms, 1, TIER_BUDGET_MS},
        {"partial_every_ms", &now.partial_every_ms, DEEPGRAM_EVERY_LEAST, DEEPGRAM_EVERY_MOST}};
    json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    uint32_t named = 0;
    int result = 0;

    for (size_t i = 0; i < sizeof dials / sizeof *dials && result == 0; i++) {
        const json_t *value = json_object_get(message, dials[i].name);
        const json_int_t number = json_integer_value(value);
        named += value != NULL;
        if (json_is_null(value))
            *dials[i].value = 0;
        else if (json_is_integer(value) && number >= dials[i].least && number <= dials[i].most)
            *dials[i].value = (uint32_t)number;
        else if (value)
            result = fail(err, "%s: must be a whole number from %u to %u, or null", dials[i].name,
                          dials[i].least, dials[i].most);
    }
    json_decref(message);
    if (result == 0 && !named)
        result = fail(err, "Configure names none of depth, partial_depth, latency_ms and "
                           "partial_every_ms");
    if (result == 0)
        *config = now;
    return result;
}

static double seconds(int64_t samples)
{
    return round((double)samples / RESULT_RATE_HZ * 1000) / 1000;
}

static double thousandths(float x)
{
    return round((double)x * 1000) / 1000;
}

static char *dump(json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(body);
    return text;
}

static json_t *word_json(const struct result_word *w)
{
    char *plain = malloc(strlen(w->text) + 1);
    if (!plain)
        return NULL;
    words_plain(plain, w->text);
    json_t *word = json_pack("{s:s, s:f, s:f, s:f, s:s}", "word", plain, "start",
                             seconds(w->start_samples), "end", seconds(w->end_samples),
                             "confidence", thousandths(w->confidence), "punctuated_word", w->text);
    free(plain);
    return word;
}

static double mean_confidence(const struct result_word *words, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)words[i].confidence;
    return count ? round(sum / (double)count * 1000) / 1000 : 0;
}

json_t *deepgram_alternative(const struct result_word *words, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, word_json(&words[i]));
    char *text = words_join(words, count);
    json_t *result = json_pack("{s:s, s:f, s:o}", "transcript", text, "confidence",
                               mean_confidence(words, count), "words", list);
    free(text);
    return result;
}

static json_t *alternative(const struct result_segment *segment,
                           const struct deepgram_config *config)
{
    if (!config || !config->profanity_filter)
        return deepgram_alternative(segment->words, segment->words_count);
    struct result_word *hidden = profanity_hide(segment->words, segment->words_count);
    json_t *result = hidden ? deepgram_alternative(hidden, segment->words_count) : NULL;
    free(hidden);
    return result;
}

/* The segment's text and its others. */
static json_t *alternatives_json(const struct result_segment *segment,
                                 const struct deepgram_config *config)
{
    json_t *list = json_array();
    json_array_append_new(list, alternative(segment, config));
    for (size_t i = 0; i < segment->others_count; i++)
        json_array_append_new(list, alternative(&segment->others[i], config));
    return list;
}

static json_t *texts_json(char *const *texts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

/* "key:value" as {"key": "value"}. */
static json_t *extras_json(const struct deepgram_config *config)
{
    json_t *extras = json_object();
    for (size_t i = 0; i < config->extras_count; i++) {
        const char *extra = config->extras[i];
        const size_t length = strcspn(extra, ":");
        json_object_setn_new(extras, extra, length,
                             json_string(extra + length + (extra[length] == ':')));
    }
    return extras;
}

static json_t *warnings_json(const struct notices *notices)
{
    json_t *list = json_array();
    for (size_t i = 0; i < notices->count; i++) {
        char line[NOTICES_LINE];
        notices_line(&notices->list[i], line);
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "parameter", notices->list[i].parameter,
                                        "type", "unsupported_parameter", "message", line));
    }
    return list;
}

void deepgram_add_asked(struct json_t *metadata, const struct deepgram_config *config)
{
    if (!config || !metadata)
        return;
    if (config->tags_count)
        json_object_set_new(metadata, "tags", texts_json(config->tags, config->tags_count));
    if (config->extras_count)
        json_object_set_new(metadata, "extra", extras_json(config));
    if (config->notices.count)
        json_object_set_new(metadata, "warnings", warnings_json(&config->notices));
}

static json_t *number_or_null(uint32_t value)
{
    return value ? json_integer(value) : json_null();
}

char *deepgram_configured(const struct deepgram_config *c, const struct deepgram_error *failed,
                          const char *request_id)
{
    if (failed)
        return dump(json_pack("{s:s, s:s, s:s}", "type", "ConfigureFailure", "request_id",
                              request_id, "description", failed->message));
    return dump(json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "type", "ConfigureSuccess",
                          "request_id", request_id, "depth", number_or_null(c->depth),
                          "partial_depth", number_or_null(c->partial_depth), "latency_ms",
                          number_or_null(c->latency_ms), "partial_every_ms",
                          number_or_null(c->partial_every_ms)));
}

char *deepgram_results(const struct result *u, const struct deepgram_source *source)
{
    const struct result_segment *segment = &u->segment;
    json_t *metadata =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:o}", "request_id", source->request_id,
                  "model_uuid", source->model_id, "model_info", "name", source->model, "version",
                  source->version, "arch", "foldscribe", "depth", depthjson_make(&segment->depth));
    if (source->is_first)
        deepgram_add_asked(metadata, source->config);
    return dump(json_pack("{s:s, s:[i,i], s:f, s:f, s:b, s:b, s:b, s:{s:o}, s:o, s:o}", "type",
                          "Results", "channel_index", (int)source->channel, (int)source->channels,
                          "duration", seconds(segment->end_samples - segment->start_samples),
                          "start", seconds(segment->start_samples), "is_final", u->final,
                          "speech_final", u->final && u->endpoint, "from_finalize", u->from_flush,
                          "channel", "alternatives", alternatives_json(segment, source->config),
                          "metadata", metadata, "depth", depthjson_make(&segment->depth)));
}

char *deepgram_speech_started(int64_t at_samples, const struct deepgram_source *source)
{
    return dump(json_pack("{s:s, s:[i,i], s:f}", "type", "SpeechStarted", "channel",
                          (int)source->channel, (int)source->channels, "timestamp",
                          seconds(at_samples)));
}

char *deepgram_utterance_end(int64_t last_word_samples, const struct deepgram_source *source)
{
    return dump(json_pack("{s:s, s:[i,i], s:f}", "type", "UtteranceEnd", "channel",
                          (int)source->channel, (int)source->channels, "last_word_end",
                          seconds(last_word_samples)));
}

char *deepgram_metadata(int64_t duration_samples, uint32_t channels, const char *created,
                        const struct deepgram_source *source)
{
    json_t *info = json_pack("{s:{s:s, s:s, s:s}}", source->model_id, "name", source->model,
                             "version", source->version, "arch", "foldscribe");
    json_t *metadata =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:[s], s:o}", "type", "Metadata",
                  "transaction_key", "deprecated", "request_id", source->request_id, "sha256", "",
                  "created", created, "duration", seconds(duration_samples), "channels",
                  (int)channels, "models", source->model_id, "model_info", info);
    deepgram_add_asked(metadata, source->config);
    return dump(metadata);
}

void deepgram_error_header(const struct deepgram_error *err, char *ret_text, size_t room)
{
    size_t n = 0;
    for (const char *c = err->message; *c && n + 1 < room; c++)
        if ((unsigned char)*c >= 32 && (unsigned char)*c < 127)
            ret_text[n++] = *c;
    ret_text[n] = '\0';
}

char *deepgram_accepted(const char *request_id)
{
    return dump(json_pack("{s:s}", "request_id", request_id));
}

char *deepgram_error_body(const struct deepgram_error *err, const char *request_id)
{
    struct deepgram_error fit = *err;
    utf8_mend(fit.message); /* it repeats the query, cut anywhere */
    return dump(json_pack("{s:s, s:s, s:s}", "err_code",
                          fit.status == 401 ? "INVALID_AUTH" : "Bad Request", "err_msg",
                          fit.message, "request_id", request_id));
}
