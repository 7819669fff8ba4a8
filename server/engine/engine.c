#include "engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "admission.h"
#include "batch.h"
#include "clock.h"
#include "core.h"
#include "cpus.h"
#include "decode_pool.h"
#include "live.h"
#include "rehearsal.h"

#define DECODERS 32 /* processes that decode at once; more recordings wait for one */

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
    if (!engine->workers || fold_reserve(options->workers) < 0) {
        free(engine->workers);
        return FOLD_ERR_MEMORY;
    }
    for (uint32_t i = 0; i < options->workers; i++) {
        int error = worker_open(&engine->workers[i], &engine->queue, options->model, options->lm,
                                options->max_segment_ms);
        if (!error)
            error = worker_start(&engine->workers[i], rehearsal_play);
        if (error) {
            close_workers(engine);
            return error;
        }
    }
    for (uint32_t i = 0; i < options->workers; i++) {
        const int error = worker_wait(&engine->workers[i]);
        if (error) {
            close_workers(engine);
            return error;
        }
    }
    return FOLD_OK;
}

static uint32_t chunk_ms(const struct engine *engine)
{
    const struct fold_info *info = engine->info;

    return core_can_be_incremental(engine)
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
    const struct cpus cpus = cpus_read("");
    if (engine->options.workers == 0)
        engine->options.workers = cpus_threads(&cpus);
    atomic_init(&engine->refs, 1);
    if (pthread_mutex_init(&engine->lock, NULL))
        goto no_lock;
    if (pthread_cond_init(&engine->changed, NULL))
        goto no_cond;
    if (queue_init(&engine->queue, engine->options.workers) < 0)
        goto no_queue;
    const struct admission_options admission = {.unfolds = engine->info->unfolds,
                                                .workers = engine->options.workers,
                                                .cpus = cpus_worth(&cpus),
                                                .max_live = options->max_live,
                                                .max_uploads = options->max_batch,
                                                .chunk_ms = chunk_ms(engine),
                                                .adaptive = options->adaptive,
                                                .cost = options->cost};
    if (admission_init(&engine->admission, &admission, clock_now_ms()) < 0)
        goto no_admission;
    const struct decode_pool_options decoders = {options->decode_helper, DECODERS,
                                                 options->decode_stall_ms};
    int error = FOLD_OK;
    if (options->decode_helper && decode_pool_open(&engine->decoders, &decoders) < 0)
        error = FOLD_ERR_MEMORY;
    engine->options.decode_helper = NULL; /* copied there */
    if (!error)
        error = open_workers(engine);
    if (error) {
        core_unref(engine);
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

void engine_finish(struct engine *engine)
{
    atomic_store(&engine->finishing, true);
    queue_hold(&engine->queue, SCHEDULER_LAST);
}

double engine_ahead_ms(struct engine *engine, bool after_cut)
{
    return live_ahead_ms(engine, after_cut);
}

void engine_cut(struct engine *engine)
{
    live_cut_all(engine);
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
    core_unref(engine);
}

void engine_report(struct engine *engine, struct admission_report *ret_report)
{
    core_tick(engine);
    admission_report(&engine->admission, ret_report);
}

void engine_hotwords(const struct hotword_list *list, struct fold_hotword *hotwords)
{
    for (size_t i = 0; i < list->count; i++)
        hotwords[i] = (struct fold_hotword){list->texts[i], list->boosts[i]};
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
