/* http_listen.c - POST /v1/listen: a recording, in Deepgram's dialect.
 *
 * The body is the recording, or JSON that names a url; that is then fetched while the connection is
 * suspended, and its bytes go where those of a body go. With multichannel=true the first channel's
 * job says how many there are; its worker then starts one job for each of the others, over the same
 * spooled file. The answer is made when the last one has ended.
 *
 * With callback=URL the request is answered with its id as soon as the work has begun, and the work
 * goes on without it: what would have been the answer, also a refusal, is sent to that url, under
 * the rules of --fetch. Such work keeps the daemon busy, so a drain waits for it. */
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "deepgram_recording.h"
#include "depthjson.h"
#include "head.h"
#include "hex.h"
#include "http_request.h"
#include "log.h"
#include "query.h"
#include "spool.h"
#include "version.h"

#define JSON_MAX 16384

#define CALLBACKS_MOST 256 /* that wait for their words or for the other side */

struct work {
    struct http *http;
    struct http_request *request; /* that waits for the answer; NULL: a callback does */
    char id[ID_BYTES];
    struct trace trace;
    double received_ms;
    struct keys_grant grant; /* outlives the request */
    uint32_t retry_s;
    struct deepgram_config config;
    struct deepgram_error err; /* the first one; status 0: none */
    char *json;                /* [JSON_MAX] a body that names a url; NULL: it is the recording */
    size_t json_bytes;
    int fd; /* spool file; -1 */
    EVP_MD_CTX *digest;
    struct request_policy policy;
    char sha256[65], created[32];

    pthread_mutex_t lock;
    struct deepgram_recording *recording; /* {lock} */
    struct channel {
        struct work *work;
        uint32_t index;
    } channels[DEEPGRAM_CHANNELS];
    uint32_t open, count;        /* {lock} jobs that have not ended; channels of the recording */
    enum engine_end end;         /* {lock} the first that was not well */
    char detail[240];            /* {lock} */
    double queue_ms, compute_ms; /* {lock} */
};

static struct deepgram_source source(const struct work *w)
{
    return (struct deepgram_source){.request_id = w->id,
                                    .model_id = w->http->model_id,
                                    .model = w->http->options.info->name,
                                    .version = FOLDSCRIBE_VERSION,
                                    .channels = 1,
                                    .config = &w->config};
}

static void fail(struct work *w, int status, const char *message)
{
    if (w->err.status)
        return;
    w->err.status = status;
    snprintf(w->err.message, sizeof w->err.message, "%.500s", message);
}

/* The refusal in w->err, as the answer. */
static void set_refusal(struct http_request *r)
{
    const struct work *w = r->work;
    r->retry_s = w->retry_s;
    deepgram_error_header(&w->err, r->dg_error, sizeof r->dg_error);
    http_request_set(r, w->err.status, "application/json", deepgram_error_body(&w->err, r->id));
}

