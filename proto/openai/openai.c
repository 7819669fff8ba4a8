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
#include "subtitles.h"
#include "utf8.h"

#define INVALID "invalid_request_error"

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

bool openai_serves(const struct openai_catalog *catalog, const char *name, size_t length)
{
    const char *const names[] = {catalog->seed, "foldscribe", "whisper-1"};
    for (size_t i = 0; i < 3; i++)
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return true;
    return false;
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

static json_t *segments_json(const struct result_transcript *t)
{
    json_t *segments = json_array();
    int id = 0;
    for (size_t i = 0; i < t->segments_count; i++) {
        const struct result_segment *s = &t->segments[i];
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

static json_t *logprobs(const struct result_transcript *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->segments_count; i++)
        logprobs_add(list, t->segments[i].words, t->segments[i].words_count);
    return list;
}

static json_t *warnings_json(const struct result_transcript *t)
{
    json_t *list = json_array();
    for (size_t i = 0; i < t->warnings_count; i++)
        json_array_append_new(list, json_string(t->warnings[i]));
    return list;
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
    if (body && t->warnings_count)
        json_object_set_new(body, "warnings", warnings_json(t));
    if (body && request->logprobs && request->format == OPENAI_JSON)
        json_object_set_new(body, "logprobs", logprobs(t));
    if (body && request->format == OPENAI_VERBOSE_JSON) {
        json_object_set_new(body, "task", json_string("transcribe"));
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
    if (!openai_serves(catalog, id, strlen(id))) {
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
