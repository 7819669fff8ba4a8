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
 * What comes faster than it is heard waits: NEAR_MS of it in memory, the rest in a file, so that a
 * socket is read on and its pings are answered. Bytes of the file count as having come when they
 * are brought back into memory: who sends an hour at once is not an hour ahead of the others.
 *
 * A flush is remembered as a position in the bytes, so that it means what was pushed before it.
 */
#include "live.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backlog.h"
#include "ear.h"
#include "engine_state.h"
#include "transcript.h"

#define PAUSE_MS         500
#define PARTIAL_EVERY_MS 600
#define BEHIND_MS        300 /* a stream that waited this long gets no partial */
#define NEAR_MS          30000
#define SLICE_MS         250                             /* fed to the decoder in one go */
#define VOICE_SAMPLES    (450 * (UPDATE_RATE_HZ / 1000)) /* with its lead, before it is told */
#define LOW_BYTES        1000000     /* below what may wait: there reading goes on */
#define MESSAGE_BYTES    (32u << 20) /* one more may come before anybody stops reading */
#define TARGET_MS        500 /* text is due so long after audio where no budget says otherwise */

struct engine_live {
    struct engine_live *next; /* {engine->lock} */
    bool listed;              /* {engine->lock} */
    struct engine *engine;
    struct queue_work work;
    struct engine_live_options options; /* no zeros */
    struct steward_stream stewarded;    /* with the tier and the depth asked for */
    double budget_ms;                   /* 0: none */
    uint64_t key;
    struct hotwords *hotwords;
    struct transcript_style style;
    struct fold_prose_state sentence; /* behind the last final */
    uint64_t high_bytes, low_bytes;
    size_t slice_bytes;
    atomic_bool cancelled;

    pthread_mutex_t lock;
    pthread_cond_t idle;  /* in_callback fell */
    uint32_t refs;        /* {lock} owner; and queue or worker */
    struct backlog bytes; /* {lock} not decoded yet; its marks are flushes */
    double marked_ms;     /* {lock} last flush or finish */
    double closed_ms;     /* {lock} */
    bool finishing;       /* {lock} */
    enum engine_end end;  /* {lock} not OK: stop with this */
    bool scheduled;       /* {lock} queued or with a worker */
    bool above_high;      /* {lock} ready() is due */
    bool in_callback;     /* {lock} */
    bool closed;          /* {lock} no more callbacks */
    bool ended;           /* {lock} end() was called */

    /* The worker's that runs it. */
    struct ear *ear;
    struct endpoint *endpoint; /* the ear's */
    struct recording_note note;
    double heard_ms;                /* when the last byte that was taken had come */
    uint8_t *slice;                 /* [slice_bytes] */
    bool drained;                   /* the resampler is flushed for the mark that is next */
    int64_t covered_samples;        /* end of the last final */
    int64_t partial_due_samples;    /* clock of the next partial */
    int64_t partial_speech_samples; /* speech clock of the last one */
    bool voice;                     /* voice() said that one began */
    int64_t last_word_samples; /* end of the last word heard that gap() did not tell; 0: none */
};

