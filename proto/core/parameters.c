#include "parameters.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define UNTOLD  "speakers are not told apart"
#define UNADDED "this server adds nothing to the text"

enum kind {
    REFUSED,  /* text without it would not be what was asked for */
    UNHEEDED, /* the answer lacks something, the text is right */
    NOTHING   /* says nothing of the text */
};

static const struct row {
    const char *name;
    enum kind kind;
    const char *why;
} rows[] = {
    {"redact", REFUSED, "nothing is taken out of the text"},
    {"detect_language", REFUSED, "this model transcribes English (en) and hears no other language"},
    {"language_detection", REFUSED,
     "this model transcribes English (en) and hears no other language"},
    {"profanity_filter", REFUSED, "no word is taken out of the text in this dialect"},
    {"translate", REFUSED, "this server transcribes and does not translate"},
    {"target_language", REFUSED, "this server transcribes and does not translate"},
    {"callback", REFUSED, "the answer comes on this connection"},
    {"diarize", UNHEEDED, UNTOLD},
    {"diarize_model", UNHEEDED, UNTOLD},
    {"diarize_version", UNHEEDED, UNTOLD},
    {"speaker_labels", UNHEEDED, UNTOLD},
    {"known_speaker_names", UNHEEDED, UNTOLD},
    {"known_speaker_references", UNHEEDED, UNTOLD},
    {"summarize", UNHEEDED, UNADDED},
    {"topics", UNHEEDED, UNADDED},
    {"custom_topic", UNHEEDED, UNADDED},
    {"custom_topic_mode", UNHEEDED, UNADDED},
    {"intents", UNHEEDED, UNADDED},
    {"custom_intent", UNHEEDED, UNADDED},
    {"custom_intent_mode", UNHEEDED, UNADDED},
    {"sentiment", UNHEEDED, UNADDED},
    {"detect_entities", UNHEEDED, UNADDED},
    {"search", UNHEEDED, UNADDED},
    {"replace", UNHEEDED, "no word is replaced by another"},
    {"numerals", UNHEEDED, "numbers come as the model writes them"},
    {"measurements", UNHEEDED, "measures come as the model writes them"},
    {"dictation", UNHEEDED, "spoken marks stay words"},
    {"filler_words", UNHEEDED, "the model writes them or not as it was taught"},
    {"user", NOTHING, NULL},
    {"token", NOTHING, NULL},
    {"access_token", NOTHING, NULL},
    {"mip_opt_out", NOTHING, NULL}, /* nothing is kept to learn from */
    {"no_delay", NOTHING, NULL},    /* there is none */
};

static const struct row *find(const char *key, size_t length)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strlen(rows[i].name) == length && strncmp(rows[i].name, key, length) == 0)
            return &rows[i];
    return NULL;
}

/* false, 0, null, nothing: asks for nothing. */
static bool is_idle(const char *value)
{
    static const char *const idle[] = {"", "false", "0", "no", "off", "null", "none", "undefined"};
    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        if (strcasecmp(value, idle[i]) == 0)
            return true;
    return false;
}

/* path: how the client calls it; key: its last part. */
static int judge(struct notices *notices, const char *path, const char *key, const char *value,
                 struct field_error *err)
{
    const struct row *row = find(key, strcspn(key, "["));

    if (row && (row->kind == NOTHING || is_idle(value)))
        return 0;
    if (row && row->kind == REFUSED)
        return field_fail(err, FIELD_UNSUPPORTED, path,
                          "%s=%.40s is not supported: %s; leave it out or say false", path, value,
                          row->why);
    notices_add(notices, path, row ? row->why : "this server knows no such parameter");
    return 0;
}

int parameters_judge(struct notices *notices, const char *key, const char *value,
                     struct field_error *err)
{
    return judge(notices, key, key, value, err);
}

static bool is_one_of(const char *key, const char *const *known, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(key, known[i]) == 0)
            return true;
    return false;
}

int parameters_judge_json(struct notices *notices, const struct json_t *object, const char *prefix,
                          const char *const *known, size_t known_count, struct field_error *err)
{
    char path[96];

    if (!json_is_object(object))
        return 0;
    for (void *at = json_object_iter((json_t *)object); at;
         at = json_object_iter_next((json_t *)object, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);
        const bool idle = json_is_false(value) || json_is_null(value) ||
                          (json_is_number(value) && json_number_value(value) == 0);
        const char *text = json_string_value(value);
        if (is_one_of(key, known, known_count))
            continue;
        snprintf(path, sizeof path, "%s%s", prefix, key);
        if (judge(notices, path, key, idle ? "false" : text ? text : "true", err) != 0)
            return -1;
    }
    return 0;
}
