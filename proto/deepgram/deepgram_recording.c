/* An utterance ends where nobody speaks for utt_split seconds. A sentence ends at a mark that ends
 * one, or at the end of a segment; a paragraph at a long pause, or when it has five sentences. */
#include "deepgram_recording.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "depthjson.h"
#include "profanity.h"
#include "sentences.h"
#include "words.h"

#define PARAGRAPH_PAUSE_SAMPLES (2 * RESULT_RATE_HZ)
#define PARAGRAPH_SENTENCES     5

struct deepgram_recording {
    const struct deepgram_config *config;
    json_t *channels[DEEPGRAM_CHANNELS];
    json_t *utterances[DEEPGRAM_CHANNELS]; /* of each channel */
    json_t *warnings;                      /* NULL: none */
    int64_t duration_samples;
    struct result_depth depth;
};

/* All words of one reading of a transcript, borrowed, and where segments end. */
struct flat {
    struct result_word *words; /* [count] */
    bool *last;                /* [count] of its segment */
    size_t count;
};

int deepgram_recording_url(const char *text, size_t length, char **ret_url,
                           struct deepgram_error *err)
{
    json_t *body = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    const char *url = json_string_value(json_object_get(body, "url"));
    const bool fits =
        url && (strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0);
    char *copy = fits ? strdup(url) : NULL;
    json_decref(body);
    if (copy) {
        *ret_url = copy;
        return 0;
    }
    err->status = fits ? 503 : 400;
    snprintf(err->message, sizeof err->message, "%s",
             fits ? "out of memory"
                  : "the body must be JSON like {\"url\": \"https://...\"}, with http or https");
    return -1;
}

struct deepgram_recording *deepgram_recording_open(const struct deepgram_config *config)
{
    struct deepgram_recording *recording = calloc(1, sizeof *recording);
    if (recording)
        recording->config = config;
    return recording;
}

void deepgram_recording_close(struct deepgram_recording *recording)
{
    if (!recording)
        return;
    for (size_t i = 0; i < DEEPGRAM_CHANNELS; i++) {
        json_decref(recording->channels[i]);
        json_decref(recording->utterances[i]);
    }
    json_decref(recording->warnings);
    free(recording);
}

/* The rank-th text of a segment, or its best where it has not so many. */
static const struct result_segment *ranked(const struct result_segment *segment, size_t rank)
{
    return rank && rank <= segment->others_count ? &segment->others[rank - 1] : segment;
}

static bool flatten(struct flat *flat, const struct result_transcript *t, size_t rank)
{
    size_t room = 0;
    for (size_t i = 0; i < t->segments_count; i++)
        room += ranked(&t->segments[i], rank)->words_count;
    flat->count = 0;
    flat->words = malloc((room + 1) * sizeof *flat->words);
    flat->last = malloc((room + 1) * sizeof *flat->last);
    for (size_t i = 0; flat->words && flat->last && i < t->segments_count; i++) {
        const struct result_segment *segment = ranked(&t->segments[i], rank);
        for (size_t j = 0; j < segment->words_count; j++) {
            flat->words[flat->count] = segment->words[j];
            flat->last[flat->count++] = j + 1 == segment->words_count;
        }
    }
    return flat->words && flat->last;
}

static double seconds(int64_t samples)
{
    return round((double)samples / RESULT_RATE_HZ * 1000) / 1000;
}

static bool ends_sentence(const struct flat *flat, size_t i)
{
    return flat->last[i] || sentences_end(flat->words, flat->count, i);
}

static json_t *sentence_json(const struct flat *flat, size_t first, size_t end)
{
    char *text = words_join(flat->words + first, end - first);
    json_t *sentence = json_pack("{s:s, s:f, s:f}", "text", text, "start",
                                 seconds(flat->words[first].start_samples), "end",
                                 seconds(flat->words[end - 1].end_samples));
    free(text);
    return sentence;
}

