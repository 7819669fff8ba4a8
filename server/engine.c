#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch.h"
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
                                      options->lm, options->max_span_ms);
        if (error) {
            close_workers(engine);
            return error;
        }
    }
    return FOLD_OK;
}

int engine_open(struct engine **ret_engine, const struct engine_options *options)
{
    struct engine *engine;

    if (!options->model || options->max_span_ms < ENDPOINT_MIN_SPAN_MS)
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
    if (queue_init(&engine->queue) < 0)
        goto no_queue;
    const int error = open_workers(engine);
    if (error) {
        engine_unref(engine);
        return error;
    }
    *ret_engine = engine;
    return FOLD_OK;

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

struct update_depth engine_depth(const struct engine *engine, uint32_t asked)
{
    const uint32_t deepest = engine->info->unfolds;

    return (struct update_depth){.used = asked && asked < deepest ? asked : deepest,
                                 .asked = asked,
                                 .reason = asked ? "asked" : "default"};
}

void engine_count(struct engine *engine, const struct worker_cost *cost, uint32_t depth, bool final)
{
    struct engine_stats *stats = &engine->stats;
    const uint32_t index = depth < ENGINE_DEPTHS ? depth : ENGINE_DEPTHS - 1;

    pthread_mutex_lock(&engine->lock);
    (final ? stats->spans_by_depth : stats->partials_by_depth)[index]++;
    stats->stem_seconds += cost->stem_seconds;
    stats->unfold_seconds += cost->unfold_seconds;
    stats->decode_seconds += cost->decode_seconds;
    stats->compute_seconds += cost->stem_seconds + cost->unfold_seconds + cost->decode_seconds;
    if (final)
        stats->audio_seconds += cost->audio_seconds;
    pthread_mutex_unlock(&engine->lock);
}

void engine_stats(struct engine *engine, struct engine_stats *ret_stats)
{
    pthread_mutex_lock(&engine->lock);
    *ret_stats = engine->stats;
    ret_stats->live_streams = engine->live_count;
    ret_stats->batch_jobs = engine->batch_count;
    pthread_mutex_unlock(&engine->lock);
    ret_stats->queued_spans = (uint32_t)queue_count(&engine->queue);
}
