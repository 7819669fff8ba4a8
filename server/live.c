/* A live stream: bytes in at any time, updates out.
 *
 * The network thread only appends bytes and marks (flush, finish) and sees to it that the
 * stream is scheduled: it is in the queue at most once, whatever has come meanwhile. A worker that
 * takes it works through what waits until it has computed one thing (a final, or a partial
 * when nothing is left to read), then puts it at the end of the queue if there is more. So streams
 * take turns, and audio that came during a computation replaces the partial it would have got.
 *
 * Finals depend on the samples only: endpoint.c cuts, and a final is one run over the
 * whole span. Partials are a courtesy: the span so far, at a shallow depth, again and again. They
 * are left out when the stream had to wait for its turn, and never come so often that they take
 * more than half of a worker.
 *
 * A flush is remembered as a position in the bytes, so that it means what was pushed before it.
 */
#include "live.h"

#include <stdlib.h>
#include <string.h>

#include "engine_state.h"
#include "raw.h"
#include "resample.h"
#include "ring.h"
#include "transcript.h"

#define PAUSE_MS         500
#define PARTIAL_EVERY_MS 600
#define PARTIAL_DEPTH    1
#define BEHIND_MS        300   /* a stream that waited this long gets no partial */
#define HIGH_MS          30000 /* far off: while a socket is not read, its pings wait */
#define SLICE_MS         250   /* decoded in one go */
#define FLUSHES          16

struct engine_live {
    struct engine_live *next; /* {engine->lock} */
    bool listed;              /* {engine->lock} */
    struct engine *engine;
    struct queue_work work;
    struct engine_live_options options; /* no zeros */
    struct update_depth depth, partial_depth;
    struct hotwords *hotwords;
    size_t high_bytes, slice_bytes;
    atomic_bool cancelled;

    pthread_mutex_t lock;
    pthread_cond_t idle;       /* in_callback fell */
    uint32_t refs;             /* {lock} owner; and queue or worker */
    struct ring bytes;         /* {lock} not decoded yet */
    uint64_t pushed_bytes;     /* {lock} since the start */
    uint64_t flushes[FLUSHES]; /* {lock} [flushes_count] pushed_bytes when they came */
    size_t flushes_count;      /* {lock} */
    bool finishing;            /* {lock} */
    enum engine_end end;       /* {lock} not OK: stop with this */
    bool scheduled;            /* {lock} queued or with a worker */
    bool above_high;           /* {lock} ready() is due */
    bool in_callback;          /* {lock} */
    bool closed;               /* {lock} no more callbacks */
    bool ended;                /* {lock} end() was called */

    /* The worker's that runs it. */
    struct raw raw;
    struct resample *resample;
    struct endpoint *endpoint;
    uint64_t taken_bytes;
    uint8_t *slice; /* [slice_bytes] */
    float *mono;    /* [raw_max_samples(slice_bytes)] */
    float *pcm;     /* [pcm_room] 16 kHz, not yet with the endpoint */
    size_t pcm_at, pcm_count, pcm_room;
    bool drained;                   /* the resampler is flushed for the mark that is next */
    int64_t covered_samples;        /* end of the last final */
    int64_t partial_due_samples;    /* clock of the next partial */
    int64_t partial_speech_samples; /* speech clock of the last one */
};

static void live_free(struct engine_live *live)
{
    ring_finish(&live->bytes);
    endpoint_close(live->endpoint);
    resample_close(live->resample);
    hotwords_unref(live->hotwords);
    free(live->slice);
    free(live->mono);
    free(live->pcm);
    pthread_cond_destroy(&live->idle);
    pthread_mutex_destroy(&live->lock);
    engine_unref(live->engine);
    free(live);
}

/* {live->lock}, which is released. */
static void live_unref_unlock(struct engine_live *live)
{
    const uint32_t left = --live->refs;

    pthread_mutex_unlock(&live->lock);
    if (left == 0)
        live_free(live);
}

/* {live->lock} */
static void schedule(struct engine_live *live)
{
    if (live->scheduled || live->ended || live->closed)
        return;
    live->scheduled = true;
    live->refs++;
    queue_push(&live->engine->queue, &live->work, QUEUE_LIVE);
}