/* Adds words [first, end) to paragraphs, and their text to *text. */
static void add_paragraph(const struct flat *flat, size_t first, size_t end, json_t *sentences,
                          json_t *paragraphs, char **text)
{
    char *these = words_join(flat->words + first, end - first), *both = NULL;
    if (these && *text && asprintf(&both, "%s%s%s", *text, **text ? "\n\n" : "", these) < 0)
        both = NULL;
    free(these);
    free(*text);
    *text = both;
    json_array_append_new(paragraphs, json_pack("{s:O, s:i, s:f, s:f}", "sentences", sentences,
                                                "num_words", (int)(end - first), "start",
                                                seconds(flat->words[first].start_samples), "end",
                                                seconds(flat->words[end - 1].end_samples)));
}

static json_t *paragraphs_json(const struct flat *flat)
{
    json_t *paragraphs = json_array(), *sentences = json_array();
    char *text = strdup("");
    size_t paragraph = 0, sentence = 0;
    for (size_t i = 0; i < flat->count; i++) {
        const bool over = i + 1 == flat->count;
        if (!over && !ends_sentence(flat, i))
            continue;
        json_array_append_new(sentences, sentence_json(flat, sentence, i + 1));
        sentence = i + 1;
        if (!over && json_array_size(sentences) < PARAGRAPH_SENTENCES &&
            flat->words[i + 1].start_samples - flat->words[i].end_samples < PARAGRAPH_PAUSE_SAMPLES)
            continue;
        add_paragraph(flat, paragraph, i + 1, sentences, paragraphs, &text);
        json_decref(sentences);
        sentences = json_array();
        paragraph = i + 1;
    }
    json_decref(sentences);
    json_t *result = json_pack("{s:s, s:o}", "transcript", text, "paragraphs", paragraphs);
    free(text);
    return result;
}

/* A UUID of its own for each: the request's, with the place in its last digits. */
static void name(char to[40], const char *request_id, uint32_t channel, size_t index)
{
    const size_t length = strlen(request_id) < 28 ? strlen(request_id) : 28;
    snprintf(to, 40, "%.*s%02x%06x", (int)length, request_id, channel & 255u,
             (unsigned)(index & 0xffffff));
}

static json_t *utterances_json(const struct flat *flat, uint32_t channel, double split_s,
                               const struct deepgram_source *source)
{
    json_t *utterances = json_array();
    char id[40];
    for (size_t first = 0, i = 0; i < flat->count; i++) {
        const bool over = i + 1 == flat->count;
        if (!over && (double)(flat->words[i + 1].start_samples - flat->words[i].end_samples) <
                         split_s * RESULT_RATE_HZ)
            continue;
        json_t *utterance = deepgram_alternative(flat->words + first, i + 1 - first);
        name(id, source->request_id, channel, first);
        json_t *more = json_pack(
            "{s:f, s:f, s:i, s:s}", "start", seconds(flat->words[first].start_samples), "end",
            seconds(flat->words[i].end_samples), "channel", (int)channel, "id", id);
        json_object_update(utterance, more);
        json_decref(more);
        json_array_append_new(utterances, utterance);
        first = i + 1;
    }
    return utterances;
}

/* The rank-th reading of a channel; utterances are of the best. 0, or -1 without memory. */
static int add_alternative(struct deepgram_recording *recording, json_t *alternatives,
                           uint32_t channel, const struct result_transcript *t, size_t rank,
                           const struct deepgram_source *source)
{
    const struct deepgram_config *config = recording->config;
    struct flat flat;
    bool is_flat = flatten(&flat, t, rank);
    struct result_word *hidden =
        is_flat && config->profanity_filter ? profanity_hide(flat.words, flat.count) : NULL;
    if (hidden) {
        free(flat.words);
        flat.words = hidden;
    }
    is_flat = is_flat && (hidden || !config->profanity_filter);
    if (is_flat) {
        json_t *alternative = deepgram_alternative(flat.words, flat.count);
        if (alternative && config->paragraphs)
            json_object_set_new(alternative, "paragraphs", paragraphs_json(&flat));
        json_array_append_new(alternatives, alternative);
        if (rank == 0 && config->utterances)
            recording->utterances[channel] =
                utterances_json(&flat, channel, config->utt_split_s, source);
    }
    free(flat.words);
    free(flat.last);
    return is_flat ? 0 : -1;
}

