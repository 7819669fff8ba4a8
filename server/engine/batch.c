/* A recording, from file to transcript.
 *
 * One token of a job goes round in the queue. The worker that gets it decodes until the next
 * segment is complete, submits that, and gives the token back to the end of the queue before it
 * recognises: so several workers may work on segments of one job, but only one at a time on
 * its file, and jobs take turns. Only where a segment ends in the middle of speech its words say
 * where the next begins (carryover.h); then the token waits for them. Decoding stops after
 * SLICE_SAMPLES even if there was only silence, so that a live stream need not wait for an hour of
 * it.
 *
 * The job ends when its token is gone (all decoded, or something went wrong) and the last segment
 * is recognised. Where a draft is wanted, that is when it is given, and the job begins anew on the
 * same file, deeper: the activations of an hour would be a gigabyte, and decoding costs little.
 */
#include "batch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "carryover.h"
#include "clock.h"
#include "core.h"
#include "decode_pool.h"
#include "live_state.h"
#include "recording.h"
#include "transcript.h"

#define PAUSE_MS      800 /* ends a segment: shorter pauses give the model more context */
#define SLICE_SAMPLES (30 * RESULT_RATE_HZ)
#define PULL_SAMPLES  4096

struct batch {
    struct batch *next; /* {engine->lock} */
    struct engine *engine;
    struct queue_work work; /* the token */
    void (*emit)(void *user,
                 const struct result_segment *segment); /* NULL or the client's segment() */
    void (*done)(void *user, const struct batch_result *result);
    void (*draft)(void *user, const struct result_transcript *transcript); /* NULL: no more */
    void *user;
    struct stream_format format;
    uint32_t endpointing_ms;
    struct tier tier;
    uint32_t asked; /* depth */
    double budget_ms;
    struct scheduler_terms terms;
    struct hotwords *hotwords;
    struct transcript_style style;
    uint32_t alternatives;
    atomic_bool cancelled;
    double cancelled_ms; /* {engine->lock} when; 0: not */
    double started_ms;

    /* The token's holder only. */
    int fd;       /* until the recording is opened; -1 */
    int again_fd; /* the same file, while a draft is made; -1 */
    struct recording *recording;
    struct endpointer *endpointer;
    float pulled[PULL_SAMPLES];
    size_t pulled_at, pulled_count;
    bool decoded; /* all of it */
    bool waits;   /* for a decoder of its own process */
    struct carryover carryover;

    pthread_mutex_t lock;
    bool begun;                      /* {lock} */
    double queue_ms, compute_ms;     /* {lock} */
    long awaited;                    /* {lock} segment that has the token; -1: none */
    uint32_t holders;                /* {lock} the token, and segments being recognised */
    enum engine_end end;             /* {lock} first thing that went wrong */
    struct recording_note note;      /* {lock} its detail */
    struct result_segment *segments; /* {lock} [segments_count], in order; room for segments_room */
    bool *recognised;                /* {lock} [segments_count] */
    size_t segments_count, segments_room;
    /* {lock} As the first segment saw it: when it was begun, and the time for each ms of sound. */
    double first_ms, predicted_share;
    size_t emitted;                         /* {lock} of them, to emit() */
    bool emitting;                          /* {lock} some worker is at it */
    struct fold_punctuation_state sentence; /* behind the segments emitted; the emitting worker's */
};

static void batch_free(struct batch *batch)
{
    for (size_t i = 0; i < batch->segments_count; i++)
        transcript_release(&batch->segments[i]);
    free(batch->segments);
    free(batch->recognised);
    carryover_reset(&batch->carryover);
    endpointer_close(batch->endpointer);
    recording_close(batch->recording);
    if (batch->fd >= 0)
        close(batch->fd);
    if (batch->again_fd >= 0)
        close(batch->again_fd);
    hotwords_unref(batch->hotwords);
    pthread_mutex_destroy(&batch->lock);
    core_unref(batch->engine);
    free(batch);
}

/* The first failure is the job's. detail may be NULL. */
static void batch_fail(struct batch *batch, enum engine_end end, const char *detail)
{
    pthread_mutex_lock(&batch->lock);
    if (batch->end == ENGINE_OK) {
        batch->end = end;
        snprintf(batch->note.text, sizeof(batch->note.text), "%s", detail ? detail : "");
    }
    pthread_mutex_unlock(&batch->lock);
}

