/* openai.c - see openai.h; the contract is the official SDKs' (openai-node 6, openai-python 3). */
#include "openai.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "depthjson.h"
#include "logprobs.h"
#include "sentences.h"
#include "subtitles.h"
#include "utf8.h"
#include "words.h"

#define INVALID      "invalid_request_error"
#define SEGMENT_MOST (30 * RESULT_RATE_HZ) /* where no marks say what a sentence is */

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

int openai_fail_field(struct openai_error *err, const struct field_error *wrong)
{
    return openai_fail(err, field_status(wrong->fault),
                       wrong->fault == FIELD_NO_MEMORY ? "server_error" : INVALID,
                       field_code(wrong->fault), wrong->field, "%s", wrong->message);
}

/* ---- responses --------------------------------------------------------------------------- */

static double seconds(int64_t samples)
{
    return round((double)samples / RESULT_RATE_HZ * 1000) / 1000;
}

static char *join(const struct result_segment *segments, size_t count)
{
    size_t room = 1;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < segments[i].words_count; j++)
            room += strlen(segments[i].words[j].text) + 1;
    char *text = malloc(room), *at = text;
    for (size_t i = 0; text && i < count; i++)
        for (size_t j = 0; j < segments[i].words_count; j++)
            at += sprintf(at, "%s%s", at == text ? "" : " ", segments[i].words[j].text);
    if (text)
        *at = '\0';
    return text;
}

struct json_t *openai_words(const struct result_segment *segments, size_t count)
{
    json_t *words = json_array();
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < segments[i].words_count; j++) {
            const struct result_word *w = &segments[i].words[j];
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

/* Is nothing of this said? Each word would have to be wrong. */
static double no_speech(const struct result_word *words, size_t count)
{
    double none = 1;
    for (size_t i = 0; i < count; i++)
        none *= 1 - fmin(fmax((double)words[i].confidence, 0), 1);
    return round(none * 1000) / 1000;
}

/* Of the segment that the index-th of all words is in. */
static double mean_logp(const struct result_transcript *t, size_t index)
{
    size_t i = 0;
    while (i + 1 < t->segments_count && index >= t->segments[i].words_count)
        index -= t->segments[i++].words_count;
    return (double)t->segments[i].mean_logp;
}

/* A segment for clients is a sentence, however the sound was cut. */
static json_t *segments_json(const struct result_transcript *t)
{
    size_t count;
    struct result_word *words = sentences_words(t->segments, t->segments_count, &count);
    json_t *segments = json_array();
    for (size_t first = 0, i = 0; words && i < count; i++) {
        const bool is_long =
            i + 1 < count && words[i + 1].end_samples - words[first].start_samples > SEGMENT_MOST;
        if (!is_long && !sentences_end(words, count, i))
            continue;
        char *text = words_join(words + first, i + 1 - first);
        json_array_append_new(
            segments, text ? json_pack("{s:i, s:i, s:f, s:f, s:s, s:[], s:f, s:f, s:f, s:f}", "id",
                                       (int)json_array_size(segments), "seek", 0, "start",
                                       seconds(words[first].start_samples), "end",
                                       seconds(words[i].end_samples), "text", text, "tokens",
                                       "temperature", 0.0, "avg_logprob", mean_logp(t, first),
                                       "compression_ratio", compression_ratio(text),
                                       "no_speech_prob", no_speech(words + first, i + 1 - first))
                           : NULL);
        free(text);
        first = i + 1;
    }
    free(words);
    return segments;
}

static json_t *logprobs(const struct result_transcript *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->segments_count; i++)
        logprobs_add(list, t->segments[i].words, t->segments[i].words_count);
    return list;
}

/* Of the recording, and of the request; NULL: none. */
static json_t *warnings_json(const struct openai_request *request,
                             const struct result_transcript *t)
{
    json_t *list = json_array(), *asked = notices_json(&request->notices);
    for (size_t i = 0; i < t->warnings_count; i++)
        json_array_append_new(list, json_string(t->warnings[i]));
    json_array_extend(list, asked);
    json_decref(asked);
    if (json_array_size(list))
        return list;
    json_decref(list);
    return NULL;
}

static char *json_response(const struct openai_request *request, const struct result_transcript *t)
{
    char *text = join(t->segments, t->segments_count);
    if (!text)
        return NULL;
    json_t *body =
        json_pack("{s:s, s:{s:s, s:f}, s:o}", "text", text, "usage", "type", "duration", "seconds",
                  seconds(t->duration_samples), "depth", depthjson_make(&t->depth));
    free(text);
    json_t *warnings = warnings_json(request, t);
    if (body && warnings)
        json_object_set(body, "warnings", warnings);
    json_decref(warnings);
    if (body && request->logprobs && request->format == OPENAI_JSON)
        json_object_set_new(body, "logprobs", logprobs(t));
    if (body && request->format == OPENAI_VERBOSE_JSON) {
        json_object_set_new(body, "task",
                            json_string(request->is_translation ? "translate" : "transcribe"));
        json_object_set_new(body, "language", json_string("english"));
        json_object_set_new(body, "duration", json_real(seconds(t->duration_samples)));
        if (request->words)
            json_object_set_new(body, "words", openai_words(t->segments, t->segments_count));
        if (request->segments)
            json_object_set_new(body, "segments", segments_json(t));
    }
    char *out = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(body);
    return out;
}

char *openai_response(const struct openai_request *request, const struct result_transcript *t,
                      const char **ret_type)
{
    switch (request->format) {
    case OPENAI_TEXT:
        *ret_type = "text/plain; charset=utf-8";
        char *text = join(t->segments, t->segments_count);
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

char *openai_error_body(const struct openai_error *err)
{
    json_t *body =
        json_pack("{s:{s:s, s:s, s:s?, s:s?}}", "error", "message", err->message, "type", err->type,
                  "param", err->param[0] ? err->param : NULL, "code", err->code);
    char *out = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return out;
}

/* depth: that the name goes with; 0: none. */
static json_t *model_json(const struct catalog *catalog, const char *id, uint32_t depth)
{
    json_t *model = json_pack("{s:s, s:s, s:I, s:s, s:{s:i, s:i}}", "id", id, "object", "model",
                              "created", (json_int_t)catalog->created_s, "owned_by", "foldscribe",
                              "depth", "min", 1, "max", (int)catalog->unfolds);
    if (model && depth)
        json_object_set_new(json_object_get(model, "depth"), "default", json_integer(depth));
    if (model && strcmp(id, catalog->seed) != 0)
        json_object_set_new(model, "alias_of", json_string(catalog->seed));
    return model;
}

char *openai_models(const struct catalog *catalog)
{
    json_t *data = json_array();
    uint32_t depth;
    const char *name;
    for (size_t i = 0; (name = catalog_name(catalog, i, &depth)); i++)
        json_array_append_new(data, model_json(catalog, name, depth));
    json_t *body = json_pack("{s:s, s:o}", "object", "list", "data", data);
    char *out = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return out;
}

char *openai_model(const struct catalog *catalog, const char *id, struct openai_error *err)
{
    struct field_error wrong;
    uint32_t depth;
    if (catalog_find(catalog, "model", id, &depth, &wrong) != 0) {
        openai_fail_field(err, &wrong);
        return NULL;
    }
    json_t *body = model_json(catalog, id, depth);
    char *out = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return out;
}
