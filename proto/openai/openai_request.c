/* openai_request.c - the form of a transcription request: see openai.h. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "openai.h"
#include "parameters.h"

#define INVALID "invalid_request_error"

static const char *const formats[] = {"json", "text", "verbose_json", "srt", "vtt"};

void openai_request_init(struct openai_request *request, const struct catalog *catalog)
{
    *request = (struct openai_request){.catalog = catalog, .segments = true};
}

void openai_request_finish(struct openai_request *request)
{
    hotword_list_finish(&request->hotwords);
}

/* key, key[], key[0]: the SDKs differ. */
static bool is_list(const char *name, const char *key)
{
    const size_t length = strlen(key);
    return strncmp(name, key, length) == 0 && (name[length] == '\0' || name[length] == '[');
}

/* A list inside one value: commas or line ends between entries. */
static int add_hotwords(struct openai_request *request, const char *text, struct field_error *err)
{
    while (*text) {
        const size_t length = strcspn(text, ",\n");
        if (hotword_list_add(&request->hotwords, "keywords", text, length, OPENAI_WEIGHT, err) != 0)
            return -1;
        text += length + (text[length] != '\0');
    }
    return 0;
}

static int set_language(struct openai_request *request, const char *text, struct field_error *err)
{
    bool is_auto;
    if (field_language(&is_auto, "language", text, err) != 0)
        return -1;
    if (is_auto)
        notices_add(&request->notices, "language", "nothing but English is heard");
    return 0;
}

static int set_granularity(struct openai_request *request, const char *text,
                           struct field_error *err)
{
    const bool word = strcmp(text, "word") == 0;
    if (!word && strcmp(text, "segment") != 0)
        return field_fail(err, FIELD_UNSUPPORTED, "timestamp_granularities",
                          "'%.40s' is not a granularity: use word or segment", text);
    if (!request->has_granularities)
        request->segments = false; /* who names one wants that one */
    request->has_granularities = true;
    request->words |= word;
    request->segments |= !word;
    return 0;
}

static int set_temperature(struct openai_request *request, const char *text,
                           struct field_error *err)
{
    double value;
    if (field_number(&value, "temperature", text, 0, 1, err) != 0)
        return -1;
    if (value > 0)
        notices_add(&request->notices, "temperature", "nothing is drawn by lot here");
    return 0;
}

static int set_pause(struct openai_request *request, double ms, struct field_error *err)
{
    if (!(ms >= OPENAI_PAUSE_LEAST_MS && ms <= OPENAI_PAUSE_MOST_MS))
        return field_fail(err, FIELD_INVALID, "chunking_strategy",
                          "chunking_strategy.silence_duration_ms must be a number from %d to %d",
                          OPENAI_PAUSE_LEAST_MS, OPENAI_PAUSE_MOST_MS);
    request->pause_ms = (uint32_t)ms;
    return 0;
}

/* "auto", an object as JSON, or one field of it, key being "[type]" and so on. Recordings are
 * always cut at pauses; what can be set is how long one is. */
static int set_chunking(struct openai_request *request, const char *key, const char *text,
                        struct field_error *err)
{
    if (strcmp(key, "[silence_duration_ms]") == 0) {
        char *end;
        const double ms = strtod(text, &end);
        return set_pause(request, end == text || *end ? -1 : ms, err);
    }
    if (strcmp(key, "[type]") == 0)
        return strcmp(text, "server_vad") == 0
                   ? 0
                   : field_fail(err, FIELD_UNSUPPORTED, "chunking_strategy",
                                "chunking_strategy.type '%.40s' is not supported: use server_vad",
                                text);
    if (*key || strcmp(text, "auto") == 0 || !*text)
        return 0;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(object, "type"));
    const json_t *silence = json_object_get(object, "silence_duration_ms");
    int result = 0;
    if (!type || strcmp(type, "server_vad") != 0)
        result = field_fail(err, FIELD_UNSUPPORTED, "chunking_strategy",
                            "chunking_strategy must be auto or an object of type server_vad");
    else if (silence)
        result = set_pause(request, json_is_number(silence) ? json_number_value(silence) : -1, err);
    json_decref(object);
    return result;
}