/* Takes it out of the engine's list, once. */
static void unlist(struct engine_live *live)
{
    struct engine *engine = live->engine;

    pthread_mutex_lock(&engine->lock);
    if (live->listed) {
        live->listed = false;
        for (struct engine_live **l = &engine->lives; *l; l = &(*l)->next)
            if (*l == live) {
                *l = live->next;
                break;
            }
        engine->live_count--;
        pthread_cond_broadcast(&engine->changed);
    }
    pthread_mutex_unlock(&engine->lock);
}

/* ---- callbacks ---------------------------------------------------------------------------- */

static bool callback_begin(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    const bool open = !live->closed && !live->ended;
    live->in_callback = open;
    pthread_mutex_unlock(&live->lock);
    return open;
}

static void callback_end(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    live->in_callback = false;
    pthread_cond_broadcast(&live->idle);
    pthread_mutex_unlock(&live->lock);
}

static void send_update(struct engine_live *live, const struct update *update)
{
    if (!callback_begin(live))
        return;
    live->options.update(live->options.user, update);
    callback_end(live);
}

static void send_ready(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    const bool due = live->above_high && live->bytes.count < live->high_bytes / 2;
    if (due)
        live->above_high = false;
    pthread_mutex_unlock(&live->lock);
    if (!due || !live->options.ready || !callback_begin(live))
        return;
    live->options.ready(live->options.user);
    callback_end(live);
}

static void send_end(struct engine_live *live, enum engine_end end)
{
    if (!callback_begin(live))
        return;
    live->options.end(live->options.user, end, endpoint_clock(live->endpoint));
    pthread_mutex_lock(&live->lock);
    live->ended = true;
    pthread_mutex_unlock(&live->lock);
    /* Before callback_end: a closing owner then finds it gone from the engine. */
    unlist(live);
    callback_end(live);
}

static void fail(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    if (live->end == ENGINE_OK)
        live->end = ENGINE_FAILED;
    pthread_mutex_unlock(&live->lock);
}

/* ---- sound ---------------------------------------------------------------------------------- */

static bool make_room(struct engine_live *live, size_t samples)
{
    if (samples <= live->pcm_room)
        return true;
    float *pcm = realloc(live->pcm, samples * sizeof(*pcm));
    if (!pcm)
        return false;
    live->pcm = pcm;
    live->pcm_room = samples;
    return true;
}

/* Decodes bytes [count] of live->slice to live->pcm, which is empty. */
static void decode(struct engine_live *live, size_t count)
{
    const size_t samples = raw_push(&live->raw, live->slice, count, live->mono);

    live->taken_bytes += count;
    if (!make_room(live, resample_max_samples(live->resample, samples))) {
        fail(live);
        return;
    }
    live->pcm_at = 0;
    live->pcm_count = resample_push(live->resample, live->mono, samples, live->pcm);
}

/* What the resampler holds back, so that a mark means all that was pushed. */
static void drain(struct engine_live *live)
{
    live->drained = true;
    if (!make_room(live, resample_max_samples(live->resample, 0))) {
        fail(live);
        return;
    }
    live->pcm_at = 0;
    live->pcm_count = resample_flush(live->resample, live->pcm);
}

/* ---- text ----------------------------------------------------------------------------------- */

static enum worker_end recognise(struct engine_live *live, struct worker *worker,
                                 const struct endpoint_span *sound, bool final,
                                 struct update_span *ret_span)
{
    const struct update_depth depth = final ? live->depth : live->partial_depth;
    struct worker_cost cost = {0};

    worker_load(worker, sound);
    const enum worker_end end =
        worker_recognise(worker, depth, live->hotwords, &live->cancelled, ret_span, &cost);
    if (end == WORKER_DONE)
        engine_count(live->engine, &cost, depth.used, final);
    else if (end == WORKER_FAILED)
        fail(live);
    return end;
}