static enum engine_end end_of(int recording_error)
{
    switch (recording_error) {
    case RECORDING_EMPTY:
        return ENGINE_EMPTY;
    case RECORDING_UNKNOWN:
        return ENGINE_NOT_AUDIO;
    case RECORDING_TRUNCATED:
        return ENGINE_TRUNCATED;
    case RECORDING_TOO_LONG:
        return ENGINE_TOO_LONG;
    }
    return ENGINE_FAILED;
}

/* The latency of the whole, as it would have been told behind the first segment by one who knew how
 * much sound there is: many formats say so only at their end. Workers share the segments. */
static double predicted_ms(const struct batch *batch)
{
    double sound_ms = 0;

    for (size_t i = 0; i < batch->segments_count; i++)
        sound_ms += (double)(batch->segments[i].end_samples - batch->segments[i].start_samples) /
                    (RESULT_RATE_HZ / 1e3);
    return batch->first_ms +
           batch->predicted_share * sound_ms /
               fmax(fmin(batch->engine->options.workers, (double)batch->segments_count), 1);
}

/* Of the whole recording: as its shallowest segment. */
static struct result_depth batch_depth(struct batch *batch, double actual_ms)
{
    struct depth_question question = {
        .kind = DEPTH_UPLOAD, .tier = &batch->tier, .asked = batch->asked};
    struct result_depth depth = admission_choose(&batch->engine->admission, &question, NULL);

    for (size_t i = 0; i < batch->segments_count; i++)
        if (i == 0 || batch->segments[i].depth.used < depth.used)
            depth = batch->segments[i].depth;
    depth.budget_ms = batch->budget_ms;
    depth.predicted_ms = predicted_ms(batch);
    depth.actual_ms = actual_ms;
    return depth;
}

/* Points warnings [STREAM_NOTES + 1] to what the recording has to say of itself, and what of its
 * hotwords cannot be heard; returns how many. */
static size_t batch_warnings(const struct batch *batch, const char **warnings)
{
    size_t count = 0;

    if (!batch->recording)
        return 0;
    const struct recording_note *notes = recording_notes(batch->recording, &count);
    for (size_t i = 0; i < count; i++)
        warnings[i] = notes[i].text;
    if (batch->hotwords->warning[0])
        warnings[count++] = batch->hotwords->warning;
    return count;
}

/* Calls on_done() and frees. Nobody else holds the job any more. */
static void batch_finish(struct batch *batch)
{
    struct engine *engine = batch->engine;
    const double now_ms = clock_now_ms();
    const char *warnings[STREAM_NOTES + 1];
    const struct result_transcript transcript = {
        .segments = batch->segments,
        .segments_count = batch->segments_count,
        .warnings = warnings,
        .warnings_count = batch_warnings(batch, warnings),
        .duration_samples = batch->recording ? recording_position(batch->recording) : 0,
        .depth = batch_depth(batch, now_ms - batch->started_ms)};
    const struct batch_result result = {
        .end = batch->end,
        .detail = batch->note.text[0] ? batch->note.text : NULL,
        .transcript = batch->end == ENGINE_OK ? &transcript : NULL,
        .channels = batch->recording ? recording_channels(batch->recording) : 0,
        .queue_ms = batch->queue_ms,
        .compute_ms = batch->compute_ms};

    pthread_mutex_lock(&engine->lock);
    for (struct batch **b = &engine->batches; *b; b = &(*b)->next)
        if (*b == batch) {
            *b = batch->next;
            break;
        }
    const double cancelled_ms = batch->cancelled_ms;
    pthread_mutex_unlock(&engine->lock);
    if (batch->end == ENGINE_CANCELLED)
        core_count_cancel(engine, cancelled_ms);
    admission_end_upload(&engine->admission,
                         now_ms); /* before on_done(): its client may start another */

    batch->done(batch->user, &result);

    pthread_mutex_lock(&engine->lock);
    engine->batch_callbacks--;
    pthread_cond_broadcast(&engine->changed);
    pthread_mutex_unlock(&engine->lock);
    batch_free(batch);
}

