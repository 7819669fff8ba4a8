/* flux.c - see flux.h. */
#include "flux.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "profanity.h"
#include "words.h"

/* The silence behind which half of all turns are over. */
#define FINISHED_MS   350.0 /* a sentence was */
#define UNFINISHED_MS 600.0

void flux_init(struct flux *flux, const struct flux_config *config, const char *request_id)
{
    *flux = (struct flux){.config = config, .request_id = request_id};
}

static void drop_words(struct flux *f, size_t from)
{
    for (size_t i = from; i < f->final_count + f->partial_count; i++)
        free((char *)f->words[i].text);
    f->partial_count = 0;
    f->final_count = from < f->final_count ? from : f->final_count;
}

void flux_finish(struct flux *flux)
{
    drop_words(flux, 0);
    free(flux->words);
    flux->words = NULL;
}

enum flux_message flux_recv(const char *text, size_t length)
{
    static const struct {
        const char *type;
        enum flux_message message;
    } known[] = {{"KeepAlive", FLUX_KEEP_ALIVE},
                 {"Configure", FLUX_CONFIGURE},
                 {"ForceEndTurn", FLUX_FORCE_END},
                 {"CloseStream", FLUX_CLOSE}};
    json_t *message = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(message, "type"));
    enum flux_message result = FLUX_UNKNOWN;
    for (size_t i = 0; type && i < sizeof known / sizeof *known; i++)
        if (strcmp(type, known[i].type) == 0)
            result = known[i].message;
    json_decref(message);
    return result;
}

/* ---- how sure -------------------------------------------------------------------------------- */

static double half_ms(const char *text)
{
    size_t length = strlen(text);
    while (length && strchr("\"')]", text[length - 1]))
        length--;
    return length && strchr(".?!", text[length - 1]) ? FINISHED_MS : UNFINISHED_MS;
}

double flux_confidence(const char *text, double silent_ms)
{
    return silent_ms > 0 ? 1 - exp2(-silent_ms / half_ms(text)) : 0;
}

double flux_silence_ms(const char *text, double confidence)
{
    return -log2(1 - confidence) * half_ms(text);
}

/* ---- what is said ---------------------------------------------------------------------------- */

static double seconds(int64_t samples)
{
    return round((double)samples / RESULT_RATE_HZ * 1000) / 1000;
}

static double thousandths(double x)
{
    return round(x * 1000) / 1000;
}

/* Takes body. */
static void add(struct flux_said *said, json_t *body)
{
    said->texts[said->count++] =
        body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(body);
}

static json_t *message(struct flux *f, const char *type)
{
    return json_pack("{s:s, s:s, s:i}", "type", type, "request_id", f->request_id, "sequence_id",
                     (int)f->sequence++);
}

static const char *last_word(const struct flux *f)
{
    const size_t count = f->final_count + f->partial_count;
    return count ? f->words[count - 1].text : "";
}

/* silent_ms: behind the last word. trigger: of an EndOfTurn. */
static void add_turn(struct flux *f, const char *event, double silent_ms, const char *trigger,
                     struct flux_said *said)
{
    const size_t count = f->final_count + f->partial_count;
    struct result_word *hidden =
        f->config->base.profanity_filter ? profanity_hide(f->words, count) : NULL;
    const struct result_word *words = hidden ? hidden : f->words;
    json_t *list = json_array(), *body = message(f, "TurnInfo");
    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:f, s:f, s:f}", "word", words[i].text, "confidence",
                            thousandths((double)words[i].confidence), "start",
                            seconds(words[i].start_samples), "end", seconds(words[i].end_samples)));
    char *text = words_join(words, count);
    json_t *more = json_pack("{s:s, s:i, s:f, s:f, s:s, s:o, s:f}", "event", event, "turn_index",
                             (int)f->turn_index, "audio_window_start", seconds(f->start_samples),
                             "audio_window_end", seconds(f->end_samples), "transcript",
                             text ? text : "", "words", list, "end_of_turn_confidence",
                             thousandths(flux_confidence(last_word(f), silent_ms)));
    if (more && trigger)
        json_object_set_new(more, "trigger", json_string(trigger));
    if (body && more && text)
        json_object_update(body, more);
    json_decref(more);
    free(text);
    free(hidden);
    add(said, body);
}

static void end_turn(struct flux *f, double silent_ms, const char *trigger, struct flux_said *said)
{
    add_turn(f, "EndOfTurn", silent_ms, trigger, said);
    drop_words(f, 0);
    f->turn_index++;
    f->in_turn = f->is_eager = false;
    f->start_samples = f->end_samples;
}

void flux_connected(struct flux *flux, struct flux_said *said)
{
    json_t *body = message(flux, "Connected");
    if (body && flux->config->base.notices.count)
        json_object_set_new(body, "warnings", notices_json(&flux->config->base.notices));
    add(said, body);
}

