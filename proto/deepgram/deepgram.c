/* deepgram.c - see deepgram.h; the contract is that of the official SDKs (deepgram-js 5). */
#include "deepgram.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "depthjson.h"
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

void deepgram_config_init(struct deepgram_config *config)
{
    *config = (struct deepgram_config){
        .encoding = DEEPGRAM_CONTAINER, .channels = 1, .utt_split_s = 0.8, .alternatives = 1};
}

void deepgram_config_finish(struct deepgram_config *config)
{
    for (size_t i = 0; i < config->keyterms_count; i++)
        free(config->keyterms[i]);
    config->keyterms_count = 0;
    free(config->callback);
    config->callback = NULL;
}

static int whole(uint32_t *ret_value, const char *key, const char *text, long low, long high,
                 struct deepgram_error *err)
{
    char *end;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || value < low || value > high)
        return fail(err, "%s=%.40s: must be a whole number from %ld to %ld", key, text, low, high);
    *ret_value = (uint32_t)value;
    return 0;
}

static int truth(bool *ret_value, const char *key, const char *text, struct deepgram_error *err)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return fail(err, "%s=%.40s: must be true or false", key, text);
    *ret_value = strcmp(text, "true") == 0;
    return 0;
}

static int set_encoding(struct deepgram_config *config, const char *text,
                        struct deepgram_error *err)
{
    static const struct {
        const char *name;
        enum deepgram_encoding encoding;
    } known[] = {{"linear16", DEEPGRAM_LINEAR16}, {"linear32", DEEPGRAM_LINEAR32},
                 {"mulaw", DEEPGRAM_MULAW},       {"alaw", DEEPGRAM_ALAW},
                 {"opus", DEEPGRAM_OPUS},         {"ogg-opus", DEEPGRAM_CONTAINER},
                 {"flac", DEEPGRAM_CONTAINER}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(text, known[i].name) == 0) {
            config->encoding = known[i].encoding;
            return 0;
        }
    return fail(
        err,
        "encoding=%.40s: must be linear16, linear32, mulaw, alaw, flac, opus or ogg-opus; leave it "
        "out for WebM, Ogg, WAV, FLAC or MP3",
        text);
}

static int set_utt_split(struct deepgram_config *config, const char *text,
                         struct deepgram_error *err)
{
    char *end;
    const double seconds = strtod(text, &end);
    if (end == text || *end || !(seconds >= 0.1 && seconds <= 60))
        return fail(err, "utt_split=%.40s: must be a number of seconds from 0.1 to 60", text);
    config->utt_split_s = seconds;
    return 0;
}

static int set_callback(struct deepgram_config *config, const char *url, struct deepgram_error *err)
{
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return fail(err, "callback=%.60s: must be an http or https url", url);
    free(config->callback);
    config->callback = strdup(url);
    return config->callback ? 0 : fail(err, "out of memory");
}

/* "term", or "term:boost" as in keywords=. */
static int add_keyterm(struct deepgram_config *config, const char *text, bool with_boost,
                       struct deepgram_error *err)
{
    const char *colon = with_boost ? strrchr(text, ':') : NULL;
    size_t length = colon ? (size_t)(colon - text) : strlen(text);
    float boost = 4;
    if (colon) {
        char *end;
        boost = strtof(colon + 1, &end);
        if (end == colon + 1 || *end || !(boost >= -10 && boost <= 10))
            return fail(err, "keywords=%.60s: the boost must be a number from -10 to 10", text);
    }
    if (!length)
        return 0;
    if (config->keyterms_count == DEEPGRAM_KEYTERMS)
        return fail(err, "%s: at most %d terms are allowed", with_boost ? "keywords" : "keyterm",
                    DEEPGRAM_KEYTERMS);
    if (length > DEEPGRAM_KEYTERM_BYTES)
        return fail(err, "%s: a term has %zu bytes: at most %d are allowed",
                    with_boost ? "keywords" : "keyterm", length, DEEPGRAM_KEYTERM_BYTES);
    char *copy = strndup(text, length);
    if (!copy)
        return fail(err, "out of memory");
    config->boosts[config->keyterms_count] = boost;
    config->keyterms[config->keyterms_count++] = copy;
    return 0;
}