static bool batch_goes_on(struct batch *batch)
{
    if (atomic_load(&batch->cancelled))
        batch_fail(batch, ENGINE_CANCELLED, NULL);
    pthread_mutex_lock(&batch->lock);
    const bool ok = batch->end == ENGINE_OK;
    pthread_mutex_unlock(&batch->lock);
    return ok;
}

/* Emits the draft and puts the job back to its beginning. The caller has the token. */
static void batch_deepen(struct batch *batch)
{
    const struct result_transcript transcript = {
        .segments = batch->segments,
        .segments_count = batch->segments_count,
        .duration_samples = recording_position(batch->recording),
        .depth = batch_depth(batch, clock_now_ms() - batch->started_ms)};

    batch->draft(batch->user, &transcript);
    batch->draft = NULL;
    for (size_t i = 0; i < batch->segments_count; i++)
        transcript_release(&batch->segments[i]);
    endpointer_close(batch->endpointer);
    recording_close(batch->recording);
    carryover_reset(&batch->carryover);
    batch->endpointer = NULL;
    batch->recording = NULL;
    batch->fd = batch->again_fd;
    batch->again_fd = -1;
    batch->pulled_at = batch->pulled_count = 0;
    batch->decoded = false;
    batch->sentence = (struct fold_punctuation_state){0};
    pthread_mutex_lock(&batch->lock);
    batch->segments_count = batch->emitted = 0;
    batch->holders = 1;
    pthread_mutex_unlock(&batch->lock);
}

static void batch_release(struct batch *batch)
{
    pthread_mutex_lock(&batch->lock);
    const uint32_t left = --batch->holders;
    pthread_mutex_unlock(&batch->lock);
    if (left)
        return;
    if (batch->draft && batch_goes_on(batch)) {
        batch_deepen(batch);
        queue_push(&batch->engine->queue, &batch->work, &batch->terms);
        return;
    }
    batch_finish(batch);
}

/* First thing that happens to a job on a worker. */
static bool batch_begin(struct batch *batch)
{
    const struct engine_options *options = &batch->engine->options;
    struct recording_note note = {""};
    const int fd = batch->fd;

    pthread_mutex_lock(&batch->lock);
    if (!batch->begun)
        batch->queue_ms = clock_now_ms() - batch->started_ms;
    batch->begun = true;
    pthread_mutex_unlock(&batch->lock);
    batch->fd = -1;
    const struct recording_options how = {
        .max_samples = options->max_audio_ms * (RESULT_RATE_HZ / 1000), .format = batch->format};
    const int error = recording_open(&batch->recording, fd, &how, &note);
    if (error) {
        batch_fail(batch, end_of(error), note.text);
        return false;
    }
    if (endpointer_open(&batch->endpointer, batch->endpointing_ms, options->max_segment_ms) < 0) {
        batch_fail(batch, ENGINE_FAILED, "out of memory");
        return false;
    }
    return true;
}

/* Decodes until a segment is complete (true), or the slice or the recording ends (false). */
static bool batch_decode(struct batch *batch, struct endpointer_segment *ret_segment)
{
    struct recording_note note;
    size_t slice = 0;

    batch->waits = false;
    while (!endpointer_segment(batch->endpointer, ret_segment)) {
        if (batch->pulled_at < batch->pulled_count) {
            const long taken = endpointer_push(batch->endpointer, batch->pulled + batch->pulled_at,
                                               batch->pulled_count - batch->pulled_at);
            if (taken < 0) {
                batch_fail(batch, ENGINE_FAILED, "out of memory");
                return false;
            }
            batch->pulled_at += (size_t)taken;
            continue;
        }
        if (batch->decoded || slice >= SLICE_SAMPLES || atomic_load(&batch->cancelled))
            return false;
        const long got = recording_pull(batch->recording, batch->pulled, PULL_SAMPLES, &note);
        batch->waits = got == RECORDING_WAITS;
        if (batch->waits)
            return false;
        if (got < 0) {
            batch_fail(batch, end_of((int)got), note.text);
            return false;
        }
        batch->pulled_at = 0;
        batch->pulled_count = (size_t)got;
        slice += (size_t)got;
        if (got == 0) {
            batch->decoded = true;
            endpointer_flush(batch->endpointer);
        }
    }
    return true;
}

