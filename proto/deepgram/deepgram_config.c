/* deepgram_config.c - the query of a live stream or a recording: see deepgram.h; keys are those of
 * the official SDKs, and our own. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "deepgram.h"
#include "parameters.h"
#include "tier.h"

#define KEYWORD_BOOST 4.0f

void deepgram_config_init(struct deepgram_config *config, const struct catalog *catalog)
{
    *config = (struct deepgram_config){.catalog = catalog,
                                       .encoding = DEEPGRAM_CONTAINER,
                                       .channels = 1,
                                       .utt_split_s = 0.8,
                                       .alternatives = 1};
}

void deepgram_config_finish(struct deepgram_config *config)
{
    hotword_list_finish(&config->hotwords);
    for (size_t i = 0; i < config->tags_count; i++)
        free(config->tags[i]);
    for (size_t i = 0; i < config->extras_count; i++)
        free(config->extras[i]);
    config->tags_count = config->extras_count = 0;
    free(config->callback);
    config->callback = NULL;
}

/* ---- one reader a key: 0, or -1 with *err ---------------------------------------------------- */

typedef int reader(struct deepgram_config *config, const char *key, const char *value,
                   struct field_error *err);

static int read_model(struct deepgram_config *config, const char *key, const char *value,
                      struct field_error *err)
{
    return catalog_find(config->catalog, key, value, &config->named_depth, err);
}

static int read_language(struct deepgram_config *config, const char *key, const char *value,
                         struct field_error *err)
{
    bool is_auto;
    if (field_language(&is_auto, key, value, err) != 0)
        return -1;
    if (is_auto)
        notices_add(&config->notices, key, "nothing but English is heard");
    return 0;
}

/* true, or the languages that it may be: English alone is known beforehand. */
static int read_detection(struct deepgram_config *config, const char *key, const char *value,
                          struct field_error *err)
{
    if (*value && field_language(NULL, key, value, err) == 0)
        return 0;
    return parameters_judge(&config->notices, key, value, err);
}

static int read_encoding(struct deepgram_config *config, const char *key, const char *value,
                         struct field_error *err)
{
    static const struct {
        const char *name;
        enum deepgram_encoding encoding;
    } known[] = {{"linear16", DEEPGRAM_LINEAR16}, {"linear32", DEEPGRAM_LINEAR32},
                 {"mulaw", DEEPGRAM_MULAW},       {"alaw", DEEPGRAM_ALAW},
                 {"opus", DEEPGRAM_OPUS},         {"ogg-opus", DEEPGRAM_CONTAINER},
                 {"flac", DEEPGRAM_CONTAINER}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(value, known[i].name) == 0) {
            config->encoding = known[i].encoding;
            return 0;
        }
    return field_fail(
        err, FIELD_UNSUPPORTED, key,
        "encoding=%.40s: must be linear16, linear32, mulaw, alaw, flac, opus or ogg-opus; leave it "
        "out for WebM, Ogg, WAV, FLAC or MP3",
        value);
}

/* 0, as false: LiveKit's clients turn it off so. */
static int read_endpointing(struct deepgram_config *config, const char *key, const char *value,
                            struct field_error *err)
{
    if (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0) {
        config->endpointing_ms = DEEPGRAM_ENDPOINTING_OFF_MS;
        return 0;
    }
    if (strcasecmp(value, "true") == 0) {
        config->endpointing_ms = 0;
        return 0;
    }
    if (field_whole(&config->endpointing_ms, key, value, 1, DEEPGRAM_ENDPOINTING_OFF_MS, err) == 0)
        return 0;
    return field_fail(err, FIELD_INVALID, key,
                      "endpointing=%.40s: must be true, false or a whole number of ms from 1 to %d",
                      value, DEEPGRAM_ENDPOINTING_OFF_MS);
}

static int read_utterance_end(struct deepgram_config *config, const char *key, const char *value,
                              struct field_error *err)
{
    if (strcasecmp(value, "false") == 0 || strcmp(value, "0") == 0) {
        config->utterance_end_ms = 0;
        return 0;
    }
    return field_whole(&config->utterance_end_ms, key, value, 1000, 5000, err);
}

static int read_utt_split(struct deepgram_config *config, const char *key, const char *value,
                          struct field_error *err)
{
    return field_number(&config->utt_split_s, key, value, 0.1, 60, err);
}

static int read_tier(struct deepgram_config *config, const char *key, const char *value,
                     struct field_error *err)
{
    return field_text(config->tier, sizeof config->tier, key, value, err);
}