static void free_work(struct work *w)
{
    if (w->fd >= 0)
        close(w->fd);
    free(w->json);
    EVP_MD_CTX_free(w->digest);
    deepgram_recording_close(w->recording);
    deepgram_config_finish(&w->config);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* ---- a callback: the fetch's thread, or whoever ends the work -------------------------------- */

static void delivered(void *user, int status, const char *problem)
{
    struct work *w = user;
    struct http *http = w->http;
    if (status == 200)
        log_info("called back", log_text("id", w->id), log_word("trace", w->trace.id));
    else
        log_info("not called back", log_text("id", w->id), log_word("trace", w->trace.id),
                 log_text("reason", problem));
    free_work(w);
    atomic_fetch_sub(&http->open_callbacks, 1);
    atomic_fetch_sub(&http->busy, 1);
}

/* body: taken. w is gone then, or soon. */
static void call_back(struct work *w, char *body)
{
    const struct fetch_sink sink = {.done = delivered, .user = w};
    char trace[TRACE_HEADER];
    const struct fetch_callback callback = {.key = w->grant.key,
                                            .url = w->config.callback,
                                            .put = w->config.callback_put,
                                            .id = w->id,
                                            .trace =
                                                trace_write(&w->trace, w->id, trace) ? trace : NULL,
                                            .body = body};
    if (fetch_call_back(w->http->options.callbacks, &callback, &sink) != 0)
        delivered(w, 503, "the server is shutting down");
}

/* ---- the answer ----------------------------------------------------------------------------- */

/* The first of err, to whoever waits. From here on w may be gone, or the request. */
static void refuse(struct work *w)
{
    if (!w->request) {
        call_back(w, deepgram_error_body(&w->err, w->id));
        return;
    }
    set_refusal(w->request);
    MHD_resume_connection(w->request->connection);
}

/* ---- the engine's workers ------------------------------------------------------------------- */

static void on_done(void *user, const struct batch_result *result);

/* One channel's job; from 1, or 0 for all mixed. */
static enum engine_end start_channel(struct work *w, struct channel *channel, uint32_t number)
{
    const struct deepgram_config *c = &w->config;
    struct fold_hotword hotwords[HOTWORD_LIST_MOST];
    struct batch *job;
    engine_hotwords(&c->hotwords, hotwords);
    static const enum live_encoding encodings[] = {[DEEPGRAM_LINEAR16] = LIVE_LINEAR16,
                                                   [DEEPGRAM_LINEAR32] = LIVE_FLOAT32,
                                                   [DEEPGRAM_MULAW] = LIVE_MULAW,
                                                   [DEEPGRAM_ALAW] = LIVE_ALAW};
    const bool is_raw = c->encoding <= DEEPGRAM_ALAW; /* else a container says it all */
    const struct batch_options options = {.encoding = is_raw ? encodings[c->encoding] : 0,
                                          .rate_hz = is_raw ? c->rate_hz : 0,
                                          .channels = c->channels,
                                          .policy = w->policy,
                                          .channel = number,
                                          .hotwords = hotwords,
                                          .hotwords_count = c->hotwords.count,
                                          .plain = !deepgram_is_readable(c),
                                          .alternatives = c->alternatives - 1,
                                          .on_done = on_done,
                                          .user = channel};
    const int fd = spool_again(w->fd);
    return fd < 0 ? ENGINE_FAILED : batch_start(w->http->options.engine, fd, &options, &job);
}

/* All jobs have ended. */
static void conclude(struct work *w)
{
    const struct deepgram_source from = source(w);
    const double total_ms = clock_now_ms() - w->received_ms;
    if (w->end != ENGINE_OK) {
        char message[320];
        snprintf(message, sizeof message, "%s%s%s", engine_end_text(w->end),
                 w->detail[0] ? ": " : "", w->detail);
        fail(w, engine_end_http(w->end), message);
        log_info("not transcribed", log_text("id", w->id), log_word("trace", w->trace.id),
                 log_text("reason", message));
        refuse(w);
        return;
    }
    char *body = deepgram_recording_json(w->recording, w->count, w->created, w->sha256, &from);
    log_info("transcribed", log_text("id", w->id), log_word("trace", w->trace.id),
             log_count("channels", w->count), log_real("queue_ms", w->queue_ms, 0),
             log_real("compute_ms", w->compute_ms, 0), log_real("total_ms", total_ms, 0));
    metrics_batch(w->http->options.metrics, total_ms, w->queue_ms);
    if (!w->request) {
        call_back(w, body);
        return;
    }
    http_request_set(w->request, 200, "application/json", body);
    /* From here on the connection's thread may free both. */
    MHD_resume_connection(w->request->connection);
}

/* {w->lock} The first channel is known: starts the others. Returns why not, or ENGINE_OK. */
static enum engine_end start_others(struct work *w, uint32_t channels)
{
    w->count = channels;
    if (w->config.multichannel && channels > DEEPGRAM_CHANNELS) {
        snprintf(w->detail, sizeof w->detail, "it has %u channels: multichannel takes at most %d",
                 channels, DEEPGRAM_CHANNELS);
        return ENGINE_NOT_AUDIO;
    }
    if (w->request && atomic_load(&w->request->is_gone))
        return ENGINE_CANCELLED;
    for (uint32_t i = 1; w->config.multichannel && i < channels; i++) {
        w->channels[i] = (struct channel){w, i};
        w->open++;
        const enum engine_end end = start_channel(w, &w->channels[i], i + 1);
        if (end != ENGINE_OK) {
            w->open--;
            return end;
        }
    }
    return ENGINE_OK;
}

static void on_done(void *user, const struct batch_result *result)
{
    const struct channel *channel = user;
    struct work *w = channel->work;
    const struct deepgram_source from = source(w);
    enum engine_end end = result->end;
    pthread_mutex_lock(&w->lock);
    if (end == ENGINE_OK &&
        deepgram_recording_add(w->recording, channel->index, result->transcript, &from) != 0)
        end = ENGINE_FAILED;
    if (end == ENGINE_OK && channel->index == 0) {
        if (w->request)
            depthjson_header(&result->transcript->depth, w->request->depth,
                             sizeof w->request->depth);
        metrics_served(w->http->options.metrics, METRICS_RECORDING, &result->transcript->depth);
        w->queue_ms = result->queue_ms;
        end = start_others(w, result->channels);
    }
    w->compute_ms += result->compute_ms;
    if (end != ENGINE_OK && w->end == ENGINE_OK) {
        w->end = end;
        if (result->detail)
            snprintf(w->detail, sizeof w->detail, "%s", result->detail);
    }
    const bool last = --w->open == 0;
    pthread_mutex_unlock(&w->lock);
    if (last)
        conclude(w);
}

/* ---- the body ------------------------------------------------------------------------------- */

static void read_query(struct work *w, const char *query)
{
    char key[64], value[HEAD_TARGET];
    while (!w->err.status && query_next(&query, key, sizeof key, value, sizeof value))
        deepgram_config_query(&w->config, key, value, &w->err);
}

static void check_head(struct http_request *r)
{
    struct work *w = r->work;
    const char *type = http_request_header(r, "Content-Type");
    char message[160];
    read_query(w, r->query);
    if (!w->err.status)
        deepgram_config_check_recording(&w->config, &w->err);
    if (w->config.callback && !r->http->options.fetch)
        fail(w, 400,
             "callback is off on this server: leave it out and the answer comes as the "
             "response");
    else if (w->config.callback && !fetch_may_lead(r->http->options.fetch, w->config.callback))
        fail(w, 400, "callback is no url, or leads to an address that this server does not call");
    const bool is_json = type && strncasecmp(type, "application/json", 16) == 0;
    if (is_json && !r->http->options.fetch)
        fail(w, 400,
             "fetching a recording from a url is off on this server: send its bytes as the body");
    else if (is_json && !(w->json = malloc(JSON_MAX)))
        fail(w, 503, "out of memory");
    if (http_request_is_hopeless(r)) {
        snprintf(message, sizeof message, "the upload is larger than %llu MB",
                 (unsigned long long)(r->http->options.max_upload_bytes / 1000000));
        fail(w, 413, message);
    }
}

static enum MHD_Result begin(struct http_request *r)
{
    struct work *w = calloc(1, sizeof *w);
    if (!w || pthread_mutex_init(&w->lock, NULL) != 0) {
        free(w);
        return MHD_NO;
    }
    r->work = w;
    w->fd = -1;
    w->http = r->http;
    w->request = r;
    strcpy(w->id, r->id);
    w->trace = r->trace;
    deepgram_config_init(&w->config, r->http->options.catalog);
    clock_utc(w->created);
    check_head(r);
    if (w->err.status == 413) {
        set_refusal(r);
        return http_request_answer(r);
    }
    w->digest = EVP_MD_CTX_new();
    w->recording = deepgram_recording_open(&w->config);
    if (!w->digest || !w->recording || EVP_DigestInit_ex(w->digest, EVP_sha256(), NULL) != 1)
        fail(w, 500, "out of memory");
    return MHD_YES;
}

/* A piece of the recording; false when it cannot be kept. */
static bool store(struct work *w, const char *bytes, size_t count)
{
    if (w->fd < 0)
        w->fd = spool_open(w->http->options.spool);
    if (w->fd < 0 || spool_write(w->fd, bytes, count) != 0)
        fail(w, 500, "the server cannot store uploads now");
    EVP_DigestUpdate(w->digest, bytes, count);
    return !w->err.status;
}

static enum MHD_Result feed(struct http_request *r, const char *bytes, size_t count)
{
    struct work *w = r->work;
    char message[80];
    switch (http_request_count(r, count)) {
    case HTTP_BODY_TOO_SLOW:
    case HTTP_BODY_HOPELESS:
        return MHD_NO;
    case HTTP_BODY_TOO_LARGE:
        snprintf(message, sizeof message, "the upload is larger than %llu MB",
                 (unsigned long long)(r->http->options.max_upload_bytes / 1000000));
        fail(w, 413, message);
        break;
    case HTTP_BODY_OK:
        break;
    }
    if (w->err.status)
        return MHD_YES; /* read and dropped */
    if (!w->json) {
        store(w, bytes, count);
    } else if (w->json_bytes + count > JSON_MAX) {
        fail(w, 413, "a body that names a url is longer than 16 kB");
    } else {
        memcpy(w->json + w->json_bytes, bytes, count);
        w->json_bytes += count;
    }
    return MHD_YES;
}

static void end_digest(struct work *w)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_DigestFinal_ex(w->digest, sum, &length);
    hex_write(w->sha256, sum, length < 32 ? length : 32);
}

