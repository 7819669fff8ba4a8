/* http_transcribe.c - POST /v1/audio/transcriptions and, as the text is English, translations, in
 * OpenAI's dialect.
 *
 * libmicrohttpd's thread reads the body into an upload; at its end the spool file goes to the
 * engine and the connection is suspended. Without stream=true the engine's worker makes the answer
 * in on_done() and resumes it. With it, the answer begins with the first words; until then an error
 * still has a status of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "depthjson.h"
#include "http_openai.h"
#include "http_request.h"
#include "http_stream.h"
#include "log.h"
#include "upload.h"

struct work {
    struct upload upload;
    struct openai_request asked;
    struct openai_error err;    /* the first; status 0: none */
    struct http_stream *stream; /* stream=true */
};

/* What a streamed job's callbacks know of the request, which may be gone before them. */
struct streamed {
    struct openai_request asked; /* without its hotwords */
    struct metrics *metrics;
    char id[ID_BYTES];
    struct trace trace;
    double received_ms;
    bool has_filename;
    bool begun;    /* a delta was sent, */
    bool answered; /* or any event */
};

static const char sse[] = "text/event-stream; charset=utf-8";

/* ---- the engine's workers ------------------------------------------------------------------- */

static void note(struct metrics *metrics, const char *id, const struct trace *trace,
                 double received_ms, const struct batch_result *result)
{
    const double total_ms = clock_now_ms() - received_ms;
    log_info("transcribed", log_text("id", id), log_word("trace", trace->id),
             log_real("audio_s", (double)result->transcript->duration_samples / RESULT_RATE_HZ, 2),
             log_count("depth", result->transcript->depth.used),
             log_text("reason", result_reason_text(result->transcript->depth.reason)),
             log_real("queue_ms", result->queue_ms, 0),
             log_real("compute_ms", result->compute_ms, 0), log_real("total_ms", total_ms, 0));
    metrics_batch(metrics, total_ms, result->queue_ms);
    metrics_served(metrics, METRICS_RECORDING, &result->transcript->depth);
}

/* filename: it had one. */
static void explain(struct openai_error *err, const struct batch_result *result, const char *id,
                    const struct trace *trace, bool filename)
{
    const int status = engine_end_http(result->end);
    openai_fail(err, status, engine_end_type(result->end), NULL,
                status == 400 || status == 413 ? "file" : NULL, "%s%s%s%s",
                engine_end_text(result->end),
                result->end == ENGINE_NOT_AUDIO && !filename
                    ? ", and its part has no filename (with curl, write -F file=@PATH)"
                    : "",
                result->detail ? ": " : "", result->detail ? result->detail : "");
    log_info("not transcribed", log_text("id", id), log_word("trace", trace->id),
             log_text("reason", err->message));
}

static void on_done(void *user, const struct batch_result *result)
{
    struct http_request *r = user;
    const struct work *w = r->work;
    if (result->end == ENGINE_OK) {
        const char *type;
        char *body = openai_response(&w->asked, result->transcript, &type);
        depthjson_header(&result->transcript->depth, r->depth, sizeof r->depth);
        http_request_set(r, 200, type, body);
        note(r->http->options.metrics, r->id, &r->trace, r->received_ms, result);
    } else {
        struct openai_error err;
        explain(&err, result, r->id, &r->trace, w->upload.has_filename);
        http_openai_error(r, &err);
    }
    /* From here on the connection's thread may free r. */
    MHD_resume_connection(r->connection);
}

static void on_segment(void *user, const struct result_segment *segment)
{
    struct streamed *s = http_stream_context(user);
    if (!segment->words_count)
        return;
    http_stream_write(user, openai_stream_delta(&s->asked, segment, !s->begun));
    s->begun = s->answered = true;
}

static void on_draft(void *user, const struct result_transcript *transcript)
{
    struct streamed *s = http_stream_context(user);
    http_stream_write(user, openai_stream_draft(&s->asked, transcript));
    s->answered = true;
}

