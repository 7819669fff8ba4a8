/* vosk.c - see vosk.h; the contract is websocket/asr_server.py of alphacep/vosk-server. */
#include "vosk.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parameters.h"
#include "utf8.h"
#include "words.h"

struct vosk_text {
    struct vosk_text *next;
    struct vosk_text *other; /* what else it may have been, which may have an other again */
    size_t count;
    struct result_word words[]; /* [count]; texts follow in the same block, plain */
};

/* ---- messages ------------------------------------------------------------------------------ */

void vosk_config_init(struct vosk_config *config, const struct catalog *catalog)
{
    *config = (struct vosk_config){.catalog = catalog, .rate_hz = 8000, .words = true};
}

void vosk_config_finish(struct vosk_config *config)
{
    hotword_list_finish(&config->phrases);
}

static enum vosk_message bad(struct vosk_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum vosk_message bad(struct vosk_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    utf8_mend(err->message);
    return VOSK_BAD;
}

/* 1, true, 1.0: clients differ. */
static bool truth(const json_t *value)
{
    return json_is_true(value) || (json_is_number(value) && json_number_value(value) != 0);
}

/* A whole number in low..high. Leaves *ret_value alone when there is no such key. */
static bool whole(const json_t *config, const char *key, uint32_t low, uint32_t high,
                  uint32_t *ret_value, struct vosk_error *err)
{
    const json_t *value = json_object_get(config, key);
    double number = json_number_value(value);
    char *end = NULL;
    if (!value)
        return true;
    if (json_is_string(value)) /* "16000": as some clients have it */
        number = strtod(json_string_value(value), &end);
    if (!(json_is_number(value) || (end && end != json_string_value(value) && !*end)) ||
        number != floor(number) || number < low || number > high) {
        bad(err, "config.%s must be a whole number from %u to %u", key, low, high);
        return false;
    }
    *ret_value = (uint32_t)number;
    return true;
}

/* [unk] stands for all other words in a grammar; those are always allowed here. */
static bool read_phrases(struct hotword_list *phrases, const json_t *list, struct vosk_error *err)
{
    struct field_error wrong;
    size_t i;
    const json_t *phrase;
    if (list && !json_is_array(list)) {
        bad(err, "config.phrase_list must be a list of texts");
        return false;
    }
    json_array_foreach (list, i, phrase) {
        const char *text = json_string_value(phrase);
        if (!text) {
            bad(err, "config.phrase_list[%zu] must be a text", i);
            return false;
        }
        if (*text != '[' && hotword_list_add(phrases, "config.phrase_list", text, strlen(text),
                                             VOSK_BOOST, &wrong) != 0) {
            bad(err, "%s", wrong.message);
            return false;
        }
    }
    return true;
}

/* One rule for names: NAME or NAME@depth of the catalog. */
static bool read_model(struct vosk_config *config, const json_t *model, struct vosk_error *err)
{
    struct field_error wrong;
    const char *name = json_string_value(model);
    uint32_t depth;
    if (!model)
        return true;
    if (catalog_find(config->catalog, "config.model", name ? name : "(no text)", &depth, &wrong) !=
        0) {
        bad(err, "%s", wrong.message);
        return false;
    }
    config->depth = depth ? depth : config->depth;
    return true;
}

static bool read_rest(struct vosk_config *config, const json_t *said, struct vosk_error *err)
{
    static const char *const known[] = {"sample_rate", "max_alternatives", "depth",
                                        "words",       "phrase_list",      "model"};
    struct field_error wrong;
    if (parameters_judge_json(&config->notices, said, "config.", known,
                              sizeof known / sizeof *known, &wrong) == 0)
        return true;
    bad(err, "%s", wrong.message);
    return false;
}

static enum vosk_message read_config(struct vosk_config *config, const json_t *said,
                                     struct vosk_error *err)
{
    struct vosk_config read = *config;
    const json_t *words = json_object_get(said, "words");
    const json_t *phrases = json_object_get(said, "phrase_list");
    if (!json_is_object(said))
        return bad(err, "config must be an object");
    read.phrases.count = read.notices.count = 0;
    if (!read_model(&read, json_object_get(said, "model"), err) ||
        !whole(said, "sample_rate", 8000, 192000, &read.rate_hz, err) ||
        !whole(said, "max_alternatives", 0, 100, &read.alternatives, err) ||
        !whole(said, "depth", 1, config->catalog->unfolds, &read.depth, err) ||
        !read_rest(&read, said, err) || !read_phrases(&read.phrases, phrases, err)) {
        hotword_list_finish(&read.phrases);
        return VOSK_BAD;
    }
    if (words)
        read.words = truth(words);
    if (phrases)
        hotword_list_finish(&config->phrases);
    else
        read.phrases = config->phrases;
    *config = read;
    return VOSK_CONFIG;
}

enum vosk_message vosk_recv(struct vosk_config *config, const char *text, size_t length,
                            struct vosk_error *err)
{
    json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *said = json_object_get(message, "config");
    enum vosk_message kind;
    if (said)
        kind = read_config(config, said, err);
    else if (truth(json_object_get(message, "eof")))
        kind = VOSK_EOF;
    else if (truth(json_object_get(message, "reset")))
        kind = VOSK_RESET;
    else
        kind = bad(err, "text must be {\"config\": {...}}, {\"reset\": 1} or {\"eof\": 1}");
    json_decref(message);
    return kind;
}

/* ---- what was heard ------------------------------------------------------------------------- */

void vosk_init(struct vosk *vosk)
{
    *vosk = (struct vosk){.words = true};
    vosk->last = &vosk->first;
}

static struct vosk_text *pop(struct vosk *vosk)
{
    struct vosk_text *text = vosk->first;
    vosk->first = text->next;
    if (!vosk->first)
        vosk->last = &vosk->first;
    return text;
}

static void drop(struct vosk_text *text)
{
    while (text) {
        struct vosk_text *other = text->other;
        free(text);
        text = other;
    }
}

void vosk_finish(struct vosk *vosk)
{
    while (vosk->first)
        drop(pop(vosk));
    free(vosk->partial);
    vosk->partial = NULL;
}

/* Lower case without marks: what clients of this dialect expect. */
static struct vosk_text *copy_words(const struct result_segment *segment)
{
    size_t bytes = 0;
    for (size_t i = 0; i < segment->words_count; i++)
        bytes += strlen(segment->words[i].text) + 1;
    struct vosk_text *text =
        malloc(sizeof *text + segment->words_count * sizeof text->words[0] + bytes);
    if (!text)
        return NULL;
    text->next = text->other = NULL;
    text->count = segment->words_count;
    char *at = (char *)(text->words + text->count);
    for (size_t i = 0; i < text->count; i++) {
        text->words[i] = segment->words[i];
        text->words[i].text = at;
        at += words_plain(at, segment->words[i].text) + 1;
    }
    return text;
}

/* A final with its others; NULL without memory. */
static struct vosk_text *copy_segment(const struct result_segment *segment)
{
    struct vosk_text *text = copy_words(segment), *last = text;
    for (size_t i = 0; last && i < segment->others_count; i++)
        last = last->other = copy_words(&segment->others[i]);
    if (last)
        return text;
    drop(text);
    return NULL;
}

int vosk_hear(struct vosk *vosk, const struct result *result)
{
    const struct result_segment *segment = &result->segment;
    if (result->final) {
        free(vosk->partial);
        vosk->partial = NULL;
        if (!segment->words_count)
            return 0;
        struct vosk_text *text = copy_segment(segment);
        if (!text)
            return -1;
        *vosk->last = text;
        vosk->last = &text->next;
        return 0;
    }
    char *partial = words_join_plain(segment->words, segment->words_count);
    if (!partial)
        return -1;
    free(vosk->partial);
    vosk->partial = partial;
    return 0;
}

/* A reply; the first after a configuration, and the last, have its notices. */
static char *dump(struct vosk *vosk, bool is_last, json_t *body)
{
    if (body && vosk->notices.count && (is_last || !vosk->has_told))
        json_object_set_new(body, "warnings", notices_json(&vosk->notices));
    vosk->has_told = true;
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(7)) : NULL;
    json_decref(body);
    return text;
}