/* A place for the next segment; its index, or -1 without memory. */
static long batch_reserve(struct batch *batch)
{
    long index = -1;

    pthread_mutex_lock(&batch->lock);
    if (batch->segments_count == batch->segments_room) {
        const size_t room = batch->segments_room ? 2 * batch->segments_room : 16;
        struct result_segment *segments = realloc(batch->segments, room * sizeof(*segments));
        bool *recognised = realloc(batch->recognised, room * sizeof(*recognised));
        if (segments)
            batch->segments = segments;
        if (recognised)
            batch->recognised = recognised;
        if (segments && recognised)
            batch->segments_room = room;
    }
    if (batch->segments_count < batch->segments_room) {
        index = (long)batch->segments_count++;
        batch->segments[index] = (struct result_segment){0};
        batch->recognised[index] = false;
        batch->holders++;
    }
    pthread_mutex_unlock(&batch->lock);
    return index;
}

/* Punctuates and emits the segments that are recognised and whose turn it is, in order, since a
 * sentence may go on from one to the next. One worker at a time; it also takes what others finish
 * meanwhile. */
static void emit_segments(struct batch *batch)
{
    pthread_mutex_lock(&batch->lock);
    const bool mine = !batch->emitting;
    batch->emitting |= mine;
    while (mine && batch->emitted < batch->segments_count && batch->recognised[batch->emitted]) {
        struct result_segment segment = batch->segments[batch->emitted++];
        pthread_mutex_unlock(&batch->lock);
        if (transcript_write(&segment, &batch->style, &batch->sentence, true) < 0)
            batch_fail(batch, ENGINE_FAILED, "out of memory");
        if (batch->emit && !batch->draft)
            batch->emit(batch->user, &segment);
        pthread_mutex_lock(&batch->lock);
    }
    if (mine)
        batch->emitting = false;
    pthread_mutex_unlock(&batch->lock);
}

/* What is left of the budget is shared out by the sound that is left. A header may say nothing
 * about that, or be wrong; then the present segment takes what it needs. */
static double segment_budget_ms(const struct batch *batch, double audio_ms, double left_ms,
                                double elapsed_ms)
{
    if (!(batch->budget_ms > 0))
        return 0;
    const double share = left_ms > audio_ms ? audio_ms / left_ms : 1;
    return fmax((batch->budget_ms - elapsed_ms) * share, 1e-9); /* 0 would mean none */
}

/* From the decoders' thread: there is something to decode. */
static void sound_is_there(void *user)
{
    struct batch *batch = user;

    queue_push(&batch->engine->queue, &batch->work, &batch->terms);
}

/* Parks the token until there is something to decode: then it goes on, perhaps before this returns.
 */
static void await_sound(struct batch *batch)
{
    struct engine *engine = batch->engine;

    pthread_mutex_lock(&batch->lock);
    batch->holders++;
    pthread_mutex_unlock(&batch->lock);
    recording_await(batch->recording, sound_is_there, batch);
    if (atomic_load(&batch->cancelled)) /* perhaps before it waited */
        decode_pool_wake(engine->decoders, batch);
    batch_release(batch);
}

/* Gives the token on; or there is nothing left for it. */
static void pass_token(struct batch *batch, bool more)
{
    struct engine *engine = batch->engine;
    const bool goes_on = more && batch_goes_on(batch);

    if (goes_on && !batch->waits) {
        queue_push(&engine->queue, &batch->work, &batch->terms);
        return;
    }
    atomic_fetch_add(&engine->refs, 1); /* the job may end here */
    if (goes_on)
        await_sound(batch);
    else
        batch_release(batch);
    core_tick(engine);
    core_unref(engine);
}

/* The segment that has the token says where the next begins. */
static void settle(struct batch *batch, struct result_segment *segment)
{
    const int64_t most_samples =
        (int64_t)batch->engine->options.max_segment_ms * (RESULT_RATE_HZ / 1000);
    struct endpointer_segment sound;
    struct carryover_cut cut;

    endpointer_segment(batch->endpointer, &sound);
    if (carryover_settle(&batch->carryover, &sound, most_samples, segment, &cut) < 0)
        batch_fail(batch, ENGINE_FAILED, "out of memory");
    else
        endpointer_pop(batch->endpointer, cut.kept_samples, cut.final_samples);
}

