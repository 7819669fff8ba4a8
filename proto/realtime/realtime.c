/* realtime.c - see realtime.h; the contract is the official SDKs' (openai-node 6, openai-python 3).
 */
#include "realtime.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "parameters.h"
#include "utf8.h"

#define AUDIO_MAX   (15u << 20)
#define PLAIN_BYTES 65536 /* a message of more holds sound, */
#define COMMAS_MOST 20000 /* and so many other values */

static int fail(struct realtime_error *err, const char *code, const char *param, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

static int fail(struct realtime_error *err, const char *code, const char *param, const char *format,
                ...)
{
    va_list args;
    err->code = code;
    snprintf(err->param, sizeof err->param, "%s", param ? param : "");
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    utf8_mend(err->message);
    return -1;
}

/* What a field's judge said, at the path that param names. Returns -1. */
static int refuse(struct realtime_error *err, const char *param, const struct field_error *wrong)
{
    return fail(err, wrong->fault == FIELD_NO_MEMORY ? "server_error" : field_code(wrong->fault),
                param, "%s", wrong->message);
}

/* ---- settings ------------------------------------------------------------------------------ */

void realtime_config_init(struct realtime_config *config, const struct catalog *catalog)
{
    *config = (struct realtime_config){.catalog = catalog,
                                       .rate_hz = 24000,
                                       .model = "foldscribe",
                                       .turns = REALTIME_SERVER_VAD,
                                       .threshold = 0.5,
                                       .prefix_padding_ms = 300,
                                       .silence_ms = 500,
                                       .eagerness = "auto"};
}

void realtime_config_finish(struct realtime_config *config)
{
    hotword_list_finish(&config->keywords);
}

int realtime_config_copy(struct realtime_config *to, const struct realtime_config *from)
{
    *to = *from;
    return hotword_list_copy(&to->keywords, &from->keywords);
}

/* Keys of object that nobody knows: refused or noted. */
static int judge(struct realtime_config *config, const json_t *object, const char *prefix,
                 const char *const *known, size_t known_count, struct realtime_error *err)
{
    struct field_error wrong;
    if (parameters_judge_json(&config->notices, object, prefix, known, known_count, &wrong) == 0)
        return 0;
    return refuse(err, wrong.field, &wrong);
}
#define JUDGE(config, object, prefix, known, err)                                                  \
    judge(config, object, prefix, known, sizeof(known) / sizeof *(known), err)

/* A text into to [room]; null empties it. Nothing happens when there is no such key. */
static int read_text(const json_t *object, const char *key, char *to, size_t room,
                     const char *param, struct realtime_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return 0;
    if (json_is_null(value)) {
        *to = '\0';
        return 0;
    }
    if (!json_is_string(value))
        return fail(err, "invalid_type", param, "%s must be a text", param);
    if (json_string_length(value) >= room)
        return fail(err, "string_above_max_length", param, "%s has more than %zu bytes", param,
                    room - 1);
    memcpy(to, json_string_value(value), json_string_length(value) + 1);
    return 0;
}

/* One of the words allowed: "a|b|c". */
static bool is_one_of(const char *text, const char *allowed)
{
    const size_t length = strlen(text);
    for (const char *at = allowed; length && *at;) {
        const size_t word = strcspn(at, "|");
        if (word == length && strncmp(at, text, length) == 0)
            return true;
        at += word + (at[word] == '|');
    }
    return false;
}

static int read_word(const json_t *object, const char *key, char *to, size_t room,
                     const char *param, const char *allowed, struct realtime_error *err)
{
    if (read_text(object, key, to, room, param, err) != 0)
        return -1;
    if (*to && !is_one_of(to, allowed))
        return fail(err, "invalid_value", param, "%s must be one of %s", param, allowed);
    return 0;
}

static int read_number(const json_t *object, const char *key, double low, double high,
                       double *ret_value, const char *param, struct realtime_error *err)
{
    const json_t *value = json_object_get(object, key);
    const double number = json_number_value(value);
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_number(value) || !(number >= low && number <= high))
        return fail(err, "invalid_value", param, "%s must be a number from %g to %g", param, low,
                    high);
    *ret_value = number;
    return 0;
}