static void live_free(struct engine_live *live)
{
    backlog_finish(&live->bytes);
    ear_close(live->ear);
    hotwords_unref(live->hotwords);
    free(live->slice);
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
    /* What has waited longest says when the turn is due. */
    const double since_ms = backlog_oldest_ms(&live->bytes, queue_now_ms());
    const struct scheduler_terms terms = {
        .class = SCHEDULER_LIVE,
        .due_ms = since_ms + (live->budget_ms > 0 ? live->budget_ms : TARGET_MS),
        .key = live->key,
        .priority = live->stewarded.tier.priority};
    live->scheduled = true;
    live->refs++;
    queue_push(&live->engine->queue, &live->work, &terms);
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
        steward_leave(&engine->steward, &live->stewarded, queue_now_ms());
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
    const bool due = live->above_high && backlog_count(&live->bytes) < live->low_bytes;
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

static void fail_as(struct engine_live *live, enum engine_end end)
{
    pthread_mutex_lock(&live->lock);
    if (live->end == ENGINE_OK)
        live->end = end;
    pthread_mutex_unlock(&live->lock);
}

static void fail(struct engine_live *live)
{
    fail_as(live, ENGINE_FAILED);
}

static void send_voice(struct engine_live *live, bool begins, int64_t at_samples)
{
    live->voice = begins;
    if (!live->options.voice || !callback_begin(live))
        return;
    live->options.voice(live->options.user, begins, at_samples);
    callback_end(live);
}

/* ---- text ----------------------------------------------------------------------------------- */

/* since_ms: when the last of its audio came. */
static enum worker_end recognise(struct engine_live *live, struct worker *worker,
                                 const struct endpoint_span *sound, enum depth_kind kind,
                                 double since_ms, struct update_span *ret_span)
{
    worker_load(worker, sound);
    struct depth_question question = {.kind = kind,
                                      .tier = &live->stewarded.tier,
                                      .asked = live->stewarded.asked,
                                      .audio_ms = worker_audio_ms(worker),
                                      .elapsed_ms = queue_now_ms() - since_ms,
                                      .budget_ms = live->budget_ms};
    enum worker_end end = engine_recognise(live->engine, worker, &question, live->hotwords,
                                           &live->cancelled, ret_span);
    if (end == WORKER_DONE &&
        transcript_write(ret_span, &live->style, &live->sentence, kind == DEPTH_FINAL) < 0) {
        transcript_release(ret_span);
        end = WORKER_FAILED;
    }
    if (end == WORKER_DONE)
        ret_span->depth.actual_ms = queue_now_ms() - since_ms;
    else if (end == WORKER_FAILED)
        fail(live);
    return end;
}

static void note_words(struct engine_live *live, const struct update_span *span)
{
    if (span->words_count)
        live->last_word_samples = span->words[span->words_count - 1].end_samples;
}

/* The endpoint has a complete span. False when the stream was stopped meanwhile. */
static bool make_final(struct engine_live *live, struct worker *worker, double since_ms,
                       bool from_flush, bool finishing)
{
    struct endpoint_span sound;
    struct update update = {.final = true, .from_flush = from_flush};

    endpoint_span(live->endpoint, &sound);
    const int64_t end_samples = sound.start_samples + (int64_t)sound.count;
    update.endpoint = sound.why == ENDPOINT_PAUSE || (sound.why == ENDPOINT_FLUSHED && finishing);
    if (!live->voice)
        send_voice(live, true, sound.start_samples);
    if (sound.why != ENDPOINT_FULL)
        send_voice(live, false, end_samples);
    if (recognise(live, worker, &sound, DEPTH_FINAL, since_ms, &update.span) != WORKER_DONE)
        return false;
    steward_learn_speech(&live->engine->steward, (double)sound.count / (UPDATE_RATE_HZ / 1e3),
                         (double)(end_samples - live->covered_samples) / (UPDATE_RATE_HZ / 1e3));
    live->covered_samples = end_samples;
    endpoint_pop(live->endpoint);
    live->partial_due_samples = 0;
    note_words(live, &update.span);
    send_update(live, &update);
    transcript_release(&update.span);
    return true;
}

/* A final that needs no computing: what was heard since the last one holds no speech. */
static void send_wordless(struct engine_live *live, bool endpoint, bool from_flush)
{
    struct depth_question question = {
        .kind = DEPTH_FINAL, .tier = &live->stewarded.tier, .asked = live->stewarded.asked};
    const struct update update = {
        .span = {.start_samples = live->covered_samples,
                 .end_samples = endpoint_clock(live->endpoint),
                 .depth = steward_choose(&live->engine->steward, &question, NULL, NULL)},
        .final = true,
        .endpoint = endpoint,
        .from_flush = from_flush};

    live->covered_samples = update.span.end_samples;
    send_update(live, &update);
}

static bool partial_is_due(struct engine_live *live, struct endpoint_span *ret_sound)
{
    if (!live->options.partials || !endpoint_peek(live->endpoint, ret_sound))
        return false;
    const int64_t every_samples =
        (int64_t)steward_partial_every_ms(&live->engine->steward, &live->stewarded) *
        (UPDATE_RATE_HZ / 1000);
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

    if (recognise(live, worker, sound, DEPTH_PARTIAL, live->heard_ms, &update.span) != WORKER_DONE)
        return;
    const double rest_ms = 2 * (queue_now_ms() - begun_ms);
    const double every_ms =
        fmax(rest_ms, steward_partial_every_ms(&live->engine->steward, &live->stewarded));
    live->partial_due_samples = now_samples + (int64_t)(every_ms * (UPDATE_RATE_HZ / 1e3));
    live->partial_speech_samples = endpoint_speech_clock(live->endpoint);
    note_words(live, &update.span);
    send_update(live, &update);
    transcript_release(&update.span);
}

/* ---- voices and gaps ------------------------------------------------------------------------ */

/* What was taken for a voice may turn out to be a fan: then it ends with a final without words. */
static void tell_voice(struct engine_live *live)
{
    struct endpoint_span sound;

    if (live->voice && !endpoint_has_speech(live->endpoint)) {
        send_voice(live, false, endpoint_clock(live->endpoint));
        send_wordless(live, true, false);
    } else if (!live->voice && endpoint_peek(live->endpoint, &sound) &&
               endpoint_speech_clock(live->endpoint) - sound.start_samples >= VOICE_SAMPLES) {
        send_voice(live, true, sound.start_samples);
    }
}

static void tell_gap(struct engine_live *live)
{
    const int64_t gap_samples = (int64_t)live->options.gap_ms * (UPDATE_RATE_HZ / 1000);
    const int64_t last_samples = live->last_word_samples;

    if (!gap_samples || !last_samples || endpoint_has_speech(live->endpoint) ||
        endpoint_clock(live->endpoint) - last_samples < gap_samples)
        return;
    live->last_word_samples = 0;
    if (!live->options.gap || !callback_begin(live))
        return;
    live->options.gap(live->options.user, last_samples);
    callback_end(live);
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
    if (backlog_is_marked(&live->bytes)) {
        next = NEXT_FLUSH;
    } else if (backlog_count(&live->bytes)) {
        const long got = backlog_pull(&live->bytes, live->slice, live->slice_bytes, queue_now_ms(),
                                      &live->heard_ms);
        if (got < 0 && live->end == ENGINE_OK)
            live->end = ENGINE_FAILED;
        *ret_count = got < 0 ? 0 : (size_t)got;
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
    backlog_unmark(&live->bytes);
    pthread_mutex_unlock(&live->lock);
    live->drained = false;
}

/* Deals with a mark: all bytes before it are decoded. True when the turn is over. */
static bool reach_mark(struct engine_live *live, struct worker *worker, bool finish)
{
    struct endpoint_span sound;

    if (!live->drained) {
        live->drained = true;
        if (!ear_drain(live->ear))
            fail(live);
        return false;
    }
    if (finish && ear_end(live->ear, &live->note) < 0) {
        fail_as(live, ENGINE_NOT_AUDIO);
        return false;
    }
    endpoint_flush(live->endpoint);
    const bool speech = endpoint_span(live->endpoint, &sound);
    pthread_mutex_lock(&live->lock);
    const double since_ms = fmax(live->heard_ms, live->marked_ms);
    pthread_mutex_unlock(&live->lock);
    if (speech && !make_final(live, worker, since_ms, !finish, finish))
        return true;
    if (!speech && live->voice)
        send_voice(live, false, endpoint_clock(live->endpoint));
    if (!speech && !finish)
        send_wordless(live, false, true); /* says that the flush was heard */
    if (finish)
        send_end(live, ENGINE_OK);
    else
        pop_flush(live);
    return speech || finish;
}

/* One turn: until something was computed or nothing is left. */
static void turn(struct engine_live *live, struct worker *worker)
{
    const bool behind = queue_now_ms() - live->work.item.since_ms > BEHIND_MS;
    struct endpoint_span sound;
    enum engine_end end;
    size_t count;

    while (!is_stopped(live, &end)) {
        const enum ear_heard heard = ear_listen(live->ear, &live->note);
        if (heard == EAR_FAILED)
            fail_as(live, live->note.text[0] ? ENGINE_NOT_AUDIO : ENGINE_FAILED);
        if (heard == EAR_SPAN) {
            make_final(live, worker, live->heard_ms, false, false);
            return;
        }
        tell_voice(live);
        tell_gap(live);
        if (heard != EAR_NOTHING)
            continue;
        switch (take(live, &count)) {
        case NEXT_BYTES:
            if (ear_feed(live->ear, live->slice, count) < 0)
                fail(live);
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
    engine_tick(live->engine);
    pthread_mutex_lock(&live->lock);
    live->scheduled = false;
    if (backlog_count(&live->bytes) || live->bytes.marks_count || live->finishing ||
        live->end != ENGINE_OK || ear_is_busy(live->ear))
        schedule(live);
    if (live->closed && !live->ended) {
        pthread_mutex_unlock(&live->lock);
        engine_count_cancel(live->engine, live->closed_ms);
        pthread_mutex_lock(&live->lock);
    }
    live_unref_unlock(live);
}

/* ---- the owner's side ----------------------------------------------------------------------- */

static void set_options(struct engine_live *live, const struct engine_live_options *options)
{
    struct engine_live_options *o = &live->options;

    *o = *options;
    o->hotwords = NULL; /* live->hotwords has them */
    o->hotwords_count = 0;
    if (o->partial_every_ms == 0)
        o->partial_every_ms = PARTIAL_EVERY_MS;
    if (o->endpointing_ms == 0)
        o->endpointing_ms = PAUSE_MS;
    live->stewarded.tier = engine_tier(live->engine, &o->wish);
    live->stewarded.asked = o->wish.depth;
    live->stewarded.partials = o->partials;
    live->stewarded.partial_every_ms = o->partial_every_ms;
    live->budget_ms = o->wish.latency_ms ? o->wish.latency_ms : live->stewarded.tier.latency_ms;
    live->key = o->wish.key;
    o->wish = (struct engine_wish){.depth = o->wish.depth}; /* the rest is borrowed */
}

static int set_sound(struct engine_live *live)
{
    const struct engine_live_options *options = &live->options;
    const struct engine_options *engine = &live->engine->options;
    const struct stream_format format = ear_format(options);
    const size_t second_bytes = ear_bytes_a_second(&format);

    if (ear_open(&live->ear, &format, options->endpointing_ms, live->engine->options.max_span_ms,
                 &live->note) < 0)
        return -1;
    live->endpoint = ear_endpoint(live->ear);
    const size_t near_bytes = second_bytes * NEAR_MS / 1000;
    const char *spool = options->high_ms ? NULL : engine->spool;
    live->high_bytes = options->high_ms ? second_bytes * options->high_ms / 1000
                       : spool          ? engine->backlog_bytes
                                        : near_bytes;
    live->low_bytes =
        live->high_bytes - (live->high_bytes / 2 < LOW_BYTES ? live->high_bytes / 2 : LOW_BYTES);
    backlog_init(&live->bytes, near_bytes, spool, engine->backlog_bytes + MESSAGE_BYTES);
    live->slice_bytes = second_bytes * SLICE_MS / 1000;
    live->slice = malloc(live->slice_bytes);
    return live->slice ? 0 : -1;
}

enum engine_end engine_live_open(struct engine *engine, const struct engine_live_options *options,
                                 struct engine_live **ret_live)
{
    struct engine_live *live = calloc(1, sizeof(*live));
    enum engine_end end = ENGINE_OK;
    double retry_ms;

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
    live->style = engine_style(engine, options->plain);
    live->hotwords = hotwords_copy(options->hotwords, options->hotwords_count);
    if (!live->hotwords || set_sound(live) < 0) {
        live_free(live);
        return ENGINE_FAILED;
    }

    pthread_mutex_lock(&engine->lock);
    if (engine->draining) {
        end = ENGINE_DRAINING;
    } else if (!steward_join(&engine->steward, &live->stewarded, queue_now_ms(), &retry_ms)) {
        end = ENGINE_BUSY;
        if (options->wish.ret_retry_s)
            *options->wish.ret_retry_s = (uint32_t)ceil(retry_ms / 1e3);
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

uint64_t engine_live_push(struct engine_live *live, const void *bytes, size_t count)
{
    const double now_ms = queue_now_ms();

    if (count)
        steward_heard(&live->engine->steward, &live->stewarded, now_ms);
    pthread_mutex_lock(&live->lock);
    if (!live->finishing && !live->ended && count) {
        if (backlog_push(&live->bytes, bytes, count, now_ms) != 0 && live->end == ENGINE_OK)
            live->end = ENGINE_FAILED;
        schedule(live);
    }
    const uint64_t waiting = backlog_count(&live->bytes);
    if (waiting > live->high_bytes)
        live->above_high = true;
    pthread_mutex_unlock(&live->lock);
    return waiting;
}

uint64_t engine_live_waiting(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    const uint64_t waiting = backlog_count(&live->bytes);
    pthread_mutex_unlock(&live->lock);
    return waiting;
}

uint64_t engine_live_high_bytes(const struct engine_live *live)
{
    return live->high_bytes;
}

uint64_t engine_live_low_bytes(const struct engine_live *live)
{
    return live->low_bytes;
}

void engine_live_flush(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    if (!live->finishing) {
        if (backlog_mark(&live->bytes) != 0 && live->end == ENGINE_OK)
            live->end = ENGINE_FAILED;
        live->marked_ms = queue_now_ms();
        schedule(live);
    }
    pthread_mutex_unlock(&live->lock);
}

const char *engine_live_detail(const struct engine_live *live)
{
    return live->note.text;
}

void engine_live_finish(struct engine_live *live)
{
    pthread_mutex_lock(&live->lock);
    live->finishing = true;
    live->marked_ms = queue_now_ms();
    schedule(live);
    pthread_mutex_unlock(&live->lock);
}

void engine_live_close(struct engine_live *live)
{
    atomic_store(&live->cancelled, true);
    unlist(live);
    pthread_mutex_lock(&live->lock);
    live->closed = true;
    live->closed_ms = queue_now_ms();
    while (live->in_callback)
        pthread_cond_wait(&live->idle, &live->lock);
    if (!live->ended && live->scheduled && queue_remove(&live->engine->queue, &live->work)) {
        live->scheduled = false;
        live->refs--;
        pthread_mutex_unlock(&live->lock);
        engine_count_cancel(live->engine, live->closed_ms);
        pthread_mutex_lock(&live->lock);
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