/* The endpoint has a complete span. False when the stream was stopped meanwhile. */
static bool make_final(struct engine_live *live, struct worker *worker, bool from_flush,
                       bool finishing)
{
    struct endpoint_span sound;
    struct update update = {.final = true, .from_flush = from_flush};

    endpoint_span(live->endpoint, &sound);
    update.endpoint = sound.why == ENDPOINT_PAUSE || (sound.why == ENDPOINT_FLUSHED && finishing);
    if (recognise(live, worker, &sound, true, &update.span) != WORKER_DONE)
        return false;
    live->covered_samples = sound.start_samples + (int64_t)sound.count;
    endpoint_pop(live->endpoint);
    live->partial_due_samples = 0;
    send_update(live, &update);
    transcript_release(&update.span);
    return true;
}

/* A flush without speech since the last final: an empty final says that it was heard. */
static void send_empty(struct engine_live *live)
{
    const struct update update = {.span = {.start_samples = live->covered_samples,
                                           .end_samples = endpoint_clock(live->endpoint),
                                           .depth = live->depth},
                                  .final = true,
                                  .from_flush = true};

    live->covered_samples = update.span.end_samples;
    send_update(live, &update);
}

static bool partial_is_due(struct engine_live *live, struct endpoint_span *ret_sound)
{
    const int64_t every_samples = (int64_t)live->options.partial_every_ms * (UPDATE_RATE_HZ / 1000);

    if (!live->options.partials || !endpoint_peek(live->endpoint, ret_sound))
        return false;
    const int64_t now_samples = ret_sound->start_samples + (int64_t)ret_sound->count;
    if (live->partial_due_samples == 0)
        live->partial_due_samples = ret_sound->start_samples + every_samples;
    return now_samples >= live->partial_due_samples &&
           endpoint_speech_clock(live->endpoint) > live->partial_speech_samples;
}

static void make_partial(struct engine_live *live, struct worker *worker,
                         const struct endpoint_span *sound)
{
    const double begun_ms = queue_now_ms();
    struct update update = {.final = false};
    const int64_t now_samples = endpoint_clock(live->endpoint);

    if (recognise(live, worker, sound, false, &update.span) != WORKER_DONE)
        return;
    const double rest_ms = 2 * (queue_now_ms() - begun_ms);
    const double every_ms =
        rest_ms > live->options.partial_every_ms ? rest_ms : live->options.partial_every_ms;
    live->partial_due_samples = now_samples + (int64_t)(every_ms * (UPDATE_RATE_HZ / 1e3));
    live->partial_speech_samples = endpoint_speech_clock(live->endpoint);
    send_update(live, &update);
    transcript_release(&update.span);
}

/* ---- a worker's turn ------------------------------------------------------------------------ */

/* Closed by its owner, failed, or the engine closes. */
static bool is_stopped(struct engine_live *live, enum engine_end *ret_end)
{
    pthread_mutex_lock(&live->lock);
    const bool stopped = live->closed || live->end != ENGINE_OK;
    *ret_end = live->end;
    pthread_mutex_unlock(&live->lock);
    return stopped;
}

enum next { NEXT_NOTHING, NEXT_BYTES, NEXT_FLUSH, NEXT_FINISH };

/* What the network thread has for us; bytes are in live->slice. */
static enum next take(struct engine_live *live, size_t *ret_count)
{
    enum next next = NEXT_NOTHING;

    pthread_mutex_lock(&live->lock);
    if (live->flushes_count && live->flushes[0] == live->taken_bytes) {
        next = NEXT_FLUSH;
    } else if (live->bytes.count) {
        const uint64_t to_mark =
            live->flushes_count ? live->flushes[0] - live->taken_bytes : UINT64_MAX;
        const size_t most = to_mark < live->slice_bytes ? (size_t)to_mark : live->slice_bytes;
        *ret_count = ring_pull(&live->bytes, live->slice, most);
        next = NEXT_BYTES;
    } else if (live->finishing) {
        next = NEXT_FINISH;
    }
    pthread_mutex_unlock(&live->lock);
    return next;
}

static void pop_flush(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    live->flushes_count--;
    memmove(live->flushes, live->flushes + 1, live->flushes_count * sizeof(live->flushes[0]));
    pthread_mutex_unlock(&live->lock);
    live->drained = false;
}