static int set_format(struct openai_request *request, const char *text, struct field_error *err)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(text, formats[i]) == 0) {
            request->format = (enum openai_format)i;
            return 0;
        }
    return field_fail(
        err, FIELD_UNSUPPORTED, "response_format",
        "response_format '%.40s' is not supported: use json, text, verbose_json, srt or vtt", text);
}

static int set_field(struct openai_request *request, const char *name, const char *text,
                     struct field_error *err)
{
    if (strcmp(name, "model") == 0) {
        request->has_model = true;
        if (strlen(text) >= sizeof request->model)
            return field_fail(err, FIELD_NO_MODEL, "model", "the model name is too long");
        return field_text(request->model, sizeof request->model, "model", text, err);
    }
    if (strcmp(name, "response_format") == 0)
        return set_format(request, text, err);
    if (strcmp(name, "latency_ms") == 0)
        return field_latency(&request->latency_ms, name, text, err);
    if (strcmp(name, "tier") == 0)
        return field_text(request->tier, sizeof request->tier, name, text, err);
    if (strcmp(name, "depth") == 0)
        return field_depth(&request->depth, name, text, request->catalog->unfolds, err);
    if (is_list(name, "timestamp_granularities"))
        return set_granularity(request, text, err);
    if (strcmp(name, "stream") == 0)
        return field_truth(&request->stream, name, text, err);
    if (strcmp(name, "draft") == 0)
        return field_truth(&request->draft, name, text, err);
    if (is_list(name, "language"))
        return set_language(request, text, err);
    if (is_list(name, "languages"))
        return field_language(NULL, "languages", text, err);
    if (is_list(name, "include") && strcmp(text, "logprobs") == 0) {
        request->logprobs = true;
        return 0;
    }
    if (strcmp(name, "prompt") == 0)
        return hotword_list_add_prompt(&request->hotwords, name, text, OPENAI_PROMPT_WEIGHT, err);
    if (strncmp(name, "chunking_strategy", 17) == 0)
        return set_chunking(request, name + 17, text, err);
    if (strcmp(name, "temperature") == 0)
        return set_temperature(request, text, err);
    if (is_list(name, "keywords") || is_list(name, "hotwords"))
        return add_hotwords(request, text, err);
    return parameters_judge(&request->notices, name, text, err);
}

int openai_request_field(struct openai_request *request, const char *name, const char *value,
                         size_t length, struct openai_error *err)
{
    struct field_error wrong;
    if (memchr(value, '\0', length))
        return openai_fail(err, 400, INVALID, "invalid_value", name, "the field holds a zero byte");
    char *text = strndup(value, length);
    if (!text)
        return openai_fail(err, 500, "server_error", NULL, NULL, "out of memory");
    const int result = set_field(request, name, text, &wrong);
    free(text);
    return result == 0 ? 0 : openai_fail_field(err, &wrong);
}

int openai_request_check(struct openai_request *request, struct openai_error *err)
{
    struct field_error wrong;
    uint32_t depth;
    if (!request->has_file)
        return openai_fail(
            err, 400, INVALID, "missing_required_parameter", "file",
            "the form has no part named 'file' with a filename: send the audio there");
    if (!request->has_model) {
        char list[400];
        catalog_list(request->catalog, list, sizeof list);
        return openai_fail(err, 400, INVALID, "missing_required_parameter", "model",
                           "the form has no field 'model': use %s", list);
    }
    if (catalog_find(request->catalog, "model", request->model, &depth, &wrong) != 0)
        return openai_fail_field(err, &wrong);
    if (request->stream && request->format != OPENAI_JSON && request->format != OPENAI_TEXT)
        return openai_fail(err, 400, INVALID, "unsupported_value", "stream",
                           "stream=true goes with response_format json or text only");
    if (request->draft && !request->stream)
        return openai_fail(err, 400, INVALID, "unsupported_value", "draft",
                           "draft=true goes with stream=true only");
    /* Where both are given, the field says it more plainly than the name. */
    if (!request->depth)
        request->depth = depth;
    return 0;
}