/* The worker has recognised a segment. */
static void on_result(struct piece *piece)
{
    struct batch *batch = piece->user;
    struct engine *engine = batch->engine;
    const double took_ms = clock_now_ms() - piece->submitted_ms;

    atomic_fetch_add(&engine->refs, 1); /* the job may end here */
    free((void *)(uintptr_t)piece->prefix);
    pthread_mutex_lock(&batch->lock);
    const bool awaited = batch->awaited == (long)piece->index;
    if (awaited)
        batch->awaited = -1;
    pthread_mutex_unlock(&batch->lock);
    if (piece->end == PIECE_FAILED)
        batch_fail(batch, ENGINE_FAILED, "the recording could not be recognised");
    else if (piece->end == PIECE_CANCELLED)
        batch_fail(batch, ENGINE_CANCELLED, NULL);
    else
        core_learn(engine, &piece->cost, &piece->segment.depth, !batch->draft);
    if (awaited && piece->end == PIECE_DONE)
        settle(batch, &piece->segment);
    pthread_mutex_lock(&batch->lock);
    piece->segment.depth.actual_ms = took_ms;
    batch->compute_ms += took_ms;
    batch->segments[piece->index] = piece->segment;
    batch->recognised[piece->index] = piece->end == PIECE_DONE;
    pthread_mutex_unlock(&batch->lock);
    emit_segments(batch);
    if (awaited)
        pass_token(batch, true);
    batch_release(batch);
    core_tick(engine);
    core_unref(engine);
}

/* left_ms: sound that is not recognised yet, the segment's included; 0: not known. */
static void submit(struct batch *batch, struct worker *worker,
                   const struct endpointer_segment *sound, size_t index, double left_ms)
{
    const double elapsed_ms = clock_now_ms() - batch->started_ms;
    const double audio_ms = (double)sound->count / (RESULT_RATE_HZ / 1e3);
    struct depth_question question = {.kind = batch->draft ? DEPTH_PARTIAL : DEPTH_UPLOAD,
                                      .tier = &batch->tier,
                                      .asked = batch->asked,
                                      .audio_ms = audio_ms,
                                      .budget_ms =
                                          segment_budget_ms(batch, audio_ms, left_ms, elapsed_ms)};
    struct piece piece = {.hotwords = batch->hotwords,
                          .prefix = carryover_text(batch->carryover.words, batch->carryover.count,
                                                   sound->start_samples),
                          .alone = true,
                          .alternatives = batch->draft ? 0 : batch->alternatives,
                          .cancelled = &batch->cancelled,
                          .on_result = on_result,
                          .user = batch,
                          .index = index};

    core_submit(batch->engine, worker, sound, &question, &piece);
    if (index == 0) {
        pthread_mutex_lock(&batch->lock);
        batch->first_ms = elapsed_ms;
        batch->predicted_share = piece.depth.predicted_ms / fmax(audio_ms, 1);
        pthread_mutex_unlock(&batch->lock);
    }
}

static void batch_await(struct batch *batch, long index)
{
    pthread_mutex_lock(&batch->lock);
    batch->awaited = index;
    pthread_mutex_unlock(&batch->lock);
}

static enum queue_step batch_run(struct queue_work *work, struct worker *worker)
{
    struct batch *batch = (struct batch *)((char *)work - offsetof(struct batch, work));
    struct endpointer_segment sound;
    bool awaited = false;
    long index = -1;

    if (batch_goes_on(batch) && (batch->recording || batch_begin(batch)) &&
        batch_decode(batch, &sound)) {
        index = batch_reserve(batch);
        if (index < 0) {
            batch_fail(batch, ENGINE_FAILED, "out of memory");
        } else {
            const int64_t expected = recording_expected(batch->recording);
            const double left_ms =
                expected > sound.start_samples
                    ? (double)(expected - sound.start_samples) / (RESULT_RATE_HZ / 1e3)
                    : 0;
            const int64_t end_samples = sound.start_samples + (int64_t)sound.count;
            awaited = sound.why == ENDPOINTER_FULL || sound.why == ENDPOINTER_ENDPOINT;
            if (awaited)
                batch_await(batch, index);
            submit(batch, worker, &sound, (size_t)index, left_ms);
            if (!awaited) {
                carryover_reset(&batch->carryover);
                endpointer_pop(batch->endpointer, end_samples, end_samples);
            }
        }
    }
    /* Decoded to the end: one round more finds nothing left. */
    if (!awaited)
        pass_token(batch, !(batch->decoded && index < 0));
    return index < 0 ? QUEUE_DONE : QUEUE_WAIT;
}