static int read_ms(const json_t *object, const char *key, double low, double high, uint32_t *ret_ms,
                   const char *param, struct realtime_error *err)
{
    double ms = *ret_ms;
    if (read_number(object, key, low, high, &ms, param, err) != 0)
        return -1;
    *ret_ms = (uint32_t)ms;
    return 0;
}

/* GA: {"type":"audio/pcm","rate":24000}. Beta: "pcm16". */
static int read_format(struct realtime_config *config, const json_t *format, const char *param,
                       struct realtime_error *err)
{
    static const struct {
        const char *ga, *beta;
    } names[] = {[REALTIME_PCM] = {"audio/pcm", "pcm16"},
                 [REALTIME_PCMU] = {"audio/pcmu", "g711_ulaw"},
                 [REALTIME_PCMA] = {"audio/pcma", "g711_alaw"}};
    const char *type = json_is_string(format) ? json_string_value(format)
                                              : json_string_value(json_object_get(format, "type"));
    const json_t *rate = json_object_get(format, "rate");
    for (size_t i = 0; type && i < 3; i++) {
        if (strcmp(type, names[i].ga) != 0 && strcmp(type, names[i].beta) != 0)
            continue;
        const json_int_t rate_hz = rate && !json_is_null(rate) ? json_integer_value(rate)
                                   : i == REALTIME_PCM         ? 24000
                                                               : 8000;
        const bool fits = i == REALTIME_PCM ? rate_hz == 24000 || rate_hz == 16000 ||
                                                  rate_hz == 8000 || rate_hz == 48000
                                            : rate_hz == 8000;
        if (!fits)
            return fail(err, "invalid_value", param,
                        "%s.rate must be 24000, 16000, 8000 or 48000 for pcm, 8000 for G.711",
                        param);
        config->audio = (enum realtime_audio)i;
        config->rate_hz = (uint32_t)rate_hz;
        return 0;
    }
    return fail(err, "invalid_value", param,
                "%s must be audio/pcm, audio/pcmu or audio/pcma (beta: pcm16, g711_ulaw, "
                "g711_alaw)",
                param);
}

static int read_keywords(struct realtime_config *config, const json_t *list,
                         struct realtime_error *err)
{
    static const char param[] = "session.audio.input.transcription.keywords";
    struct field_error wrong;
    size_t i;
    const json_t *word;
    if (!json_is_null(list) && !json_is_array(list))
        return fail(err, "invalid_type", param, "keywords must be a list of texts");
    hotword_list_finish(&config->keywords);
    json_array_foreach (list, i, word) {
        if (!json_is_string(word))
            return fail(err, "invalid_type", param, "keywords[%zu] must be a text", i);
        if (hotword_list_add(&config->keywords, "keywords", json_string_value(word),
                             json_string_length(word), REALTIME_BOOST, &wrong) != 0)
            return refuse(err, param, &wrong);
    }
    return 0;
}

/* How long a client would wait for text is how deep it may be: the five words spread over 1..R. A
 * depth that goes with the model's name says it outright. */
static int set_depth(struct realtime_config *config, const char *param, struct realtime_error *err)
{
    static const char *const delays[] = {"minimal", "low", "medium", "high", "xhigh"};
    const uint32_t unfolds = config->catalog->unfolds;
    struct field_error wrong;
    uint32_t depth;
    if (catalog_find(config->catalog, param, config->model, &depth, &wrong) != 0)
        return refuse(err, param, &wrong);
    config->depth = depth;
    for (uint32_t i = 0; i < 5 && !depth; i++)
        if (strcmp(config->delay, delays[i]) == 0)
            config->depth = 1 + ((unfolds - 1) * i + 2) / 4;
    return 0;
}