/* The recording is there: begins, or says in err why not. Whoever ends the job may then have freed
 * w and the request. */
static bool start(struct work *w)
{
    w->received_ms = clock_now_ms();
    if (w->fd < 0)
        fail(w, 400, "there is nothing at that url");
    if (w->err.status)
        return false;
    end_digest(w);
    w->channels[0] = (struct channel){w, 0};
    w->open = 1;
    w->count = 1;
    const enum engine_end refused =
        start_channel(w, &w->channels[0], w->config.multichannel ? 1 : 0);
    if (refused == ENGINE_OK)
        return true;
    fail(w, engine_end_http(refused), engine_end_text(refused));
    return false;
}

/* ---- a url: the fetch's thread -------------------------------------------------------------- */

static bool take(void *user, const char *bytes, size_t count)
{
    return store(user, bytes, count);
}

static void fetched(void *user, int status, const char *problem)
{
    struct work *w = user;
    if (status != 200) {
        fail(w, status, problem);
        log_info("not fetched", log_text("id", w->id), log_word("trace", w->trace.id),
                 log_text("reason", problem));
    }
    if (!start(w))
        refuse(w);
}

/* Gets the recording, where there is a url, and begins. False with err when that cannot be. */
static bool set_off(struct work *w, const char *url)
{
    const struct fetch_sink sink = {.take = take, .done = fetched, .user = w};
    char trace[TRACE_HEADER];
    if (!url)
        return start(w);
    if (fetch_start(w->http->options.fetch, url, w->grant.key,
                    trace_write(&w->trace, w->id, trace) ? trace : NULL, &sink) == 0)
        return true;
    fail(w, 503, "the server cannot fetch now");
    return false;
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* Sets the work off on its own, and answers. */
static enum MHD_Result part(struct http_request *r, const char *url)
{
    struct work *w = r->work;
    if (atomic_fetch_add(&r->http->open_callbacks, 1) >= CALLBACKS_MOST) {
        fail(w, 429, "too many recordings wait for their callbacks");
    } else {
        atomic_fetch_add(&r->http->busy, 1);
        w->request = NULL;
        r->work = NULL;
        if (set_off(w, url)) {
            http_request_set(r, 200, "application/json", deepgram_accepted(r->id));
            return http_request_answer(r);
        }
        atomic_fetch_sub(&r->http->busy, 1);
        w->request = r;
        r->work = w;
    }
    atomic_fetch_sub(&r->http->open_callbacks, 1);
    set_refusal(r);
    return http_request_answer(r);
}

static enum MHD_Result end(struct http_request *r)
{
    struct work *w = r->work;
    char *url = NULL;
    enum MHD_Result result = MHD_YES;
    if (w->fd < 0 && !w->json)
        fail(w, 400, "the body is empty: send a recording");
    if (w->json && !w->err.status)
        deepgram_recording_url(w->json, w->json_bytes, &url, &w->err);
    if (w->err.status) {
        set_refusal(r);
        return http_request_answer(r);
    }
    if (!http_request_policy(r, w->config.depth, w->config.latency_ms, w->config.tier,
                             &w->policy)) {
        free(url);
        return http_request_answer(r);
    }
    w->grant = r->grant;
    w->policy.tier = &w->grant.tier;
    w->policy.ret_retry_s = &w->retry_s;
    if (w->config.callback) {
        result = part(r, url);
    } else {
        http_request_suspend(r);
        if (!set_off(w, url))
            refuse(w);
    }
    free(url);
    return result;
}

static void cancel(struct http_request *r)
{
    struct work *w = r->work;
    if (w->json)
        fetch_cancel(r->http->options.fetch, w);
    for (size_t i = 0; i < DEEPGRAM_CHANNELS; i++)
        batch_cancel(r->http->options.engine, &w->channels[i]);
}

static void finish(struct http_request *r)
{
    if (r->work)
        free_work(r->work);
}

const struct http_service http_listen_service = {
    .begin = begin, .feed = feed, .end = end, .cancel = cancel, .finish = finish};