/* Than a draft would be. */
static bool is_deeper(const struct batch *batch)
{
    const uint32_t asked = batch->asked ? batch->asked : batch->tier.depth_ceiling;

    return asked > batch->tier.partial_depth || batch->tier.depth_floor > batch->tier.partial_depth;
}

enum engine_end batch_start(struct engine *engine, int fd, const struct batch_options *options,
                            struct batch **ret_batch)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    enum engine_end end = ENGINE_OK;
    double retry_ms;

    if (!batch || pthread_mutex_init(&batch->lock, NULL)) {
        free(batch);
        close(fd);
        return ENGINE_FAILED;
    }
    batch->engine = engine;
    atomic_fetch_add(&engine->refs, 1);
    batch->fd = fd;
    batch->work.run = batch_run;
    batch->emit = options->on_segment;
    batch->done = options->on_done;
    batch->again_fd = -1;
    batch->awaited = -1;
    batch->format = live_state_format(options->rate_hz ? options->encoding : LIVE_CONTAINER,
                                      options->rate_hz, options->channels, options->channel);
    batch->format.pool = engine->decoders;
    batch->endpointing_ms = options->endpointing_ms ? options->endpointing_ms : PAUSE_MS;
    batch->user = options->user;
    batch->tier = core_tier(engine, &options->policy);
    batch->asked = options->policy.depth;
    batch->budget_ms =
        options->policy.latency_ms ? options->policy.latency_ms : batch->tier.latency_ms;
    if (options->on_draft && !(batch->budget_ms > 0) && is_deeper(batch)) {
        /* One offset for both, but only one reads at a time, and from the start. */
        batch->again_fd = dup(fd);
        batch->draft = batch->again_fd >= 0 ? options->on_draft : NULL;
    }
    batch->holders = 1;
    batch->started_ms = clock_now_ms();
    batch->terms = (struct scheduler_terms){
        .class = SCHEDULER_BATCH,
        .due_ms = batch->budget_ms > 0 ? batch->started_ms + batch->budget_ms : INFINITY,
        .key = options->policy.key,
        .priority = batch->tier.priority};
    batch->style = core_style(engine, options->plain);
    batch->alternatives = options->alternatives;
    batch->hotwords = hotwords_copy(options->hotwords, options->hotwords_count);
    if (!batch->hotwords) {
        batch_free(batch);
        return ENGINE_FAILED;
    }

    pthread_mutex_lock(&engine->lock);
    if (engine->draining) {
        end = ENGINE_DRAINING;
    } else if (!admission_begin_upload(&engine->admission, batch->started_ms, &retry_ms)) {
        end = ENGINE_BUSY;
        if (options->policy.ret_retry_s)
            *options->policy.ret_retry_s = (uint32_t)ceil(retry_ms / 1e3);
    } else {
        engine->batch_callbacks++;
        batch->next = engine->batches;
        engine->batches = batch;
        *ret_batch = batch;
        queue_push(&engine->queue, &batch->work, &batch->terms);
    }
    pthread_mutex_unlock(&engine->lock);
    if (end != ENGINE_OK)
        batch_free(batch);
    return end;
}

/* {engine->lock} The job is in the list, so its token or a segment is still to come. */
static void batch_cancel_locked(struct batch *batch)
{
    struct queue *queue = &batch->engine->queue;

    if (!batch->cancelled_ms)
        batch->cancelled_ms = clock_now_ms();
    atomic_store(&batch->cancelled, true);
    if (queue_remove(queue, &batch->work))
        queue_push_first(queue, &batch->work);
    else
        decode_pool_wake(batch->engine->decoders, batch);
}

void batch_cancel(struct engine *engine, void *user)
{
    pthread_mutex_lock(&engine->lock);
    for (struct batch *batch = engine->batches; batch; batch = batch->next)
        if (batch->user == user)
            batch_cancel_locked(batch);
    pthread_mutex_unlock(&engine->lock);
}

void batch_abort_all(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    for (struct batch *batch = engine->batches; batch; batch = batch->next) {
        batch_fail(batch, ENGINE_DRAINING, NULL);
        batch_cancel_locked(batch);
    }
    pthread_mutex_unlock(&engine->lock);
}