static void on_streamed(void *user, const struct batch_result *result)
{
    struct streamed *s = http_stream_context(user);
    struct openai_error err;
    if (result->end == ENGINE_OK) {
        note(s->metrics, s->id, &s->trace, s->received_ms, result);
        http_stream_write(user, openai_stream_done(&s->asked, result->transcript));
    } else {
        explain(&err, result, s->id, &s->trace, s->has_filename);
        if (s->answered)
            http_stream_write(user, openai_stream_error(&err));
        else
            http_stream_refuse(user, err.status, openai_error_body(&err));
    }
    http_stream_end(user);
    http_stream_release(user);
}

/* ---- starting ------------------------------------------------------------------------------- */

static struct http_stream *make_stream(struct http_request *r)
{
    const struct work *w = r->work;
    struct streamed *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->asked = w->asked;
    s->asked.hotwords.count = 0;
    s->metrics = r->http->options.metrics;
    s->received_ms = r->received_ms;
    s->has_filename = w->upload.has_filename;
    memcpy(s->id, r->id, sizeof s->id);
    s->trace = r->trace;
    return http_stream_open(r->connection, s);
}

/* The engine refused: nobody will resume. */
static enum MHD_Result refuse(struct http_request *r, enum engine_end end)
{
    struct openai_error err;
    openai_fail(&err, engine_end_http(end), engine_end_type(end),
                end == ENGINE_BUSY ? "rate_limit_exceeded" : NULL, NULL, "%s",
                engine_end_text(end));
    http_openai_error(r, &err);
    MHD_resume_connection(r->connection);
    return MHD_YES;
}

/* Hands the upload to the engine and suspends the connection, or answers with an error at once. */
static enum MHD_Result start(struct http_request *r)
{
    struct http *http = r->http;
    struct work *w = r->work;
    struct upload *u = &w->upload;
    const struct openai_request *asked = &w->asked;
    r->received_ms = clock_now_ms();
    w->asked.has_file = u->fd >= 0;
    if (openai_request_check(&w->asked, &w->err) == 0 && asked->stream &&
        !(w->stream = make_stream(r)))
        openai_fail(&w->err, 500, "server_error", NULL, NULL, "out of memory");
    if (w->err.status) {
        http_openai_error(r, &w->err);
        return http_request_answer(r);
    }
    struct request_policy policy;
    if (!http_request_policy(r, asked->depth, asked->latency_ms, asked->tier, &policy))
        return http_request_answer(r);
    notices_header(&asked->notices, r->warnings, sizeof r->warnings);
    struct fold_hotword hotwords[HOTWORD_LIST_MOST];
    engine_hotwords(&asked->hotwords, hotwords);
    const struct batch_options options = {.policy = policy,
                                          .endpointing_ms = asked->pause_ms,
                                          .hotwords = hotwords,
                                          .hotwords_count = asked->hotwords.count,
                                          .on_draft = asked->draft ? on_draft : NULL,
                                          .on_segment = w->stream ? on_segment : NULL,
                                          .on_done = w->stream ? on_streamed : on_done,
                                          .user = w->stream ? (void *)w->stream : r};
    /* on_done() may come at once, from another thread: suspend first, start last. */
    http_request_suspend(r);
    const int fd = u->fd;
    u->fd = -1;
    struct batch *job;
    const enum engine_end end = batch_start(http->options.engine, fd, &options, &job);
    if (end == ENGINE_OK)
        return MHD_YES;
    if (w->stream) { /* in the job's place too */
        http_stream_release(w->stream);
        http_stream_release(w->stream);
        w->stream = NULL;
    }
    return refuse(r, end);
}

static enum MHD_Result resumed(struct http_request *r)
{
    const struct work *w = r->work;
    int status;
    char *body;
    if (!w->stream)
        return http_request_answer(r);
    if (http_stream_is_refused(w->stream, &status, &body)) {
        http_request_set(r, status, "application/json", body);
        return http_request_answer(r);
    }
    return http_stream_answer(w->stream, r, sse);
}

/* ---- the body ------------------------------------------------------------------------------- */

static bool on_field(void *user, const char *name, const char *value, size_t length)
{
    struct work *w = user;
    return openai_request_field(&w->asked, name, value, length, &w->err) == 0;
}