static json_t *terms_json(const struct hotword_list *list)
{
    json_t *terms = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(terms, json_string(list->texts[i]));
    return terms;
}

void flux_configured(struct flux *flux, const struct deepgram_error *failed, struct flux_said *said)
{
    const struct flux_config *c = flux->config;
    json_t *body = message(flux, failed ? "ConfigureFailure" : "ConfigureSuccess");
    if (body && failed) {
        json_object_set_new(body, "code", json_string("INVALID_CONFIGURATION"));
        json_object_set_new(body, "description", json_string(failed->message));
    } else if (body) {
        json_t *thresholds = json_pack("{s:f, s:i}", "eot_threshold", c->eot_threshold,
                                       "eot_timeout_ms", (int)c->eot_timeout_ms);
        if (thresholds && c->eager_threshold > 0)
            json_object_set_new(thresholds, "eager_eot_threshold", json_real(c->eager_threshold));
        json_object_set_new(body, "thresholds", thresholds);
        json_object_set_new(body, "keyterms", terms_json(&c->base.hotwords));
    }
    add(said, body);
}

void flux_failed(struct flux *flux, const char *code, const char *description,
                 struct flux_said *said)
{
    json_t *body = message(flux, "Error");
    if (body) {
        json_object_set_new(body, "code", json_string(code));
        json_object_set_new(body, "description", json_string(description));
    }
    add(said, body);
}

/* ---- what is heard --------------------------------------------------------------------------- */

/* Copies of words behind those that are final. */
static void take_words(struct flux *f, const struct result_word *words, size_t count)
{
    drop_words(f, f->final_count);
    if (f->final_count + count > f->room) {
        const size_t room = 2 * (f->final_count + count);
        struct result_word *more = realloc(f->words, room * sizeof *more);
        if (!more) {
            f->is_short = true;
            return;
        }
        f->words = more;
        f->room = room;
    }
    for (size_t i = 0; i < count; i++) {
        struct result_word *word = &f->words[f->final_count + i];
        *word = words[i];
        if (!(word->text = strdup(words[i].text))) {
            f->is_short = true;
            return;
        }
        f->partial_count++;
    }
}

void flux_hear(struct flux *f, const struct result *result, struct flux_said *said)
{
    const struct result_segment *segment = &result->segment;
    const bool had_partial = f->partial_count > 0;
    take_words(f, segment->words, segment->words_count);
    if (result->final) {
        f->final_count += f->partial_count;
        f->partial_count = 0;
    }
    if (segment->end_samples > f->end_samples)
        f->end_samples = segment->end_samples;
    const size_t count = f->final_count + f->partial_count;
    if (!count || (!segment->words_count && !had_partial))
        return; /* nothing new */
    const double silent_ms =
        (double)(f->end_samples - f->words[count - 1].end_samples) / (RESULT_RATE_HZ / 1e3);
    const char *event = !f->in_turn ? "StartOfTurn" : f->is_eager ? "TurnResumed" : "Update";
    if (!f->in_turn)
        f->start_samples = f->words[0].start_samples;
    f->in_turn = true;
    f->is_eager = false;
    add_turn(f, event, silent_ms, NULL, said);
}

uint32_t flux_wait(struct flux *f, uint32_t silent_ms, struct flux_said *said)
{
    const struct flux_config *c = f->config;
    if (!f->in_turn || f->partial_count)
        return 0;
    const char *text = last_word(f);
    const int64_t until_samples =
        f->words[f->final_count - 1].end_samples + (int64_t)silent_ms * (RESULT_RATE_HZ / 1000);
    const double end_ms = flux_silence_ms(text, c->eot_threshold);
    const double eager_ms = c->eager_threshold > 0 && !f->is_eager
                                ? flux_silence_ms(text, c->eager_threshold)
                                : INFINITY;
    const bool is_late = silent_ms >= c->eot_timeout_ms && end_ms > c->eot_timeout_ms;
    if (until_samples > f->end_samples)
        f->end_samples = until_samples;
    if (silent_ms >= end_ms || is_late) {
        end_turn(f, silent_ms, is_late ? "timeout" : "model", said);
        return 0;
    }
    if (silent_ms >= eager_ms) {
        add_turn(f, "EagerEndOfTurn", silent_ms, NULL, said);
        f->is_eager = true;
    }
    const double next_ms = fmin(f->is_eager ? end_ms : fmin(end_ms, eager_ms), c->eot_timeout_ms);
    return (uint32_t)ceil(fmax(next_ms, silent_ms + 1));
}

void flux_force(struct flux *flux, struct flux_said *said)
{
    if (flux->in_turn && flux->final_count)
        end_turn(flux, 0, "manual", said);
}
