/* A live stream: bytes in at any time, results out.
 *
 * The network thread only appends bytes and marks (flush, finish) and sees to it that the
 * stream is scheduled: it is in the queue at most once, whatever has come meanwhile. A worker that
 * takes it works through what waits until it has computed one thing (a final, or a partial
 * when nothing is left to read), then puts it at the end of the queue if there is more. So streams
 * take turns, and audio that came during a computation replaces the partial it would have got.
 *
 * Finals depend on the samples and the marks only: endpointer.c says when one is due, and a final
 * is one run over the whole segment, and over what came before it where no pause has ended that
 * (carryover.h). Partials are a courtesy: the last seconds of the segment so far
 * (windowed_partials.h), at a shallow depth, again and again; or, under load, what a stream of the
 * seed made of them (incremental_partials.h). They are left out when the stream had to wait for its
 * turn, and never come so often that they take more than half of a worker.
 *
 * What comes faster than it is heard waits: NEAR_MS of it in memory, the rest in a file, so that a
 * socket is read on and its pings are answered. Bytes of the file count as having come when they
 * are brought back into memory: who sends an hour at once is not an hour ahead of the others.
 *
 * A flush is remembered as a position in the bytes, so that it means what was pushed before it.
 */
#include "live.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "live_state.h"
#include "live_turn.h"
#include "log.h"

#define PAUSE_MS       500
#define SILENT_MS      900  /* less is a network that stutters */
#define SILENT_MOST_MS 2900 /* text comes then, also where pauses are to be no endpoints */
#define NEAR_MS        30000
#define AHEAD_CARE     1.5         /* guesses of what is ahead count so much */
#define CUT_LEAST_MS   1000        /* that are worth it to leave unheard */
#define SLICE_MS       250         /* fed to the decoder in one go */
#define LOW_BYTES      1000000     /* below what may wait: there reading goes on */
#define MESSAGE_BYTES  (32u << 20) /* one more may come before anybody stops reading */

static void set_options(struct live *live, const struct live_options *options)
{
    struct live_options *o = &live->options;

    *o = *options;
    o->hotwords = NULL; /* live->hotwords has them */
    o->hotwords_count = 0;
    if (o->endpointing_ms == 0)
        o->endpointing_ms = PAUSE_MS;
    live->tier = live->admitted.tier = core_tier(live->engine, &o->policy);
    live->admitted.partials = o->partials;
    if (o->partials && core_can_be_incremental(live->engine))
        live->admitted.chunk_ms = live->engine->admission.chunk_ms;
    live->admitted.always_incremental = live->engine->options.partials == ENGINE_PARTIALS_STREAMS;
    live->key = o->policy.key;
    o->policy = (struct request_policy){.depth = o->policy.depth}; /* the rest is borrowed */
}