static double seconds(int64_t samples)
{
    return round((double)samples / RESULT_RATE_HZ * 1000) / 1000;
}

/* Adds the text's words to text (with spaces) and to list; to the sum, their confidences. */
static void add(const struct vosk_text *text, bool conf, json_t *list, double *sum)
{
    for (size_t i = 0; i < text->count; i++) {
        const struct result_word *w = &text->words[i];
        json_t *word = json_pack("{s:f, s:f, s:s}", "end", seconds(w->end_samples), "start",
                                 seconds(w->start_samples), "word", w->text);
        if (conf && word)
            json_object_set_new(word, "conf", json_real(round((double)w->confidence * 1e6) / 1e6));
        json_array_append_new(list, word);
        *sum += (double)w->confidence;
    }
}

/* The rank-th text of a final, or its best where it has not so many. */
static const struct vosk_text *ranked(const struct vosk_text *text, size_t rank)
{
    const struct vosk_text *at = text;
    for (; at && rank; rank--)
        at = at->other;
    return at ? at : text;
}

/* The rank-th reading of finals [list], as one. */
static json_t *body_of(const struct vosk *vosk, const struct vosk_text *list, size_t rank)
{
    json_t *words = json_array();
    double sum = 0;
    size_t count = 0;
    char *joined = strdup("");
    for (; list; list = list->next) {
        const struct vosk_text *text = ranked(list, rank);
        char *these = words_join_plain(text->words, text->count), *both = NULL;
        if (these && joined &&
            asprintf(&both, "%s%s%s", joined, *joined && *these ? " " : "", these) < 0)
            both = NULL;
        free(joined);
        free(these);
        joined = both;
        add(text, !vosk->alternatives, words, &sum);
        count += text->count;
    }
    json_t *body = joined ? json_pack("{s:s}", "text", joined) : NULL;
    free(joined);
    if (body && vosk->words && count)
        json_object_set(body, "result", words);
    json_decref(words);
    if (body && vosk->alternatives)
        json_object_set_new(body, "confidence", json_real(count ? sum / (double)count : 1.0));
    return body;
}