/* Deals with a mark: all bytes before it are decoded. True when the turn is over. */
static bool reach_mark(struct engine_live *live, struct worker *worker, bool finish)
{
    struct endpoint_span sound;

    if (!live->drained) {
        drain(live);
        return false;
    }
    endpoint_flush(live->endpoint);
    const bool speech = endpoint_span(live->endpoint, &sound);
    if (speech && !make_final(live, worker, !finish, finish))
        return true;
    if (!speech && !finish)
        send_empty(live);
    if (finish)
        send_end(live, ENGINE_OK);
    else
        pop_flush(live);
    return speech || finish;
}

/* One turn: until something was computed or nothing is left. */
static void turn(struct engine_live *live, struct worker *worker)
{
    const bool behind = queue_now_ms() - live->work.queued_at_ms > BEHIND_MS;
    struct endpoint_span sound;
    enum engine_end end;
    size_t count;

    while (!is_stopped(live, &end)) {
        if (live->pcm_at < live->pcm_count) {
            const long taken = endpoint_push(live->endpoint, live->pcm + live->pcm_at,
                                             live->pcm_count - live->pcm_at);
            if (taken < 0) {
                fail(live);
                continue;
            }
            live->pcm_at += (size_t)taken;
        }
        if (endpoint_span(live->endpoint, &sound)) {
            make_final(live, worker, false, false);
            return;
        }
        switch (take(live, &count)) {
        case NEXT_BYTES:
            decode(live, count);
            send_ready(live);
            break;
        case NEXT_FLUSH:
            if (reach_mark(live, worker, false))
                return;
            break;
        case NEXT_FINISH:
            if (reach_mark(live, worker, true))
                return;
            break;
        case NEXT_NOTHING:
            if (!behind && partial_is_due(live, &sound))
                make_partial(live, worker, &sound);
            return;
        }
    }
    send_end(live, end);
}

static void live_run(struct queue_work *work, struct worker *worker)
{
    struct engine_live *live =
        (struct engine_live *)((char *)work - offsetof(struct engine_live, work));

    turn(live, worker);
    pthread_mutex_lock(&live->lock);
    live->scheduled = false;
    if (live->bytes.count || live->flushes_count || live->finishing || live->end != ENGINE_OK ||
        live->pcm_at < live->pcm_count)
        schedule(live);
    live_unref_unlock(live);
}

/* ---- the owner's side ----------------------------------------------------------------------- */

static int encoding_of(enum engine_encoding encoding, enum raw_encoding *ret_encoding)
{
    switch (encoding) {
    case ENGINE_LINEAR16:
        *ret_encoding = RAW_LINEAR16;
        return 0;
    case ENGINE_LINEAR32:
        *ret_encoding = RAW_LINEAR32;
        return 0;
    case ENGINE_FLOAT32:
        *ret_encoding = RAW_FLOAT32;
        return 0;
    case ENGINE_MULAW:
        *ret_encoding = RAW_MULAW;
        return 0;
    case ENGINE_ALAW:
        *ret_encoding = RAW_ALAW;
        return 0;
    }
    return -1;
}

static void set_options(struct engine_live *live, const struct engine_live_options *options)
{
    struct engine_live_options *o = &live->options;

    *o = *options;
    o->hotwords = NULL; /* live->hotwords has them */
    o->hotwords_count = 0;
    if (o->partial_every_ms == 0)
        o->partial_every_ms = PARTIAL_EVERY_MS;
    if (o->high_ms == 0)
        o->high_ms = HIGH_MS;
    if (o->endpointing_ms == 0)
        o->endpointing_ms = PAUSE_MS;
    live->depth = engine_depth(live->engine, o->depth);
    const uint32_t partial = o->partial_depth ? o->partial_depth : PARTIAL_DEPTH;
    live->partial_depth =
        (struct update_depth){.used = partial < live->depth.used ? partial : live->depth.used,
                              .asked = o->depth,
                              .reason = "partial"};
}