int deepgram_query(struct deepgram_config *config, const char *key, const char *value,
                   struct deepgram_error *err)
{
    if (strcmp(key, "encoding") == 0)
        return set_encoding(config, value, err);
    if (strcmp(key, "sample_rate") == 0)
        return whole(&config->rate_hz, key, value, 8000, 192000, err);
    if (strcmp(key, "channels") == 0)
        return whole(&config->channels, key, value, 1, DEEPGRAM_CHANNELS, err);
    if (strcmp(key, "alternatives") == 0)
        return whole(&config->alternatives, key, value, 1, DEEPGRAM_ALTERNATIVES, err);
    if (strcmp(key, "interim_results") == 0)
        return truth(&config->interim_results, key, value, err);
    if (strcmp(key, "latency_ms") == 0)
        return whole(&config->latency_ms, key, value, 1, DEEPGRAM_LATENCY_MS, err);
    if (strcmp(key, "partial_depth") == 0)
        return whole(&config->partial_depth, key, value, 1, DEEPGRAM_DEPTHS, err);
    if (strcmp(key, "partial_every_ms") == 0)
        return whole(&config->partial_every_ms, key, value, DEEPGRAM_EVERY_LEAST,
                     DEEPGRAM_EVERY_MOST, err);
    if (strcmp(key, "tier") == 0) {
        snprintf(config->tier, sizeof config->tier, "%s", value);
        return 0;
    }
    if (strcmp(key, "depth") == 0) {
        const bool fits = strlen(value) < sizeof config->depth_text;
        strcpy(config->depth_text, fits ? value : "(long)");
        config->has_depth = true;
        return 0;
    }
    if (strcmp(key, "endpointing") == 0) {
        if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0) {
            config->endpointing_ms = *value == 't' ? 0 : DEEPGRAM_ENDPOINTING_OFF_MS;
            return 0;
        }
        if (whole(&config->endpointing_ms, key, value, 1, DEEPGRAM_ENDPOINTING_OFF_MS, err) != 0)
            return fail(err,
                        "endpointing=%.40s: must be true, false or a whole number of ms from 1 to "
                        "%d",
                        value, DEEPGRAM_ENDPOINTING_OFF_MS);
        return 0;
    }
    if (strcmp(key, "keyterm") == 0 || strcmp(key, "keywords") == 0)
        return add_keyterm(config, value, strcmp(key, "keywords") == 0, err);
    if (strcmp(key, "multichannel") == 0)
        return truth(&config->multichannel, key, value, err);
    if (strcmp(key, "vad_events") == 0)
        return truth(&config->vad_events, key, value, err);
    if (strcmp(key, "utterances") == 0)
        return truth(&config->utterances, key, value, err);
    if (strcmp(key, "paragraphs") == 0)
        return truth(&config->paragraphs, key, value, err);
    if (strcmp(key, "punctuate") == 0)
        return truth(&config->punctuate, key, value, err);
    if (strcmp(key, "smart_format") == 0)
        return truth(&config->smart_format, key, value, err);
    if (strcmp(key, "utterance_end_ms") == 0)
        return strcmp(value, "false") == 0
                   ? 0
                   : whole(&config->utterance_end_ms, key, value, 1000, 5000, err);
    if (strcmp(key, "utt_split") == 0)
        return set_utt_split(config, value, err);
    if (strcmp(key, "tag") == 0)
        snprintf(config->tag, sizeof config->tag, "%s", value);
    if (strcmp(key, "callback") == 0)
        return set_callback(config, value, err);
    if (strcmp(key, "callback_method") == 0) {
        config->callback_put = strcasecmp(value, "put") == 0;
        if (!config->callback_put && strcasecmp(value, "post") != 0)
            return fail(err, "callback_method=%.40s: must be post or put", value);
    }
    return 0;
}

static int check(struct deepgram_config *config, uint32_t unfolds, struct deepgram_error *err)
{
    if (config->partial_depth > unfolds)
        return fail(err, "partial_depth=%u: must be a whole number from 1 to %u",
                    config->partial_depth, unfolds);
    if (config->has_depth)
        return whole(&config->depth, "depth", config->depth_text, 1, unfolds, err);
    return 0;
}

int deepgram_check_live(struct deepgram_config *config, uint32_t unfolds,
                        struct deepgram_error *err)
{
    const bool is_raw = config->encoding < DEEPGRAM_OPUS;
    if (is_raw && !config->rate_hz)
        return fail(
            err, "sample_rate is required with this encoding: a whole number from 8000 to 192000");
    if (config->encoding == DEEPGRAM_OPUS && config->channels > 2)
        return fail(err, "channels=%u: opus has 1 or 2", config->channels);
    if (config->callback)
        return fail(err,
                    "callback is for recordings: a live stream is answered on this connection");
    if (config->utterance_end_ms && !config->interim_results)
        return fail(err, "utterance_end_ms needs interim_results=true");
    return check(config, unfolds, err);
}

int deepgram_check_recording(struct deepgram_config *config, uint32_t unfolds,
                             struct deepgram_error *err)
{
    return check(config, unfolds, err);
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
                       uint32_t unfolds, struct deepgram_error *err)
{
    struct deepgram_config now = *config;
    const struct {
        const char *name;
        uint32_t *value, least, most;
    } dials[] = {
        {"depth", &now.depth, 1, unfolds},
        {"partial_depth", &now.partial_depth, 1, unfolds},
        {"latency_ms", &now.latency_ms, 1, DEEPGRAM_LATENCY_MS},
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

/* The segment's text and its others. */
static json_t *alternatives_json(const struct result_segment *segment)
{
    json_t *list = json_array();
    json_array_append_new(list, deepgram_alternative(segment->words, segment->words_count));
    for (size_t i = 0; i < segment->others_count; i++)
        json_array_append_new(
            list, deepgram_alternative(segment->others[i].words, segment->others[i].words_count));
    return list;
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
    return dump(
        json_pack("{s:s, s:[i,i], s:f, s:f, s:b, s:b, s:b, s:{s:o}, s:{s:s, s:s, s:{s:s, "
                  "s:s, s:s}, s:o}, s:o}",
                  "type", "Results", "channel_index", (int)source->channel, (int)source->channels,
                  "duration", seconds(segment->end_samples - segment->start_samples), "start",
                  seconds(segment->start_samples), "is_final", u->final, "speech_final",
                  u->final && u->endpoint, "from_finalize", u->from_flush, "channel",
                  "alternatives", alternatives_json(segment), "metadata", "request_id",
                  source->request_id, "model_uuid", source->model_id, "model_info", "name",
                  source->model, "version", source->version, "arch", "foldscribe", "depth",
                  depthjson_make(&segment->depth), "depth", depthjson_make(&segment->depth)));
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
    return dump(json_pack("{s:s, s:s, s:s, s:s, s:s, s:f, s:i, s:[s], s:o}", "type", "Metadata",
                          "transaction_key", "deprecated", "request_id", source->request_id,
                          "sha256", "", "created", created, "duration", seconds(duration_samples),
                          "channels", (int)channels, "models", source->model_id, "model_info",
                          info));
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
