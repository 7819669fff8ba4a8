#include "engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"
#include "clock.h"
#include "engine_state.h"
#include "live.h"

static const struct {
    int http, close;
    const char *type, *text;
} ends[] = {
#define X(name, http, close, type, text) [name] = {http, close, type, text},
    ENGINE_ENDS(X)
#undef X
};

int engine_end_http(enum engine_end end)
{
    return ends[end].http;
}

int engine_end_close(enum engine_end end)
{
    return ends[end].close;
}

const char *engine_end_type(enum engine_end end)
{
    return ends[end].type;
}

const char *engine_end_text(enum engine_end end)
{
    return ends[end].text;
}

void engine_unref(struct engine *engine)
{
    if (atomic_fetch_sub(&engine->refs, 1) != 1)
        return;
    admission_finish(&engine->admission);
    queue_finish(&engine->queue);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

/* Stops and frees the workers that there are. */
static void close_workers(struct engine *engine)
{
    queue_stop(&engine->queue);
    for (uint32_t i = 0; i < engine->options.workers; i++)
        worker_close(&engine->workers[i]);
    free(engine->workers);
    engine->workers = NULL;
}

static int open_workers(struct engine *engine)
{
    const struct engine_options *options = &engine->options;

    engine->workers = calloc(options->workers, sizeof(*engine->workers));
    if (!engine->workers)
        return FOLD_ERR_MEMORY;
    for (uint32_t i = 0; i < options->workers; i++) {
        const int error = worker_open(&engine->workers[i], &engine->queue, options->model,
                                      options->lm, options->max_segment_ms);
        if (error) {
            close_workers(engine);
            return error;
        }
    }
    return FOLD_OK;
}

bool engine_can_be_incremental(const struct engine *engine)
{
    return engine->info->chunk_frames && engine->options.partials != ENGINE_PARTIALS_WINDOWS;
}

static uint32_t chunk_ms(const struct engine *engine)
{
    const struct fold_info *info = engine->info;

    return engine_can_be_incremental(engine)
               ? info->chunk_frames * info->hop_samples * 1000 / info->rate_hz
               : 0;
}

int engine_open(struct engine **ret_engine, const struct engine_options *options)
{
    struct engine *engine;

    if (!options->model || options->max_segment_ms < ENDPOINTER_MIN_SEGMENT_MS ||
        (options->partials == ENGINE_PARTIALS_STREAMS &&
         !fold_model_info(options->model)->chunk_frames))
        return FOLD_ERR_ARGUMENT;
    engine = calloc(1, sizeof(*engine));
    if (!engine)
        return FOLD_ERR_MEMORY;
    engine->options = *options;
    engine->info = fold_model_info(options->model);
    if (engine->options.workers == 0) {
        const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        engine->options.workers = cpus > 0 ? (uint32_t)cpus : 1;
    }
    atomic_init(&engine->refs, 1);
    if (pthread_mutex_init(&engine->lock, NULL))
        goto no_lock;
    if (pthread_cond_init(&engine->changed, NULL))
        goto no_cond;
    if (queue_init(&engine->queue, engine->options.workers) < 0)
        goto no_queue;
    const struct admission_options admission = {.unfolds = engine->info->unfolds,
                                                .workers = engine->options.workers,
                                                .max_live = options->max_live,
                                                .max_uploads = options->max_batch,
                                                .chunk_ms = chunk_ms(engine),
                                                .adaptive = options->adaptive,
                                                .cost = options->cost};
    if (admission_init(&engine->admission, &admission, clock_now_ms()) < 0)
        goto no_admission;
    const int error = open_workers(engine);
    if (error) {
        engine_unref(engine);
        return error;
    }
    *ret_engine = engine;
    return FOLD_OK;

no_admission:
    queue_finish(&engine->queue);
no_queue:
    pthread_cond_destroy(&engine->changed);
no_cond:
    pthread_mutex_destroy(&engine->lock);
no_lock:
    free(engine);
    return FOLD_ERR_MEMORY;
}

void engine_drain(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    engine->draining = true;
    pthread_mutex_unlock(&engine->lock);
}

bool engine_is_idle(struct engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    const bool idle = engine->live_count == 0 && engine->batch_callbacks == 0;
    pthread_mutex_unlock(&engine->lock);
    return idle;
}

void engine_close(struct engine *engine)
{
    if (!engine)
        return;
    engine_drain(engine);
    batch_abort_all(engine);
    live_abort_all(engine);
    pthread_mutex_lock(&engine->lock);
    while (engine->live_count || engine->batch_callbacks)
        pthread_cond_wait(&engine->changed, &engine->lock);
    pthread_mutex_unlock(&engine->lock);
    close_workers(engine);
    engine_unref(engine);
}

struct tier engine_tier(const struct engine *engine, const struct request_policy *policy)
{
    const uint32_t unfolds = engine->info->unfolds;
    struct tier tier = policy->tier ? *policy->tier : tier_default(unfolds);

    tier_fit(&tier, unfolds);
    return tier;
}

struct transcript_style engine_style(const struct engine *engine, bool plain)
{
    return (struct transcript_style){.plain = plain || engine->options.plain,
                                     .prose = engine->options.prose};
}

void engine_learn(struct engine *engine, const struct worker_cost *cost,
                  const struct result_depth *depth, bool final)
{
    const double tail_seconds = cost->exit_seconds + cost->decode_seconds + cost->write_seconds;
    const struct cost_spent spent = {
        .depth = depth->used,
        .audio_ms = cost->audio_seconds * 1e3,
        .front_ms = cost->stem_seconds * 1e3,
        .unfold_ms = cost->unfold_seconds * 1e3,
        .tail_ms = tail_seconds * 1e3,
        /* The first of a segment is too brief to say what others take. */
        .drafted = cost->drafted || !final,
        .new_ms = cost->new_seconds * 1e3,
        .hear_ms = cost->hear_seconds * 1e3};
    struct engine_stats *stats = &engine->stats;

    pthread_mutex_lock(&engine->lock);
    (final ? stats->segments_by_depth : stats->partials_by_depth)[depth->used]++;
    if (final && (strcmp(depth->reason, "load") == 0 || strcmp(depth->reason, "budget") == 0))
        stats->segments_lowered++;
    stats->stem_seconds += cost->stem_seconds;
    stats->partials_incremental += cost->new_seconds > 0;
    stats->unfold_seconds += cost->unfold_seconds + cost->exit_seconds + cost->hear_seconds;
    stats->decode_seconds += cost->decode_seconds;
    stats->write_seconds += cost->write_seconds;
    stats->written_segments += cost->written;
    stats->doubted_segments[cost->doubt] += cost->doubt != FOLD_DOUBT_NONE;
    stats->compute_seconds += worker_cost_ms(cost) / 1e3;
    if (final)
        stats->audio_seconds += cost->audio_seconds;
    pthread_mutex_unlock(&engine->lock);
    admission_learn(&engine->admission, &spent);
}

void engine_count_cancel(struct engine *engine, double since_ms)
{
    struct engine_stats *stats = &engine->stats;
    const double seconds = (clock_now_ms() - since_ms) / 1e3;

    pthread_mutex_lock(&engine->lock);
    stats->cancels++;
    stats->cancel_seconds += seconds;
    stats->cancel_worst_seconds = fmax(stats->cancel_worst_seconds, seconds);
    pthread_mutex_unlock(&engine->lock);
}

/* How deep, and until when it may take another pass. */
static struct result_depth choose(struct engine *engine, struct depth_question *question,
                                  struct worker_limit *ret_limit)
{
    *ret_limit = (struct worker_limit){
        .floor = question->kind == DEPTH_PARTIAL ? 1 : question->tier->depth_floor,
        .due_ms = INFINITY};
    if (question->budget_ms > 0)
        ret_limit->due_ms = clock_now_ms() - question->elapsed_ms + question->budget_ms;
    return admission_choose(&engine->admission, question, &ret_limit->unfold_ms,
                            &ret_limit->tail_ms);
}

enum worker_end engine_recognise(struct engine *engine, struct worker *worker,
                                 struct depth_question *question, const struct hotwords *hotwords,
                                 uint32_t alternatives, const atomic_bool *cancelled,
                                 struct result_segment *ret_segment)
{
    struct worker_limit limit;
    struct worker_cost cost = {0};
    const struct result_depth depth = choose(engine, question, &limit);
    const enum worker_end end =
        worker_recognise(worker, depth, &limit, hotwords, question->kind != DEPTH_PARTIAL,
                         alternatives, cancelled, ret_segment, &cost);

    if (end == WORKER_DONE)
        engine_learn(engine, &cost, &ret_segment->depth, question->kind != DEPTH_PARTIAL);
    return end;
}

void engine_submit(struct engine *engine, struct worker *worker,
                   const struct endpointer_segment *sound, struct depth_question *question,
                   struct worker_piece *piece)
{
    piece->depth = choose(engine, question, &piece->limit);
    piece->search = question->kind != DEPTH_PARTIAL;
    piece->cost_ms = piece->depth.predicted_ms - question->elapsed_ms;
    worker_submit(worker, sound, piece);
}

void engine_tick(struct engine *engine)
{
    const double now_ms = clock_now_ms();

    if (admission_is_due(&engine->admission, now_ms))
        queue_hold(&engine->queue,
                   admission_tick(&engine->admission, now_ms, queue_take_wait_ms(&engine->queue)));
}

void engine_report(struct engine *engine, struct admission_report *ret_report)
{
    engine_tick(engine);
    admission_report(&engine->admission, ret_report);
}

void engine_stats(struct engine *engine, struct engine_stats *ret_stats)
{
    pthread_mutex_lock(&engine->lock);
    *ret_stats = engine->stats;
    ret_stats->live_streams = engine->live_count;
    pthread_mutex_unlock(&engine->lock);
    struct admission_report report;
    engine_report(engine, &report);
    ret_stats->batch_jobs = report.uploads;
    ret_stats->queued_segments = (uint32_t)queue_count(&engine->queue);
}