static int set_sound(struct engine_live *live)
{
    const struct engine_live_options *options = &live->options;
    enum raw_encoding encoding;

    if (encoding_of(options->encoding, &encoding) < 0 ||
        raw_init(&live->raw, encoding, options->channels) < 0 ||
        resample_open(&live->resample, options->rate_hz) < 0 ||
        endpoint_open(&live->endpoint, options->endpointing_ms, live->engine->options.max_span_ms) <
            0)
        return -1;
    const size_t frame_bytes = raw_frame_bytes(&live->raw);
    live->high_bytes = (size_t)options->rate_hz * options->high_ms / 1000 * frame_bytes;
    live->slice_bytes = (size_t)options->rate_hz * SLICE_MS / 1000 * frame_bytes;
    live->slice = malloc(live->slice_bytes);
    live->mono =
        malloc(raw_max_samples(&live->raw, live->slice_bytes + frame_bytes) * sizeof(*live->mono));
    return live->slice && live->mono ? 0 : -1;
}

enum engine_end engine_live_open(struct engine *engine, const struct engine_live_options *options,
                                 struct engine_live **ret_live)
{
    struct engine_live *live = calloc(1, sizeof(*live));
    enum engine_end end = ENGINE_OK;

    if (!live)
        return ENGINE_FAILED;
    if (pthread_mutex_init(&live->lock, NULL)) {
        free(live);
        return ENGINE_FAILED;
    }
    if (pthread_cond_init(&live->idle, NULL)) {
        pthread_mutex_destroy(&live->lock);
        free(live);
        return ENGINE_FAILED;
    }
    live->engine = engine;
    atomic_fetch_add(&engine->refs, 1);
    live->refs = 1;
    live->work.run = live_run;
    set_options(live, options);
    live->hotwords = hotwords_copy(options->hotwords, options->hotwords_count);
    if (!live->hotwords || set_sound(live) < 0) {
        live_free(live);
        return ENGINE_FAILED;
    }

    pthread_mutex_lock(&engine->lock);
    if (engine->draining) {
        end = ENGINE_DRAINING;
    } else if (engine->live_count >= engine->options.max_live) {
        end = ENGINE_BUSY;
    } else {
        engine->live_count++;
        live->listed = true;
        live->next = engine->lives;
        engine->lives = live;
        *ret_live = live;
    }
    pthread_mutex_unlock(&engine->lock);
    if (end != ENGINE_OK)
        live_free(live);
    return end;
}

size_t engine_live_push(struct engine_live *live, const void *bytes, size_t count)
{
    pthread_mutex_lock(&live->lock);
    if (!live->finishing && !live->ended && count) {
        if (ring_push(&live->bytes, bytes, count) == 0)
            live->pushed_bytes += count;
        else if (live->end == ENGINE_OK)
            live->end = ENGINE_FAILED;
        schedule(live);
    }
    const size_t waiting = live->bytes.count;
    if (waiting > live->high_bytes)
        live->above_high = true;
    pthread_mutex_unlock(&live->lock);
    return waiting;
}

size_t engine_live_waiting(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    const size_t waiting = live->bytes.count;
    pthread_mutex_unlock(&live->lock);
    return waiting;
}

size_t engine_live_high_bytes(const struct engine_live *live)
{
    return live->high_bytes;
}

void engine_live_flush(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    if (!live->finishing) {
        /* More marks than anybody needs: the last one then stands for those that follow. */
        if (live->flushes_count < FLUSHES)
            live->flushes_count++;
        live->flushes[live->flushes_count - 1] = live->pushed_bytes;
        schedule(live);
    }
    pthread_mutex_unlock(&live->lock);
}

void engine_live_finish(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    live->finishing = true;
    schedule(live);
    pthread_mutex_unlock(&live->lock);
}

void engine_live_close(struct engine_live *live)
{
    atomic_store(&live->cancelled, true);
    unlist(live);
    pthread_mutex_lock(&live->lock);
    live->closed = true;
    while (live->in_callback)
        pthread_cond_wait(&live->idle, &live->lock);
    if (!live->ended && live->scheduled && queue_remove(&live->engine->queue, &live->work)) {
        live->scheduled = false;
        live->refs--;
    }
    live_unref_unlock(live);
}

void live_abort_all(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    for (struct engine_live *live = engine->lives; live; live = live->next) {
        pthread_mutex_lock(&live->lock);
        if (live->end == ENGINE_OK)
            live->end = ENGINE_DRAINING;
        atomic_store(&live->cancelled, true);
        schedule(live);
        pthread_mutex_unlock(&live->lock);
    }
    pthread_mutex_unlock(&engine->lock);
}