/* As Deepgram's metadata has them; what is said of one channel is said of all. */
static void add_warnings(struct deepgram_recording *recording, const struct result_transcript *t)
{
    if (recording->warnings)
        return;
    for (size_t i = 0; i < t->warnings_count; i++) {
        if (!recording->warnings)
            recording->warnings = json_array();
        json_array_append_new(recording->warnings,
                              json_pack("{s:s, s:s, s:s}", "parameter", "audio", "type", "audio",
                                        "message", t->warnings[i]));
    }
}

int deepgram_recording_add(struct deepgram_recording *recording, uint32_t channel,
                           const struct result_transcript *t, const struct deepgram_source *source)
{
    json_t *alternatives = json_array();
    size_t ranks = 1;
    for (size_t i = 0; i < t->segments_count; i++)
        ranks = t->segments[i].others_count + 1 > ranks ? t->segments[i].others_count + 1 : ranks;
    for (size_t rank = 0; rank < ranks; rank++)
        if (add_alternative(recording, alternatives, channel, t, rank, source) < 0) {
            json_decref(alternatives);
            return -1;
        }
    recording->channels[channel] = json_pack("{s:o}", "alternatives", alternatives);
    if (t->duration_samples > recording->duration_samples)
        recording->duration_samples = t->duration_samples;
    recording->depth = t->depth;
    add_warnings(recording, t);
    return recording->channels[channel] ? 0 : -1;
}

static double start_of(const json_t *utterance)
{
    return json_number_value(json_object_get(utterance, "start"));
}

/* All channels' utterances in the order of their beginnings. */
static json_t *merge(json_t *const utterances[DEEPGRAM_CHANNELS])
{
    json_t *merged = json_array();
    size_t at[DEEPGRAM_CHANNELS] = {0};
    for (;;) {
        size_t next = DEEPGRAM_CHANNELS;
        for (size_t c = 0; c < DEEPGRAM_CHANNELS; c++)
            if (at[c] < json_array_size(utterances[c]) &&
                (next == DEEPGRAM_CHANNELS ||
                 start_of(json_array_get(utterances[c], at[c])) <
                     start_of(json_array_get(utterances[next], at[next]))))
                next = c;
        if (next == DEEPGRAM_CHANNELS)
            return merged;
        json_array_append(merged, json_array_get(utterances[next], at[next]));
        at[next]++;
    }
}

char *deepgram_recording_json(struct deepgram_recording *recording, uint32_t channels,
                              const char *created, const char *sha256,
                              const struct deepgram_source *source)
{
    json_t *list = json_array();
    for (size_t c = 0; c < DEEPGRAM_CHANNELS; c++)
        if (recording->channels[c])
            json_array_append(list, recording->channels[c]);
    json_t *metadata = json_pack(
        "{s:s, s:s, s:s, s:s, s:f, s:i, s:[s], s:{s:{s:s, s:s, s:s}}, s:o}", "transaction_key",
        "deprecated", "request_id", source->request_id, "sha256", sha256, "created", created,
        "duration", seconds(recording->duration_samples), "channels", (int)channels, "models",
        source->model_id, "model_info", source->model_id, "name", source->model, "version",
        source->version, "arch", "foldscribe", "depth", depthjson_make(&recording->depth));
    deepgram_add_asked(metadata, recording->config);
    json_t *warnings = metadata ? json_object_get(metadata, "warnings") : NULL;
    if (warnings && recording->warnings)
        json_array_extend(warnings, recording->warnings);
    else if (metadata && recording->warnings)
        json_object_set(metadata, "warnings", recording->warnings);
    json_t *results = json_pack("{s:o}", "channels", list);
    if (results && recording->config->utterances)
        json_object_set_new(results, "utterances", merge(recording->utterances));
    json_t *body = json_pack("{s:o, s:o}", "metadata", metadata, "results", results);
    char *text = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(body);
    return text;
}
