/* openai.c - see openai.h; the contract is the official SDKs' (openai-node 6, openai-python 3). */
#include "openai.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "subtitles.h"
#include "utf8.h"

#define INVALID "invalid_request_error"

static const char *const formats[] = {"json", "text", "verbose_json", "srt", "vtt"};

int openai_fail(struct openai_error *err, int status, const char *type, const char *code,
                const char *param, const char *format, ...)
{
    va_list args;
    *err = (struct openai_error){.status = status, .type = type, .code = code};
    snprintf(err->param, sizeof err->param, "%s", param ? param : "");
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    /* Both may repeat what the client sent, and both may have been cut inside a character. */
    utf8_mend(err->param);
    utf8_mend(err->message);
    return -1;
}

/* ---- requests ---------------------------------------------------------------------------- */

void openai_request_init(struct openai_request *request)
{
    *request = (struct openai_request){.segments = true};
}

void openai_request_finish(struct openai_request *request)
{
    for (size_t i = 0; i < request->boosts_count; i++)
        free(request->boosts[i]);
    request->boosts_count = 0;
}

/* key, key[], key[0]: the SDKs differ. */
static bool is_list(const char *name, const char *key)
{
    const size_t length = strlen(key);
    return strncmp(name, key, length) == 0 && (name[length] == '\0' || name[length] == '[');
}

static int add_boost(struct openai_request *request, const char *text, size_t length,
                     struct openai_error *err)
{
    while (length && isspace((unsigned char)*text))
        text++, length--;
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    if (!length)
        return 0;
    if (request->boosts_count == OPENAI_BOOSTS)
        return openai_fail(err, 400, INVALID, "too_many_keywords", "keywords",
                           "at most %d keywords are allowed", OPENAI_BOOSTS);
    if (length > OPENAI_BOOST_BYTES)
        return openai_fail(err, 400, INVALID, "string_above_max_length", "keywords",
                           "a keyword has %zu bytes: at most %d are allowed", length,
                           OPENAI_BOOST_BYTES);
    char *copy = strndup(text, length);
    if (!copy)
        return openai_fail(err, 500, "server_error", NULL, NULL, "out of memory");
    request->boosts[request->boosts_count++] = copy;
    return 0;
}

/* A list inside one value: commas or line ends between entries. */
static int add_boosts(struct openai_request *request, const char *text, struct openai_error *err)
{
    while (*text) {
        const size_t length = strcspn(text, ",\n");
        if (add_boost(request, text, length, err) != 0)
            return -1;
        text += length + (text[length] != '\0');
    }
    return 0;
}

static int set_format(struct openai_request *request, const char *text, struct openai_error *err)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(text, formats[i]) == 0) {
            request->format = (enum openai_format)i;
            return 0;
        }
    return openai_fail(
        err, 400, INVALID, "unsupported_value", "response_format",
        "response_format '%.40s' is not supported: use json, text, verbose_json, srt or vtt", text);
}

static int set_field(struct openai_request *request, const char *name, const char *text,
                     struct openai_error *err)
{
    if (strcmp(name, "model") == 0) {
        if (strlen(text) >= sizeof request->model)
            return openai_fail(err, 404, INVALID, "model_not_found", "model",
                               "the model name is too long");
        strcpy(request->model, text);
        request->has_model = true;
        return 0;
    }
    if (strcmp(name, "response_format") == 0)
        return set_format(request, text, err);
    if (strcmp(name, "depth") == 0) {
        const bool fits = strlen(text) < sizeof request->depth_text;
        strcpy(request->depth_text, fits ? text : "(long)");
        request->has_depth = true;
        return 0;
    }
    if (is_list(name, "timestamp_granularities")) {
        if (strcmp(text, "word") != 0 && strcmp(text, "segment") != 0)
            return openai_fail(err, 400, INVALID, "unsupported_value", "timestamp_granularities",
                               "'%.40s' is not a granularity: use word or segment", text);
        request->words |= strcmp(text, "word") == 0;
        return 0;
    }
    if (strcmp(name, "stream") == 0 && strcmp(text, "true") == 0)
        return openai_fail(
            err, 400, INVALID, "unsupported_value", "stream",
            "stream=true is not supported by this server: leave it out or send false");
    if (strcmp(name, "temperature") == 0) {
        char *end;
        const double value = strtod(text, &end);
        if (end == text || *end || !(value >= 0 && value <= 1))
            return openai_fail(err, 400, INVALID, "invalid_value", "temperature",
                               "temperature must be a number from 0 to 1");
        return 0;
    }
    if (is_list(name, "keywords") || is_list(name, "hotwords"))
        return add_boosts(request, text, err);
    return 0;
}

