/* openai_stream.c - a transcription as server-sent events: see openai.h. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "openai.h"
#include "words.h"

/* One event; takes body. */
static char *event(json_t *body)
{
    char *json = body ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    char *text = NULL;
    if (json && asprintf(&text, "data: %s\n\n", json) < 0)
        text = NULL;
    free(json);
    json_decref(body);
    return text;
}

char *openai_stream_delta(const struct openai_request *request,
                          const struct result_segment *segment, bool first)
{
    char *words = words_join(segment->words, segment->words_count), *delta = NULL;
    if (words && asprintf(&delta, "%s%s", first ? "" : " ", words) < 0)
        delta = NULL;
    free(words);
    json_t *body =
        delta ? json_pack("{s:s, s:s}", "type", "transcript.text.delta", "delta", delta) : NULL;
    free(delta);
    if (body && request->words)
        json_object_set_new(body, "words", openai_words(segment, 1));
    return event(body);
}

/* The JSON answer as an event of this type. */
static json_t *answer_as(const char *event_type, const struct openai_request *request,
                         const struct result_transcript *transcript)
{
    const char *type;
    struct openai_request plain = *request;
    plain.format = OPENAI_JSON;
    char *answer = openai_response(&plain, transcript, &type);
    json_t *body = answer ? json_loads(answer, 0, NULL) : NULL;
    free(answer);
    if (body)
        json_object_set_new(body, "type", json_string(event_type));
    return body;
}

char *openai_stream_draft(const struct openai_request *request,
                          const struct result_transcript *transcript)
{
    json_t *body = answer_as("foldscribe.draft", request, transcript);
    if (body)
        json_object_del(body, "usage"); /* that of the whole comes at the end */
    return event(body);
}

char *openai_stream_done(const struct openai_request *request,
                         const struct result_transcript *transcript)
{
    return event(answer_as("transcript.text.done", request, transcript));
}

char *openai_stream_error(const struct openai_error *err)
{
    char *body = openai_error_body(err);
    char *text = body ? event(json_loads(body, 0, NULL)) : NULL;
    free(body);
    return text;
}