/* OpenAI's models that answer; those that end in -transcribe or -whisper are not among them. */
static bool is_conversational(const char *model)
{
    static const char *const begins[] = {"gpt-realtime", "gpt-4o-realtime", "gpt-4o-mini-realtime"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (strncmp(model, begins[i], strlen(begins[i])) == 0)
            return !strstr(model, "whisper") && !strstr(model, "transcribe");
    return false;
}

int realtime_query(struct realtime_config *config, const char *key, const char *value,
                   struct realtime_error *err)
{
    struct field_error wrong;
    if (strcmp(key, "intent") == 0 && strcmp(value, "transcription") != 0)
        return fail(err, "unsupported_value", "intent",
                    "intent '%.40s' is not supported: use transcription", value);
    if (strcmp(key, "model") == 0 && is_conversational(value)) {
        notices_add(&config->notices, "model", "what is heard is transcribed, not answered");
        return 0;
    }
    if (strcmp(key, "model") == 0) {
        if (catalog_find(config->catalog, key, value, &config->depth, &wrong) != 0 ||
            field_text(config->model, sizeof config->model, key, value, &wrong) != 0)
            return refuse(err, key, &wrong);
        return 0;
    }
    if (strcmp(key, "intent") == 0 || strcmp(key, "latency_ms") == 0 || strcmp(key, "tier") == 0)
        return 0; /* session.h judges the last two */
    return parameters_judge(&config->notices, key, value, &wrong) == 0
               ? 0
               : refuse(err, wrong.field, &wrong);
}

static int read_language(struct realtime_config *config, const json_t *t,
                         struct realtime_error *err)
{
    static const char param[] = "session.audio.input.transcription.language";
    const json_t *languages = json_object_get(t, "languages"), *one;
    struct field_error wrong;
    bool is_auto;
    size_t i;
    if (read_text(t, "language", config->language, sizeof config->language, param, err) != 0)
        return -1;
    if (field_language(&is_auto, "language", config->language, &wrong) != 0)
        return refuse(err, param, &wrong);
    if (is_auto)
        notices_add(&config->notices, param, "nothing but English is heard");
    if (languages && !json_is_null(languages) && !json_is_array(languages))
        return fail(err, "invalid_type", "session.audio.input.transcription.languages",
                    "languages must be a list of texts");
    json_array_foreach (languages, i, one) {
        const char *text = json_string_value(one);
        if (field_language(NULL, "languages", text ? text : "(no text)", &wrong) != 0)
            return refuse(err, "session.audio.input.transcription.languages", &wrong);
    }
    return 0;
}

static int read_transcription(struct realtime_config *config, const json_t *t,
                              struct realtime_error *err)
{
    static const char *const known[] = {"model",  "language", "languages",
                                        "prompt", "keywords", "delay"};
    const json_t *keywords = json_object_get(t, "keywords");
    if (json_is_null(t))
        return 0;
    if (!json_is_object(t))
        return fail(err, "invalid_type", "session.audio.input.transcription",
                    "transcription must be an object");
    if (read_text(t, "model", config->model, sizeof config->model,
                  "session.audio.input.transcription.model", err) != 0 ||
        read_language(config, t, err) != 0 ||
        read_text(t, "prompt", config->prompt, sizeof config->prompt,
                  "session.audio.input.transcription.prompt", err) != 0 ||
        read_word(t, "delay", config->delay, sizeof config->delay,
                  "session.audio.input.transcription.delay", "minimal|low|medium|high|xhigh",
                  err) != 0)
        return -1;
    if (!*config->model)
        strcpy(config->model, "foldscribe"); /* null: as if none had been named */
    if (keywords && read_keywords(config, keywords, err) != 0)
        return -1;
    return JUDGE(config, t, "session.audio.input.transcription.", known, err);
}

static int read_turns(struct realtime_config *config, const json_t *turns,
                      struct realtime_error *err)
{
    /* The last two are about answers, which a transcription has none of. */
    static const char *const known[] = {
        "type",      "threshold",       "prefix_padding_ms", "silence_duration_ms",
        "eagerness", "create_response", "interrupt_response"};
    static const char param[] = "session.audio.input.turn_detection";
    if (json_is_null(turns)) {
        config->turns = REALTIME_MANUAL;
        return 0;
    }
    char type[16] = "server_vad";
    if (!json_is_object(turns))
        return fail(err, "invalid_type", param, "turn_detection must be an object or null");
    if (read_word(turns, "type", type, sizeof type, param, "server_vad|semantic_vad", err) != 0 ||
        read_number(turns, "threshold", 0, 1, &config->threshold, param, err) != 0 ||
        read_ms(turns, "prefix_padding_ms", 0, 5000, &config->prefix_padding_ms, param, err) != 0 ||
        read_ms(turns, "silence_duration_ms", 100, 10000, &config->silence_ms, param, err) != 0 ||
        read_word(turns, "eagerness", config->eagerness, sizeof config->eagerness, param,
                  "low|medium|high|auto", err) != 0)
        return -1;
    config->turns = strcmp(type, "semantic_vad") == 0 ? REALTIME_SEMANTIC_VAD : REALTIME_SERVER_VAD;
    if (config->turns == REALTIME_SERVER_VAD && fabs(config->threshold - 0.5) > 1e-6)
        notices_add(&config->notices, "session.audio.input.turn_detection.threshold",
                    "speech is told from noise in one way");
    return JUDGE(config, turns, "session.audio.input.turn_detection.", known, err);
}

static int read_noise_reduction(struct realtime_config *config, const json_t *reduction,
                                struct realtime_error *err)
{
    static const char param[] = "session.audio.input.noise_reduction";
    if (json_is_null(reduction)) {
        config->noise_reduction[0] = '\0';
        return 0;
    }
    if (!json_is_object(reduction))
        return fail(err, "invalid_type", param, "noise_reduction must be an object or null");
    notices_add(&config->notices, param, "sound is heard as it comes");
    return read_word(reduction, "type", config->noise_reduction, sizeof config->noise_reduction,
                     param, "near_field|far_field", err);
}

static int read_include(struct realtime_config *config, const json_t *include,
                        struct realtime_error *err)
{
    size_t i;
    const json_t *word;
    if (!json_is_null(include) && !json_is_array(include))
        return fail(err, "invalid_type", "session.include", "include must be a list");
    config->logprobs = false;
    json_array_foreach (include, i, word) {
        const char *text = json_string_value(word);
        const bool known = text && strcmp(text, "item.input_audio_transcription.logprobs") == 0;
        config->logprobs |= known;
        if (!known)
            notices_add(&config->notices, "session.include",
                        "what can be included is item.input_audio_transcription.logprobs");
    }
    return 0;
}

/* Where the settings stand: at "audio.input.KEY" (GA), or at FLAT in the session itself. */
static const json_t *find(const json_t *session, const char *key, const char *flat)
{
    const json_t *input = json_object_get(json_object_get(session, "audio"), "input");
    const json_t *nested = json_object_get(input, key);
    return nested ? nested : json_object_get(session, flat);
}

/* What kind of session, where it says so. */
static int read_type(const json_t *session, struct realtime_error *err)
{
    const json_t *type = json_object_get(session, "type");
    const char *text = json_string_value(type);
    if (!type || (text && strcmp(text, "transcription") == 0))
        return 0;
    return fail(err, "unsupported_value", "session.type",
                "session.type '%.40s' is not supported: this server transcribes and does not "
                "answer: use transcription",
                text ? text : "(no text)");
}

static int read_session(struct realtime_config *config, const json_t *session,
                        struct realtime_error *err)
{
    static const char *const known[] = {"type", "object", "id", "expires_at", "include", "audio",
                                        "input_audio_format", "input_audio_transcription",
                                        "turn_detection", "input_audio_noise_reduction",
                                        /* the beta's: of what is said back */
                                        "modalities", "client_secret"};
    static const char *const known_audio[] = {"input"};
    static const char *const known_input[] = {"format", "transcription", "turn_detection",
                                              "noise_reduction"};
    const json_t *audio = json_object_get(session, "audio");
    const json_t *format = find(session, "format", "input_audio_format");
    const json_t *transcription = find(session, "transcription", "input_audio_transcription");
    const json_t *turns = find(session, "turn_detection", "turn_detection");
    const json_t *reduction = find(session, "noise_reduction", "input_audio_noise_reduction");
    const json_t *include = json_object_get(session, "include");
    if (!json_is_object(session))
        return fail(err, "invalid_type", "session", "session must be an object");
    if (read_type(session, err) != 0 ||
        (format && !json_is_null(format) &&
         read_format(config, format, "session.audio.input.format", err) != 0) ||
        (transcription && read_transcription(config, transcription, err) != 0) ||
        (turns && read_turns(config, turns, err) != 0) ||
        (reduction && read_noise_reduction(config, reduction, err) != 0) ||
        (include && read_include(config, include, err) != 0) ||
        JUDGE(config, session, "session.", known, err) != 0 ||
        JUDGE(config, audio, "session.audio.", known_audio, err) != 0 ||
        JUDGE(config, json_object_get(audio, "input"), "session.audio.input.", known_input, err) !=
            0)
        return -1;
    return set_depth(config, "session.audio.input.transcription.model", err);
}

/* All or nothing. */
static int update(struct realtime_config *config, const json_t *session, struct realtime_error *err)
{
    struct realtime_config changed;
    if (realtime_config_copy(&changed, config) != 0)
        return fail(err, "server_error", NULL, "out of memory");
    changed.notices.count = 0;
    if (read_session(&changed, session, err) != 0) {
        realtime_config_finish(&changed);
        return -1;
    }
    realtime_config_finish(config);
    *config = changed;
    return 0;
}

/* ---- events -------------------------------------------------------------------------------- */

static int read_audio(struct realtime_event *event, const json_t *message,
                      struct realtime_error *err)
{
    const json_t *audio = json_object_get(message, "audio");
    const size_t length = json_string_length(audio);
    if (!json_is_string(audio))
        return fail(err, "missing_required_parameter", "audio", "audio must be a text in base64");
    if (BASE64_BYTES(length) > AUDIO_MAX)
        return fail(err, "string_above_max_length", "audio",
                    "audio has more than 15 MiB: append it in pieces");
    event->audio = malloc(BASE64_BYTES(length) + 1);
    if (!event->audio)
        return fail(err, "server_error", NULL, "out of memory");
    if (base64_decode(json_string_value(audio), length, event->audio, &event->audio_bytes) != 0)
        return fail(err, "invalid_value", "audio", "audio is not base64");
    return 0;
}

static int read_update(const struct realtime_config *config, const json_t *session,
                       struct realtime_event *event, struct realtime_error *err)
{
    struct realtime_config *changed = malloc(sizeof *changed);
    if (!changed || realtime_config_copy(changed, config) != 0) {
        free(changed);
        return fail(err, "server_error", NULL, "out of memory");
    }
    event->changed = changed;
    changed->notices.count = 0; /* those of the last settings were told */
    return read_session(changed, session, err);
}

static int read_event(const struct realtime_config *config, const json_t *message,
                      struct realtime_event *event, struct realtime_error *err)
{
    static const struct {
        const char *type;
        enum realtime_kind kind;
    } known[] = {{"session.update", REALTIME_UPDATE},
                 {"transcription_session.update", REALTIME_UPDATE},
                 {"input_audio_buffer.append", REALTIME_APPEND},
                 {"input_audio_buffer.commit", REALTIME_COMMIT},
                 {"input_audio_buffer.clear", REALTIME_CLEAR},
                 {"conversation.item.retrieve", REALTIME_RETRIEVE},
                 {"conversation.item.delete", REALTIME_DELETE}};
    const char *type = json_string_value(json_object_get(message, "type"));
    size_t i = 0;
    if (read_text(message, "event_id", event->event_id, sizeof event->event_id, "event_id", err) !=
        0)
        return -1;
    if (!type)
        return fail(err, "missing_required_parameter", "type", "type must be the name of an event");
    while (i < sizeof known / sizeof *known && strcmp(type, known[i].type) != 0)
        i++;
    if (i == sizeof known / sizeof *known)
        return fail(err, "unknown_event", "type",
                    "'%.60s' is no event of a transcription session: use session.update, "
                    "input_audio_buffer.append, .commit or .clear",
                    type);
    event->kind = known[i].kind;
    event->beta_type = i == 1;
    if (event->kind == REALTIME_APPEND)
        return read_audio(event, message, err);
    if (event->kind == REALTIME_UPDATE)
        return read_update(config, json_object_get(message, "session"), event, err);
    if (event->kind != REALTIME_RETRIEVE && event->kind != REALTIME_DELETE)
        return 0;
    if (!json_string_length(json_object_get(message, "item_id")))
        return fail(err, "missing_required_parameter", "item_id", "item_id must be a text");
    return read_text(message, "item_id", event->item_id, sizeof event->item_id, "item_id", err);
}

/* Of a long message most is sound, one text without a comma; a million values would cost half a
 * gigabyte and seconds of everybody's time. */
static bool is_simple(const char *text, size_t length)
{
    size_t commas = 0;
    if (length <= PLAIN_BYTES)
        return true;
    for (const char *at = text, *end = text + length;
         commas <= COMMAS_MOST && (at = memchr(at, ',', (size_t)(end - at))); at++)
        commas++;
    return commas <= COMMAS_MOST;
}

int realtime_recv(const struct realtime_config *config, const char *text, size_t length,
                  struct realtime_event *ret_event, struct realtime_error *err)
{
    *ret_event = (struct realtime_event){.kind = REALTIME_UPDATE};
    if (!is_simple(text, length))
        return fail(err, "invalid_json", NULL,
                    "a message of more than %d bytes may hold audio and at most %d other values",
                    PLAIN_BYTES, COMMAS_MOST);
    json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    const int result = json_is_object(message)
                           ? read_event(config, message, ret_event, err)
                           : fail(err, "invalid_json", NULL, "the message is not one JSON object");
    json_decref(message);
    if (result != 0)
        realtime_event_finish(ret_event);
    return result;
}

void realtime_event_settle(struct realtime_event *event, struct realtime_config *config)
{
    const struct realtime_config before = *config;
    *config = *event->changed;
    *event->changed = before;
}

void realtime_event_finish(struct realtime_event *event)
{
    if (event->changed)
        realtime_config_finish(event->changed);
    free(event->changed);
    event->changed = NULL;
    free(event->audio);
    event->audio = NULL;
    event->audio_bytes = 0;
}

int realtime_secret(struct realtime_config *config, const char *text, size_t length, bool beta,
                    uint32_t *ret_seconds, struct realtime_error *err)
{
    json_t *body =
        json_loadb(length ? text : "{}", length ? length : 2, JSON_REJECT_DUPLICATES, NULL);
    const json_t *session = beta ? body : json_object_get(body, "session");
    const json_t *after = json_object_get(body, "expires_after");
    double seconds = 600;
    int result = 0;
    if (!json_is_object(body))
        result = fail(err, "invalid_json", NULL, "the body is not one JSON object");
    else if (read_number(after, "seconds", 10, 7200, &seconds, "expires_after.seconds", err) != 0 ||
             (session && update(config, session, err) != 0))
        result = -1;
    json_decref(body);
    *ret_seconds = (uint32_t)seconds;
    return result;
}