static int read_depth(struct deepgram_config *config, const char *key, const char *value,
                      struct field_error *err)
{
    uint32_t *depth = strcmp(key, "depth") == 0 ? &config->depth : &config->partial_depth;
    return field_depth(depth, key, value, config->catalog->unfolds, err) == 0
               ? 0
               : field_fail(err, FIELD_INVALID, key,
                            "%s=%.40s: must be a whole number from 1 to %u", key, value,
                            config->catalog->unfolds);
}

static int read_latency(struct deepgram_config *config, const char *key, const char *value,
                        struct field_error *err)
{
    return field_latency(&config->latency_ms, key, value, err);
}

static int read_keyterm(struct deepgram_config *config, const char *key, const char *value,
                        struct field_error *err)
{
    return hotword_list_add(&config->hotwords, key, value, strlen(value), KEYWORD_BOOST, err);
}

/* "word:boost" */
static int read_keywords(struct deepgram_config *config, const char *key, const char *value,
                         struct field_error *err)
{
    const char *colon = strrchr(value, ':');
    double boost = (double)KEYWORD_BOOST;
    if (colon && field_number(&boost, key, colon + 1, -10, 10, err) != 0)
        return field_fail(err, FIELD_INVALID, key,
                          "keywords=%.60s: the boost must be a number from -10 to 10", value);
    return hotword_list_add(&config->hotwords, key, value,
                            colon ? (size_t)(colon - value) : strlen(value), (float)boost, err);
}

static int add_text(char **texts, size_t *count, const char *key, const char *value,
                    struct field_error *err)
{
    if (!*value)
        return 0;
    if (*count == DEEPGRAM_TAGS)
        return field_fail(err, FIELD_TOO_MANY, key, "%s: at most %d are allowed", key,
                          DEEPGRAM_TAGS);
    if (strlen(value) > DEEPGRAM_TAG_BYTES)
        return field_fail(err, FIELD_TOO_LONG, key, "%s has more than %d bytes", key,
                          DEEPGRAM_TAG_BYTES);
    if (!(texts[*count] = strdup(value)))
        return field_fail(err, FIELD_NO_MEMORY, key, "out of memory");
    ++*count;
    return 0;
}

static int read_tag(struct deepgram_config *config, const char *key, const char *value,
                    struct field_error *err)
{
    return add_text(config->tags, &config->tags_count, key, value, err);
}

static int read_extra(struct deepgram_config *config, const char *key, const char *value,
                      struct field_error *err)
{
    return add_text(config->extras, &config->extras_count, key, value, err);
}

static int read_callback(struct deepgram_config *config, const char *key, const char *value,
                         struct field_error *err)
{
    if (strncasecmp(value, "http://", 7) != 0 && strncasecmp(value, "https://", 8) != 0)
        return field_fail(err, FIELD_INVALID, key, "callback=%.60s: must be an http or https url",
                          value);
    free(config->callback);
    config->callback = strdup(value);
    return config->callback ? 0 : field_fail(err, FIELD_NO_MEMORY, key, "out of memory");
}

static int read_callback_method(struct deepgram_config *config, const char *key, const char *value,
                                struct field_error *err)
{
    config->callback_put = strcasecmp(value, "put") == 0;
    if (config->callback_put || strcasecmp(value, "post") == 0)
        return 0;
    return field_fail(err, FIELD_INVALID, key, "callback_method=%.40s: must be post or put", value);
}

static int read_version(struct deepgram_config *config, const char *key, const char *value,
                        struct field_error *err)
{
    (void)err;
    if (*value && strcmp(value, "latest") != 0)
        notices_add(&config->notices, key, "there is one version, the latest");
    return 0;
}

/* ---- the keys -------------------------------------------------------------------------------- */

enum place { ANYWHERE, LIVE, RECORDING };

#define TRUTH(name, place)                                                                         \
    {                                                                                              \
#name, place, NULL, offsetof(struct deepgram_config, name), 0, 0                           \
    }
#define WHOLE(key, field, low, high, place)                                                        \
    {                                                                                              \
        key, place, NULL, offsetof(struct deepgram_config, field), low, high                       \
    }
#define READ(key, function, place)                                                                 \
    {                                                                                              \
        key, place, function, 0, 0, 0                                                              \
    }

