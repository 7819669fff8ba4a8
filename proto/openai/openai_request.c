/* openai_request.c - the form of a transcription request: see openai.h. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "openai.h"
#include "words.h"

#define INVALID "invalid_request_error"

static const char *const formats[] = {"json", "text", "verbose_json", "srt", "vtt"};

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
    if (!request->weights[request->boosts_count])
        request->weights[request->boosts_count] = OPENAI_WEIGHT;
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

/* Its words are favoured a little, as far as there is room. */
static int add_prompt(struct openai_request *request, const char *text, struct openai_error *err)
{
    size_t length;
    for (const char *word; (word = words_of_prompt(&text, &length));)
        if (length <= OPENAI_BOOST_BYTES && request->boosts_count < OPENAI_BOOSTS) {
            request->weights[request->boosts_count] = OPENAI_PROMPT_WEIGHT;
            if (add_boost(request, word, length, err) != 0)
                return -1;
        }
    return 0;
}

static int set_flag(bool *ret_flag, const char *name, const char *text, struct openai_error *err)
{
    const bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return openai_fail(err, 400, INVALID, "invalid_value", name, "%s must be true or false",
                           name);
    *ret_flag = yes;
    return 0;
}

static int check_language(const char *text, struct openai_error *err)
{
    if (!*text || strcasecmp(text, "english") == 0 ||
        (strncasecmp(text, "en", 2) == 0 && (text[2] == '\0' || text[2] == '-' || text[2] == '_')))
        return 0;
    return openai_fail(err, 400, INVALID, "unsupported_value", "language",
                       "language '%.40s' is not supported: this model transcribes English (en)",
                       text);
}

static int set_pause(struct openai_request *request, double ms, struct openai_error *err)
{
    if (!(ms >= OPENAI_PAUSE_LEAST_MS && ms <= OPENAI_PAUSE_MOST_MS))
        return openai_fail(err, 400, INVALID, "invalid_value", "chunking_strategy",
                           "chunking_strategy.silence_duration_ms must be a number from %d to %d",
                           OPENAI_PAUSE_LEAST_MS, OPENAI_PAUSE_MOST_MS);
    request->pause_ms = (uint32_t)ms;
    return 0;
}

/* "auto", an object as JSON, or one field of it, key being "[type]" and so on. Recordings are
 * always cut at pauses; what can be set is how long one is. */
static int set_chunking(struct openai_request *request, const char *key, const char *text,
                        struct openai_error *err)
{
    if (strcmp(key, "[silence_duration_ms]") == 0) {
        char *end;
        const double ms = strtod(text, &end);
        return set_pause(request, end == text || *end ? -1 : ms, err);
    }
    if (strcmp(key, "[type]") == 0)
        return strcmp(text, "server_vad") == 0
                   ? 0
                   : openai_fail(err, 400, INVALID, "unsupported_value", "chunking_strategy",
                                 "chunking_strategy.type '%.40s' is not supported: use server_vad",
                                 text);
    if (*key || strcmp(text, "auto") == 0 || !*text)
        return 0;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(object, "type"));
    const json_t *silence = json_object_get(object, "silence_duration_ms");
    int result = 0;
    if (!type || strcmp(type, "server_vad") != 0)
        result = openai_fail(err, 400, INVALID, "unsupported_value", "chunking_strategy",
                             "chunking_strategy must be auto or an object of type server_vad");
    else if (silence)
        result = set_pause(request, json_is_number(silence) ? json_number_value(silence) : -1, err);
    json_decref(object);
    return result;
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

static int set_latency(struct openai_request *request, const char *text, struct openai_error *err)
{
    char *end;
    errno = 0;
    const unsigned long ms = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || ms < 1 || ms > 3600000)
        return openai_fail(err, 400, INVALID, "invalid_value", "latency_ms",
                           "latency_ms must be a whole number of ms from 1 to 3600000");
    request->latency_ms = (uint32_t)ms;
    return 0;
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
    if (strcmp(name, "latency_ms") == 0)
        return set_latency(request, text, err);
    if (strcmp(name, "tier") == 0) {
        snprintf(request->tier, sizeof request->tier, "%s", text);
        return 0;
    }
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
    if (strcmp(name, "stream") == 0)
        return set_flag(&request->stream, name, text, err);
    if (strcmp(name, "draft") == 0)
        return set_flag(&request->draft, name, text, err);
    if (strcmp(name, "language") == 0)
        return check_language(text, err);
    if (is_list(name, "include")) {
        request->logprobs |= strcmp(text, "logprobs") == 0;
        return 0;
    }
    if (strcmp(name, "prompt") == 0)
        return add_prompt(request, text, err);
    if (strncmp(name, "chunking_strategy", 17) == 0)
        return set_chunking(request, name + 17, text, err);
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
    if (!openai_serves(catalog, request->model, length))
        return openai_fail(err, 404, INVALID, "model_not_found", "model",
                           "the model '%.80s' does not exist: use foldscribe, whisper-1 or %s, "
                           "with @1 to @%u for a depth",
                           request->model, catalog->seed, catalog->unfolds);
    if (at && set_depth(request, at + 1, "model", catalog->unfolds, err) != 0)
        return -1;
    if (request->stream && request->format != OPENAI_JSON && request->format != OPENAI_TEXT)
        return openai_fail(err, 400, INVALID, "unsupported_value", "stream",
                           "stream=true goes with response_format json or text only");
    if (request->draft && !request->stream)
        return openai_fail(err, 400, INVALID, "unsupported_value", "draft",
                           "draft=true goes with stream=true only");
    /* Where both are given, the field says it more plainly than the name. */
    if (request->has_depth)
        return set_depth(request, request->depth_text, "depth", catalog->unfolds, err);
    return 0;
}