int openai_request_field(struct openai_request *request, const char *name, const char *value,
                         size_t length, struct openai_error *err)
{
    if (memchr(value, '\0', length))
        return openai_fail(err, 400, INVALID, "invalid_value", name, "the field holds a zero byte");
    char *text = strndup(value, length);
    if (!text)
        return openai_fail(err, 500, "server_error", NULL, NULL, "out of memory");
    const int result = set_field(request, name, text, err);
    free(text);
    return result;
}

static bool is_served(const struct openai_catalog *catalog, const char *name, size_t length)
{
    const char *const names[] = {catalog->seed, "foldscribe", "whisper-1"};
    for (size_t i = 0; i < 3; i++)
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return true;
    return false;
}

static int set_depth(struct openai_request *request, const char *text, const char *param,
                     uint32_t unfolds, struct openai_error *err)
{
    char *end;
    errno = 0;
    const unsigned long depth = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || depth < 1 || depth > unfolds)
        return openai_fail(err, 400, INVALID, "invalid_value", param,
                           "depth '%s' is out of range: this model has depths 1 to %u", text,
                           unfolds);
    request->depth = (uint32_t)depth;
    return 0;
}

int openai_request_check(struct openai_request *request, const struct openai_catalog *catalog,
                         struct openai_error *err)
{
    if (!request->has_file)
        return openai_fail(
            err, 400, INVALID, "missing_required_parameter", "file",
            "the form has no part named 'file' with a filename: send the audio there");
    if (!request->has_model)
        return openai_fail(err, 400, INVALID, "missing_required_parameter", "model",
                           "the form has no field 'model': use foldscribe, whisper-1 or %s",
                           catalog->seed);
    const char *at = strrchr(request->model, '@');
    const size_t length = at ? (size_t)(at - request->model) : strlen(request->model);
    if (!is_served(catalog, request->model, length))
        return openai_fail(err, 404, INVALID, "model_not_found", "model",
                           "the model '%.80s' does not exist: use foldscribe, whisper-1 or %s, "
                           "with @1 to @%u for a depth",
                           request->model, catalog->seed, catalog->unfolds);
    if (at && set_depth(request, at + 1, "model", catalog->unfolds, err) != 0)
        return -1;
    /* Where both are given, the field says it more plainly than the name. */
    if (request->has_depth)
        return set_depth(request, request->depth_text, "depth", catalog->unfolds, err);
    return 0;
}

/* ---- responses --------------------------------------------------------------------------- */

static double seconds(int64_t samples)
{
    return round((double)samples / UPDATE_RATE_HZ * 1000) / 1000;
}

static char *join(const struct update_span *spans, size_t count)
{
    size_t room = 1;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < spans[i].words_count; j++)
            room += strlen(spans[i].words[j].text) + 1;
    char *text = malloc(room), *at = text;
    for (size_t i = 0; text && i < count; i++)
        for (size_t j = 0; j < spans[i].words_count; j++)
            at += sprintf(at, "%s%s", at == text ? "" : " ", spans[i].words[j].text);
    if (text)
        *at = '\0';
    return text;
}

static json_t *depth_json(const struct update_depth *depth)
{
    return json_pack("{s:i, s:o, s:s}", "used", (int)depth->used, "asked",
                     depth->asked ? json_integer(depth->asked) : json_null(), "reason",
                     depth->reason);
}

static json_t *words_json(const struct update_transcript *t)
{
    json_t *words = json_array();
    for (size_t i = 0; i < t->spans_count; i++)
        for (size_t j = 0; j < t->spans[i].words_count; j++) {
            const struct update_word *w = &t->spans[i].words[j];
            json_array_append_new(words, json_pack("{s:s, s:f, s:f, s:f}", "word", w->text, "start",
                                                   seconds(w->start_samples), "end",
                                                   seconds(w->end_samples), "confidence",
                                                   round((double)w->confidence * 1000) / 1000));
        }
    return words;
}

/* Bytes of text over bytes deflated: text that repeats itself is suspicious. */
static double compression_ratio(const char *text)
{
    const uLong length = (uLong)strlen(text);
    uLongf deflated = compressBound(length);
    Bytef *out = malloc(deflated);
    const int done = out ? compress(out, &deflated, (const Bytef *)text, length) : Z_MEM_ERROR;
    free(out);
    return done == Z_OK && deflated ? round(1000.0 * (double)length / (double)deflated) / 1000 : 1;
}