static int set_sound(struct live *live)
{
    const struct live_options *options = &live->options;
    const struct engine_options *engine = &live->engine->options;
    struct stream_format format =
        live_state_format(options->encoding, options->rate_hz, options->channels, options->channel);
    const size_t second_bytes = audio_input_bytes_a_second(&format);

    format.pool = live->engine->decoders;
    if (audio_input_open(&live->input, &format, options->endpointing_ms,
                         live->engine->options.max_segment_ms, &live->note) < 0)
        return -1;
    live->endpointer = audio_input_endpointer(live->input);
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

/* What costs memory: for one that has a place. 0 or -1. */
static int make_room(struct live *live, const struct live_options *options)
{
    live->hotwords = hotwords_copy(options->hotwords, options->hotwords_count);
    return live->hotwords && set_sound(live) == 0 ? live_state_open_incremental(live) : -1;
}

/* Takes a place. */
static enum engine_end join(struct live *live, const struct live_options *options)
{
    struct engine *engine = live->engine;
    double retry_ms;

    pthread_mutex_lock(&engine->lock);
    const bool draining = engine->draining;
    pthread_mutex_unlock(&engine->lock);
    if (draining)
        return ENGINE_DRAINING;
    if (admission_join(&engine->admission, &live->admitted, clock_now_ms(), &retry_ms))
        return ENGINE_OK;
    if (options->policy.ret_retry_s)
        *options->policy.ret_retry_s = (uint32_t)ceil(retry_ms / 1e3);
    return ENGINE_BUSY;
}

/* It is ready: from here on others may see it. */
static enum engine_end enlist(struct live *live)
{
    struct engine *engine = live->engine;
    enum engine_end end = ENGINE_DRAINING;

    pthread_mutex_lock(&engine->lock);
    if (!engine->draining) {
        engine->live_count++;
        live->listed = true;
        live->next = engine->lives;
        engine->lives = live;
        end = ENGINE_OK;
    }
    pthread_mutex_unlock(&engine->lock);
    return end;
}

enum engine_end live_open(struct engine *engine, const struct live_options *options,
                          struct live **ret_live)
{
    struct live *live = calloc(1, sizeof(*live));
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
    live->bytes.fd = -1; /* none to be closed before set_sound */
    live->work.run = live_turn_run;
    set_options(live, options);
    live_state_set_dials(live, &(struct live_dials){options->policy.depth, options->partial_depth,
                                                    options->policy.latency_ms,
                                                    options->partial_every_ms});
    live->style = core_style(engine, options->plain);
    enum engine_end end = join(live, options);
    if (end == ENGINE_OK)
        end = make_room(live, options) < 0 ? ENGINE_FAILED : enlist(live);
    if (end == ENGINE_OK) {
        *ret_live = live;
        return ENGINE_OK;
    }
    admission_leave(&engine->admission, &live->admitted, clock_now_ms());
    live_state_free(live);
    return end;
}

/* {live->lock} What came cannot be kept: what came before is heard to its end, and then it ends. */
static void truncate_sound(struct live *live)
{
    log_error("live audio cannot be kept", log_count("waiting_bytes", backlog_count(&live->bytes)),
              log_text("error", strerror(errno)));
    live->truncated = ENGINE_NO_ROOM;
    live->finishing = true;
    live->marked_ms = clock_now_ms();
}

uint64_t live_push(struct live *live, const void *bytes, size_t count)
{
    const double now_ms = clock_now_ms();

    if (count)
        admission_heard(&live->engine->admission, &live->admitted, now_ms);
    pthread_mutex_lock(&live->lock);
    if (!live->finishing && !live->ended && count) {
        if (backlog_push(&live->bytes, bytes, count, now_ms) != 0)
            truncate_sound(live);
        live->silent_ms = 0;
        live_state_schedule(live);
    }
    const uint64_t waiting = backlog_count(&live->bytes);
    if (waiting > live->high_bytes)
        live->above_high = true;
    pthread_mutex_unlock(&live->lock);
    return waiting;
}

uint64_t live_waiting(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    const uint64_t waiting = backlog_count(&live->bytes);
    pthread_mutex_unlock(&live->lock);
    return waiting;
}

uint64_t live_high_bytes(const struct live *live)
{
    return live->high_bytes;
}

uint64_t live_low_bytes(const struct live *live)
{
    return live->low_bytes;
}

void live_flush(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    if (!live->finishing) {
        if (backlog_mark(&live->bytes) != 0 && live->end == ENGINE_OK)
            live->end = ENGINE_FAILED;
        live->marked_ms = clock_now_ms();
        live_state_schedule(live);
    }
    pthread_mutex_unlock(&live->lock);
}

void live_silent(struct live *live, uint32_t silent_ms)
{
    const uint32_t pause_ms = live->options.endpointing_ms;

    pthread_mutex_lock(&live->lock);
    if (!live->finishing && silent_ms >= SILENT_MS &&
        (silent_ms >= pause_ms || silent_ms >= SILENT_MOST_MS)) {
        live->silent_ms = silent_ms;
        live->marked_ms = clock_now_ms();
        live_state_schedule(live);
    }
    pthread_mutex_unlock(&live->lock);
}

void live_configure(struct live *live, const struct live_dials *dials)
{
    pthread_mutex_lock(&live->lock);
    if (!live->finishing) {
        live->dials = *dials;
        live->is_dialled = true;
        live_state_schedule(live);
    }
    pthread_mutex_unlock(&live->lock);
}

bool live_set_hotwords(struct live *live, const struct fold_hotword *words, size_t count)
{
    struct hotwords *hotwords = hotwords_copy(words, count);
    if (!hotwords)
        return false;
    pthread_mutex_lock(&live->lock);
    struct hotwords *const before = live->other_hotwords;
    live->other_hotwords = hotwords;
    pthread_mutex_unlock(&live->lock);
    hotwords_unref(before);
    return true;
}

const char *live_detail(const struct live *live)
{
    return live->note.text;
}

void live_finish(struct live *live)
{
    pthread_mutex_lock(&live->lock);
    live->finishing = true;
    live->marked_ms = clock_now_ms();
    live_state_schedule(live);
    pthread_mutex_unlock(&live->lock);
}

void live_close(struct live *live)
{
    atomic_store(&live->cancelled, true);
    live_state_unlist(live);
    pthread_mutex_lock(&live->lock);
    live->closed = true;
    live->closed_ms = clock_now_ms();
    while (live->in_callback)
        pthread_cond_wait(&live->idle, &live->lock);
    if (!live->ended && live->scheduled && queue_remove(&live->engine->queue, &live->work)) {
        live->scheduled = false;
        live->refs--;
        pthread_mutex_unlock(&live->lock);
        core_count_cancel(live->engine, live->closed_ms);
        pthread_mutex_lock(&live->lock);
    }
    live_state_unref_unlock(live);
}

/* CPU time of the finals of so much sound, as deep as they go. */
static double hearing_ms(const struct admission_report *report, double audio_ms)
{
    const double segments = ceil(audio_ms / report->segment_ms);

    return segments > 0 ? segments * cost_ms(&report->cost, report->unfolds, audio_ms / segments)
                        : 0;
}

/* {live->lock} Sound that waits; of compressed sound a guess. */
static double waits_ms(struct live *live)
{
    return (double)backlog_count(&live->bytes) / (double)live->slice_bytes * SLICE_MS;
}

double live_ahead_ms(struct engine *engine, bool after_cut)
{
    struct admission_report report;
    double all_ms = 0, longest_ms = 0;

    admission_report(&engine->admission, &report);
    pthread_mutex_lock(&engine->lock);
    for (struct live *live = engine->lives; live; live = live->next) {
        pthread_mutex_lock(&live->lock);
        const double waiting_ms = waits_ms(live);
        const bool is_long = waiting_ms > CUT_LEAST_MS;
        /* A worker may be at a whole segment of it. */
        const double open_ms = is_long ? engine->options.max_segment_ms : live->open_ms;
        pthread_mutex_unlock(&live->lock);
        const double cpu_ms =
            hearing_ms(&report, after_cut && is_long ? open_ms : open_ms + waiting_ms);
        all_ms += cpu_ms;
        longest_ms = fmax(longest_ms, cpu_ms);
    }
    pthread_mutex_unlock(&engine->lock);
    /* One stream is heard by one worker at a time. */
    return AHEAD_CARE * fmax(all_ms / report.cpus, longest_ms * cost_slowdown(&report.cost));
}

/* {live->lock} */
static void cut(struct live *live)
{
    live->is_cut = true;
    live->finishing = true;
    live->marked_ms = clock_now_ms();
    if (live->truncated == ENGINE_OK)
        live->truncated = ENGINE_CUT;
    backlog_clear(&live->bytes);
    live_state_schedule(live);
}

void live_cut_all(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    for (struct live *live = engine->lives; live; live = live->next) {
        pthread_mutex_lock(&live->lock);
        if (waits_ms(live) > CUT_LEAST_MS)
            cut(live);
        pthread_mutex_unlock(&live->lock);
    }
    pthread_mutex_unlock(&engine->lock);
}

void live_abort_all(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    for (struct live *live = engine->lives; live; live = live->next) {
        pthread_mutex_lock(&live->lock);
        if (live->end == ENGINE_OK)
            live->end = ENGINE_DRAINING;
        atomic_store(&live->cancelled, true);
        live_state_schedule(live);
        pthread_mutex_unlock(&live->lock);
    }
    pthread_mutex_unlock(&engine->lock);
}
