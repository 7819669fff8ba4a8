/* flux_config.c - what a client of /v2/listen asks for: see flux.h. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "flux.h"
#include "parameters.h"

#define EOT_THRESHOLD  0.7
#define EOT_TIMEOUT_MS 5000
#define KEYTERM_BOOST  4.0f

void flux_config_init(struct flux_config *config, const struct catalog *catalog)
{
    *config =
        (struct flux_config){.eot_threshold = EOT_THRESHOLD, .eot_timeout_ms = EOT_TIMEOUT_MS};
    deepgram_config_init(&config->base, catalog);
}

void flux_config_finish(struct flux_config *config)
{
    deepgram_config_finish(&config->base);
}

/* Keys of /v1/listen that mean the same here. */
static bool is_shared(const char *key)
{
    static const char *const shared[] = {"model",           "version",     "language",
                                         "encoding",        "sample_rate", "channels",
                                         "keyterm",         "keywords",    "tag",
                                         "extra",           "tier",        "depth",
                                         "partial_depth",   "latency_ms",  "partial_every_ms",
                                         "profanity_filter"};
    const size_t length = strcspn(key, "[");
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
        if (strlen(shared[i]) == length && strncmp(key, shared[i], length) == 0)
            return true;
    return false;
}

/* Keys that a turn of words as they come has no use for, since all of them are readable, and
 * interim. */
static bool is_moot(const char *key)
{
    return strcmp(key, "interim_results") == 0 || strcmp(key, "punctuate") == 0 ||
           strcmp(key, "smart_format") == 0;
}

static int read(struct flux_config *config, const char *key, const char *value,
                struct field_error *err)
{
    if (strcmp(key, "eot_threshold") == 0)
        return field_number(&config->eot_threshold, key, value, FLUX_EOT_LEAST, FLUX_THRESHOLD_MOST,
                            err);
    if (strcmp(key, "eager_eot_threshold") == 0)
        return field_number(&config->eager_threshold, key, value, FLUX_EAGER_LEAST,
                            FLUX_THRESHOLD_MOST, err);
    if (strcmp(key, "eot_timeout_ms") == 0)
        return field_whole(&config->eot_timeout_ms, key, value, FLUX_TIMEOUT_LEAST,
                           FLUX_TIMEOUT_MOST, err);
    if (strncmp(key, "language_hint", 13) == 0)
        return field_language(NULL, key, value, err);
    return is_moot(key) ? 0 : parameters_judge(&config->base.notices, key, value, err);
}

int flux_config_query(struct flux_config *config, const char *key, const char *value,
                      struct deepgram_error *err)
{
    struct field_error wrong;
    if (is_shared(key))
        return deepgram_config_query(&config->base, key, value, err);
    return read(config, key, value, &wrong) == 0 ? 0 : deepgram_fail_field(err, &wrong);
}

/* The eager threshold is the lower one. */
static int check_order(const struct flux_config *config, struct deepgram_error *err)
{
    if (config->eager_threshold <= config->eot_threshold)
        return 0;
    err->status = 400;
    snprintf(err->message, sizeof err->message,
             "eager_eot_threshold=%g: must not be greater than eot_threshold, which is %g",
             config->eager_threshold, config->eot_threshold);
    return -1;
}

int flux_config_check(struct flux_config *config, struct deepgram_error *err)
{
    if (check_order(config, err) != 0)
        return -1;
    config->base.interim_results = config->base.punctuate = true;
    return deepgram_config_check_live(&config->base, err);
}

/* ---- in the midst of it ---------------------------------------------------------------------- */

/* A number, as the query has it; null and nothing leave what was. */
static int change_threshold(struct flux_config *config, const json_t *thresholds, const char *key,
                            struct field_error *err)
{
    const json_t *value = json_object_get(thresholds, key);
    char text[40];
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_number(value))
        return field_fail(err, FIELD_WRONG_TYPE, key, "%s must be a number", key);
    snprintf(text, sizeof text, "%.10g", json_number_value(value));
    return read(config, key, text, err);
}

static int change_keyterms(struct flux_config *config, const json_t *list, struct field_error *err)
{
    size_t i;
    const json_t *term;
    if (!json_is_array(list))
        return field_fail(err, FIELD_WRONG_TYPE, "keyterms", "keyterms must be a list of texts");
    json_array_foreach (list, i, term) {
        if (!json_is_string(term))
            return field_fail(err, FIELD_WRONG_TYPE, "keyterms", "keyterms[%zu] must be a text", i);
        if (hotword_list_add(&config->base.hotwords, "keyterms", json_string_value(term),
                             json_string_length(term), KEYTERM_BOOST, err) != 0)
            return -1;
    }
    return 0;
}

static int change_hints(const json_t *list, struct field_error *err)
{
    size_t i;
    const json_t *hint;
    json_array_foreach (list, i, hint) {
        const char *text = json_string_value(hint);
        if (field_language(NULL, "language_hints", text ? text : "(no text)", err) != 0)
            return -1;
    }
    return 0;
}

/* keyterms: what the message has for them, or NULL. */
static int change(struct flux_config *now, const json_t *message, const json_t *keyterms,
                  struct field_error *err)
{
    static const char *const known[] = {"type", "thresholds", "keyterms", "language_hints"};
    static const char *const keys[] = {"eot_threshold", "eager_eot_threshold", "eot_timeout_ms"};
    const json_t *thresholds = json_object_get(message, "thresholds");
    if (thresholds && !json_is_null(thresholds) && !json_is_object(thresholds))
        return field_fail(err, FIELD_WRONG_TYPE, "thresholds", "thresholds must be an object");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (change_threshold(now, thresholds, keys[i], err) != 0)
            return -1;
    if (change_hints(json_object_get(message, "language_hints"), err) != 0 ||
        parameters_judge_json(&now->base.notices, message, "", known, sizeof known / sizeof *known,
                              err) != 0)
        return -1;
    return keyterms ? change_keyterms(now, keyterms, err) : 0;
}

int flux_config_change(struct flux_config *config, const char *text, size_t length,
                       bool *ret_keyterms, struct deepgram_error *err)
{
    json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *keyterms = json_object_get(message, "keyterms");
    struct flux_config now = *config;
    struct field_error wrong;
    if (json_is_null(keyterms))
        keyterms = NULL;
    if (keyterms)
        now.base.hotwords.count = 0; /* config still owns them */
    int result = change(&now, message, keyterms, &wrong);
    if (result != 0)
        deepgram_fail_field(err, &wrong);
    else
        result = check_order(&now, err);
    json_decref(message);
    if (result != 0 && keyterms)
        hotword_list_finish(&now.base.hotwords);
    if (result != 0)
        return -1;
    if (keyterms)
        hotword_list_finish(&config->base.hotwords);
    *config = now;
    *ret_keyterms = keyterms != NULL;
    return 0;
}