/* What is wrong with the body as such, in the dialect's words. */
static void explain_upload(struct openai_error *err, const struct upload *u)
{
    static const char invalid[] = "invalid_request_error", broken[] = "server_error";
    switch (u->problem) {
    case UPLOAD_OK:
    case UPLOAD_REFUSED: /* by on_field, which has said why */
        break;
    case UPLOAD_NOT_A_FORM:
        openai_fail(err, 400, invalid, NULL, NULL, "%s, with parts 'file' and 'model'", u->reason);
        break;
    case UPLOAD_MALFORMED:
        openai_fail(err, 400, invalid, NULL, NULL, "the multipart body is malformed: %s",
                    u->reason);
        break;
    case UPLOAD_CUT_SHORT:
        openai_fail(err, 400, invalid, NULL, NULL,
                    "the multipart body is cut short: its closing boundary is missing");
        break;
    case UPLOAD_TWO_FILES:
        openai_fail(err, 400, invalid, NULL, "file", "there is more than one part named 'file'");
        break;
    case UPLOAD_FIELD_TOO_LONG:
        openai_fail(err, 400, invalid, "string_above_max_length", u->name,
                    "the field is longer than %d bytes", UPLOAD_FIELD_BYTES);
        break;
    case UPLOAD_TOO_LARGE:
        openai_fail(err, 413, invalid, "file_too_large", "file",
                    "the upload is larger than %llu MB",
                    (unsigned long long)(u->max_bytes / 1000000));
        break;
    case UPLOAD_NOT_STORED:
        openai_fail(err, 500, broken, NULL, NULL, "the server cannot store uploads now");
        break;
    case UPLOAD_NO_MEMORY:
        openai_fail(err, 500, broken, NULL, NULL, "out of memory");
        break;
    }
}

static enum MHD_Result refuse_upload(struct http_request *r)
{
    struct work *w = r->work;
    explain_upload(&w->err, &w->upload);
    http_openai_error(r, &w->err);
    return http_request_answer(r);
}

static enum MHD_Result begin(struct http_request *r)
{
    const struct http_options *o = &r->http->options;
    struct work *w = r->work = calloc(1, sizeof *w);
    if (!w)
        return MHD_NO;
    openai_request_init(&w->asked, o->catalog);
    w->asked.is_translation = r->is_translation;
    upload_init(&w->upload, o->spool, o->max_upload_bytes, http_request_header(r, "Content-Type"),
                on_field, w);
    if (!http_request_is_hopeless(r))
        return MHD_YES;
    w->upload.problem = UPLOAD_TOO_LARGE;
    return refuse_upload(r);
}

/* What follows an error is read and dropped, so that the client gets the answer and not a reset;
 * but not for ever. */
static enum MHD_Result feed(struct http_request *r, const char *bytes, size_t count)
{
    struct work *w = r->work;
    const enum http_body allowed = http_request_count(r, count);
    if (allowed == HTTP_BODY_TOO_SLOW || allowed == HTTP_BODY_HOPELESS)
        return MHD_NO;
    upload_feed(&w->upload, bytes, count);
    return MHD_YES;
}

static enum MHD_Result end(struct http_request *r)
{
    struct work *w = r->work;
    upload_end(&w->upload);
    return w->upload.problem == UPLOAD_OK ? start(r) : refuse_upload(r);
}

static void cancel(struct http_request *r)
{
    const struct work *w = r->work;
    batch_cancel(r->http->options.engine, w->stream ? (void *)w->stream : r);
}

static void finish(struct http_request *r)
{
    struct work *w = r->work;
    if (!w)
        return;
    if (w->stream) {
        http_stream_abandon(w->stream);
        cancel(r);
        http_stream_release(w->stream);
    }
    upload_finish(&w->upload);
    openai_request_finish(&w->asked);
    free(w);
}

const struct http_service http_transcribe_service = {.begin = begin,
                                                     .feed = feed,
                                                     .end = end,
                                                     .resumed = resumed,
                                                     .cancel = cancel,
                                                     .finish = finish};