static const struct row {
    const char *key;
    enum place place; /* where it has an effect */
    reader *read;     /* NULL: */
    size_t offset;    /* of a bool; with high, of a uint32_t low..high */
    uint32_t low, high;
} rows[] = {
    READ("model", read_model, ANYWHERE),
    READ("version", read_version, ANYWHERE),
    READ("language", read_language, ANYWHERE),
    READ("detect_language", read_detection, ANYWHERE),
    READ("encoding", read_encoding, ANYWHERE),
    WHOLE("sample_rate", rate_hz, 8000, 192000, ANYWHERE),
    WHOLE("channels", channels, 1, DEEPGRAM_CHANNELS, ANYWHERE),
    WHOLE("alternatives", alternatives, 1, DEEPGRAM_ALTERNATIVES, ANYWHERE),
    TRUTH(multichannel, ANYWHERE),
    TRUTH(punctuate, ANYWHERE),
    TRUTH(smart_format, ANYWHERE),
    TRUTH(profanity_filter, ANYWHERE),
    READ("keyterm", read_keyterm, ANYWHERE),
    READ("keywords", read_keywords, ANYWHERE),
    READ("tag", read_tag, ANYWHERE),
    READ("extra", read_extra, ANYWHERE),
    READ("tier", read_tier, ANYWHERE),
    READ("depth", read_depth, ANYWHERE),
    READ("latency_ms", read_latency, ANYWHERE),
    READ("callback", read_callback, ANYWHERE), /* and refused for a live stream */
    READ("callback_method", read_callback_method, ANYWHERE),
    TRUTH(interim_results, LIVE),
    TRUTH(vad_events, LIVE),
    READ("endpointing", read_endpointing, LIVE),
    READ("utterance_end_ms", read_utterance_end, LIVE),
    READ("partial_depth", read_depth, LIVE),
    WHOLE("partial_every_ms", partial_every_ms, DEEPGRAM_EVERY_LEAST, DEEPGRAM_EVERY_MOST, LIVE),
    TRUTH(utterances, RECORDING),
    TRUTH(paragraphs, RECORDING),
    READ("utt_split", read_utt_split, RECORDING),
};
#define ROWS (sizeof rows / sizeof *rows)
_Static_assert(ROWS <= 64, "a bit of deepgram_config.misplaced each");

static int read_row(struct deepgram_config *config, const struct row *row, const char *value,
                    struct field_error *err)
{
    char *at = (char *)config + row->offset;
    if (row->read)
        return row->read(config, row->key, value, err);
    if (row->high)
        return field_whole((uint32_t *)(void *)at, row->key, value, row->low, row->high, err);
    return field_truth((bool *)at, row->key, value, err);
}

int deepgram_config_query(struct deepgram_config *config, const char *key, const char *value,
                          struct deepgram_error *err)
{
    struct field_error wrong;
    const size_t length = strlen(key) > 2 && strcmp(key + strlen(key) - 2, "[]") == 0
                              ? strlen(key) - 2 /* as PHP and jQuery repeat a key */
                              : strlen(key);
    for (size_t i = 0; i < ROWS; i++) {
        if (strlen(rows[i].key) != length || strncmp(key, rows[i].key, length) != 0)
            continue;
        if (read_row(config, &rows[i], value, &wrong) != 0)
            return deepgram_fail_field(err, &wrong);
        if (rows[i].place != ANYWHERE && strcasecmp(value, "false") != 0)
            config->misplaced[rows[i].place == RECORDING] |= UINT64_C(1) << i;
        return 0;
    }
    return parameters_judge(&config->notices, key, value, &wrong) == 0
               ? 0
               : deepgram_fail_field(err, &wrong);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static int fail(struct deepgram_error *err, const char *message)
{
    err->status = 400;
    strcpy(err->message, message);
    return -1;
}

/* which: of deepgram_config.misplaced. */
static void check(struct deepgram_config *config, size_t which, const char *why)
{
    for (size_t i = 0; i < ROWS; i++)
        if (config->misplaced[which] >> i & 1)
            notices_add(&config->notices, rows[i].key, why);
    /* Where both are given, the key says it more plainly than the name. */
    if (!config->depth)
        config->depth = config->named_depth;
}

int deepgram_config_check_live(struct deepgram_config *config, struct deepgram_error *err)
{
    if (config->encoding < DEEPGRAM_OPUS && !config->rate_hz)
        return fail(
            err, "sample_rate is required with this encoding: a whole number from 8000 to 192000");
    if (config->encoding == DEEPGRAM_OPUS && config->channels > 2)
        return fail(err, "channels: opus has 1 or 2");
    if (config->callback)
        return fail(err,
                    "callback is for recordings: a live stream is answered on this connection");
    if (config->utterance_end_ms && !config->interim_results)
        return fail(err, "utterance_end_ms needs interim_results=true");
    check(config, 1, "it is for recordings");
    return 0;
}

int deepgram_config_check_recording(struct deepgram_config *config, struct deepgram_error *err)
{
    (void)err;
    check(config, 0, "it is for live streams");
    return 0;
}