/* One result of the first `most` finals, which are forgotten. */
static char *result(struct vosk *vosk, size_t most)
{
    const bool is_last = most == SIZE_MAX;
    struct vosk_text *list = NULL, **last = &list;
    size_t ranks = 1;
    for (; vosk->first && most; most--) {
        *last = pop(vosk);
        size_t others = 0;
        for (const struct vosk_text *other = (*last)->other; other; other = other->other)
            others++;
        ranks = others + 1 > ranks ? others + 1 : ranks;
        last = &(*last)->next;
        *last = NULL;
    }
    json_t *said = vosk->alternatives ? json_array() : body_of(vosk, list, 0);
    for (size_t rank = 0; rank < vosk->alternatives && rank < ranks; rank++)
        json_array_append_new(said, body_of(vosk, list, rank));
    while (list) {
        struct vosk_text *next = list->next;
        drop(list);
        list = next;
    }
    return dump(vosk, is_last,
                vosk->alternatives ? json_pack("{s:o}", "alternatives", said) : said);
}

char *vosk_reply(struct vosk *vosk)
{
    if (vosk->first)
        return result(vosk, 1);
    return dump(vosk, false, json_pack("{s:s}", "partial", vosk->partial ? vosk->partial : ""));
}

char *vosk_rest(struct vosk *vosk)
{
    free(vosk->partial);
    vosk->partial = NULL;
    return result(vosk, SIZE_MAX);
}
