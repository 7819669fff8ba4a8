/* openai.h - the OpenAI batch dialect: form fields in, JSON, text or subtitles out. Pure functions.
 */
#ifndef OPENAI_H
#define OPENAI_H

#include "catalog.h"
#include "hotword_list.h"
#include "notices.h"
#include "result.h"

enum openai_format { OPENAI_JSON, OPENAI_TEXT, OPENAI_VERBOSE_JSON, OPENAI_SRT, OPENAI_VTT };

#define OPENAI_WEIGHT         4.0f
#define OPENAI_PROMPT_WEIGHT  1.5f
#define OPENAI_PAUSE_LEAST_MS 200
#define OPENAI_PAUSE_MOST_MS  10000

struct openai_request {
    const struct catalog *catalog; /* borrowed */
    char model[CATALOG_NAME];
    enum openai_format format;
    bool has_model, has_file;
    bool is_translation; /* into English, which the text is in already */
    bool words, segments, has_granularities;
    bool stream;         /* answer bit by bit, */
    bool draft;          /* after a shallow text of the whole */
    bool logprobs;       /* asked for with include[] */
    uint32_t pause_ms;   /* that cuts a recording; 0: not said */
    uint32_t depth;      /* asked for, by the field or, after check, by the model's name; 0: not */
    uint32_t latency_ms; /* budget asked for; 0: not */
    char tier[64];       /* asked for; empty: not */
    struct hotword_list hotwords; /* hotwords, keywords and words of the prompt */
    struct notices notices;       /* what has no effect */
};

struct openai_error {
    int status;              /* HTTP */
    const char *type, *code; /* static; code may be NULL */
    char param[64];          /* field at fault; empty: none */
    char message[512];
};

/* catalog outlives the request. */
void openai_request_init(struct openai_request *request, const struct catalog *catalog);
void openai_request_finish(struct openai_request *request);

/* One form field other than the file; value [length] need not be terminated. 0, or -1 with *err. */
int openai_request_field(struct openai_request *request, const char *name, const char *value,
                         size_t length, struct openai_error *err);

/* After the last part: is it complete, and does the model exist? Sets depth from NAME@r. */
int openai_request_check(struct openai_request *request, struct openai_error *err);

/* The body of a 200 answer, to be freed, and its content type (static). NULL when out of memory. */
char *openai_response(const struct openai_request *request,
                      const struct result_transcript *transcript, const char **ret_type);
/* The words of segments with their times, as verbose_json has them; a new reference. */
struct json_t *openai_words(const struct result_segment *segments, size_t count);

/* To be freed; NULL when out of memory. err as openai_fail made it. */
char *openai_error_body(const struct openai_error *err);
/* Fills err; format is printf's. Bytes that are not UTF-8 become '?'. Returns -1, so that a check
 * is one statement. */
int openai_fail(struct openai_error *err, int status, const char *type, const char *code,
                const char *param, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* The same of what a field's judge said. Returns -1. */
int openai_fail_field(struct openai_error *err, const struct field_error *wrong);

/* ---- stream=true: server-sent events, to be freed; NULL when out of memory ------------------ */

/* The text of one more segment. Deltas are only appended: all of them are the text. With "words",
 * as verbose_json has them, where the request asked for word times. */
char *openai_stream_delta(const struct openai_request *request,
                          const struct result_segment *segment, bool first);
/* Of our own, before all deltas: the whole text as a shallow run heard it, {"type":
 * "foldscribe.draft", "text", "depth"}. Official clients hand events of unknown types on as they
 * are. */
char *openai_stream_draft(const struct openai_request *request,
                          const struct result_transcript *transcript);
char *openai_stream_done(const struct openai_request *request,
                         const struct result_transcript *transcript);
/* Something went wrong after the first event. */
char *openai_stream_error(const struct openai_error *err);

char *openai_models(const struct catalog *catalog);
/* NULL with *err (404) when there is no such model. */
char *openai_model(const struct catalog *catalog, const char *id, struct openai_error *err);

#endif