static json_t *segments_json(const struct update_transcript *t)
{
    json_t *segments = json_array();
    int id = 0;
    for (size_t i = 0; i < t->spans_count; i++) {
        const struct update_span *s = &t->spans[i];
        char *text = s->words_count ? join(s, 1) : NULL;
        if (!text)
            continue;
        json_array_append_new(
            segments, json_pack("{s:i, s:i, s:f, s:f, s:s, s:[], s:f, s:f, s:f, s:f}", "id", id++,
                                "seek", 0, "start", seconds(s->words[0].start_samples), "end",
                                seconds(s->words[s->words_count - 1].end_samples), "text", text,
                                "tokens", "temperature", 0.0, "avg_logprob", (double)s->mean_logp,
                                "compression_ratio", compression_ratio(text), "no_speech_prob",
                                round((double)s->blank_share * 1000) / 1000));
        free(text);
    }
    return segments;
}

static char *json_response(const struct openai_request *request, const struct update_transcript *t)
{
    char *text = join(t->spans, t->spans_count);
    if (!text)
        return NULL;
    json_t *body =
        json_pack("{s:s, s:{s:s, s:f}, s:o}", "text", text, "usage", "type", "duration", "seconds",
                  seconds(t->duration_samples), "depth", depth_json(&t->depth));
    free(text);
    if (body && request->format == OPENAI_VERBOSE_JSON) {
        json_object_set_new(body, "task", json_string("transcribe"));
        json_object_set_new(body, "language", json_string("english"));
        json_object_set_new(body, "duration", json_real(seconds(t->duration_samples)));
        if (request->words)
            json_object_set_new(body, "words", words_json(t));
        if (request->segments)
            json_object_set_new(body, "segments", segments_json(t));
    }
    char *out = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(body);
    return out;
}

char *openai_response(const struct openai_request *request, const struct update_transcript *t,
                      const char **ret_type)
{
    switch (request->format) {
    case OPENAI_TEXT:
        *ret_type = "text/plain; charset=utf-8";
        char *text = join(t->spans, t->spans_count);
        char *line = NULL;
        if (text && asprintf(&line, "%s\n", text) < 0)
            line = NULL;
        free(text);
        return line;
    case OPENAI_SRT:
        *ret_type = "text/plain; charset=utf-8";
        return subtitles_srt(t);
    case OPENAI_VTT:
        *ret_type = "text/vtt; charset=utf-8";
        return subtitles_vtt(t);
    case OPENAI_JSON:
    case OPENAI_VERBOSE_JSON:
        break;
    }
    *ret_type = "application/json";
    return json_response(request, t);
}

void openai_depth_header(const struct update_depth *depth, char *ret_text, size_t room)
{
    char asked[16] = "-";
    if (depth->asked)
        snprintf(asked, sizeof asked, "%u", depth->asked);
    snprintf(ret_text, room, "used=%u asked=%s reason=%s", depth->used, asked, depth->reason);
}

char *openai_error_body(const struct openai_error *err)
{
    json_t *body =
        json_pack("{s:{s:s, s:s, s:s?, s:s?}}", "error", "message", err->message, "type", err->type,
                  "param", err->param[0] ? err->param : NULL, "code", err->code);
    char *out = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return out;
}

static json_t *model_json(const struct openai_catalog *catalog, const char *id)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:{s:i, s:i}}", "id", id, "object", "model", "created",
                     (json_int_t)catalog->created_s, "owned_by", "foldscribe", "depth", "min", 1,
                     "max", (int)catalog->unfolds);
}

char *openai_models(const struct openai_catalog *catalog)
{
    const char *const names[] = {"foldscribe", "whisper-1", catalog->seed};
    const size_t count = strcmp(catalog->seed, "foldscribe") == 0 ? 2 : 3;
    json_t *data = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(data, model_json(catalog, names[i]));
    json_t *body = json_pack("{s:s, s:o}", "object", "list", "data", data);
    char *out = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return out;
}

char *openai_model(const struct openai_catalog *catalog, const char *id, struct openai_error *err)
{
    if (!is_served(catalog, id, strlen(id))) {
        openai_fail(err, 404, INVALID, "model_not_found", "model",
                    "the model '%.80s' does not exist: there are foldscribe, whisper-1 and %s", id,
                    catalog->seed);
        return NULL;
    }
    json_t *body = model_json(catalog, id);
    char *out = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return out;
}
