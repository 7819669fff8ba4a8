#include "core.h"

#include <math.h>
#include <stdlib.h>

#include "clock.h"
#include "decode_pool.h"

void core_unref(struct engine *engine)
{
    if (atomic_fetch_sub(&engine->refs, 1) != 1)
        return;
    decode_pool_close(engine->decoders);
    admission_finish(&engine->admission);
    queue_finish(&engine->queue);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

bool core_can_be_incremental(const struct engine *engine)
{
    return engine->info->chunk_frames && engine->options.partials != ENGINE_PARTIALS_WINDOWS;
}

struct tier core_tier(const struct engine *engine, const struct request_policy *policy)
{
    const uint32_t unfolds = engine->info->unfolds;
    struct tier tier = policy->tier ? *policy->tier : tier_default(unfolds);

    tier_fit(&tier, unfolds);
    return tier;
}

struct transcript_style core_style(const struct engine *engine, bool plain)
{
    return (struct transcript_style){.plain = plain || engine->options.plain,
                                     .punctuation = engine->options.punctuation};
}

void core_learn(struct engine *engine, const struct piece_cost *cost,
                const struct result_depth *depth, bool final)
{
    const double cpu_ms = piece_cost_ms(cost);
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
        .hear_ms = cost->hear_seconds * 1e3,
        .slowdown = cpu_ms > 0 ? cost->wall_seconds * 1e3 / cpu_ms : 0};
    struct engine_stats *stats = &engine->stats;

    pthread_mutex_lock(&engine->lock);
    (final ? stats->segments_by_depth : stats->partials_by_depth)[depth->used]++;
    if (final && (depth->reason == RESULT_BY_LOAD || depth->reason == RESULT_BY_BUDGET))
        stats->segments_lowered++;
    stats->stem_seconds += cost->stem_seconds;
    stats->partials_incremental += cost->new_seconds > 0;
    stats->unfold_seconds += cost->unfold_seconds + cost->exit_seconds + cost->hear_seconds;
    stats->decode_seconds += cost->decode_seconds;
    stats->write_seconds += cost->write_seconds;
    stats->written_segments += cost->written;
    stats->doubted_segments[cost->doubt] += cost->doubt != FOLD_DOUBT_NONE;
    stats->compute_seconds += cpu_ms / 1e3;
    if (final)
        stats->audio_seconds += cost->audio_seconds;
    pthread_mutex_unlock(&engine->lock);
    admission_learn(&engine->admission, &spent);
}

void core_count_cancel(struct engine *engine, double since_ms)
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
                                  struct piece_limit *ret_limit)
{
    *ret_limit = (struct piece_limit){
        .floor = question->kind == DEPTH_PARTIAL ? 1 : question->tier->depth_floor,
        .due_ms = INFINITY};
    if (question->budget_ms > 0)
        ret_limit->due_ms = clock_now_ms() - question->elapsed_ms + question->budget_ms;
    return admission_choose(&engine->admission, question, &ret_limit->ahead);
}

void core_submit(struct engine *engine, struct worker *worker,
                 const struct endpointer_segment *sound, struct depth_question *question,
                 struct piece *piece)
{
    piece->depth = choose(engine, question, &piece->limit);
    piece->search = question->kind != DEPTH_PARTIAL;
    piece->cost_ms = piece->depth.predicted_ms - question->elapsed_ms;
    worker_submit(worker, sound, piece);
}

void core_tick(struct engine *engine)
{
    const double now_ms = clock_now_ms();

    if (!admission_is_due(&engine->admission, now_ms))
        return;
    const enum scheduler_hold hold =
        admission_tick(&engine->admission, now_ms, queue_take_wait_ms(&engine->queue));
    queue_hold(&engine->queue, atomic_load(&engine->finishing) ? SCHEDULER_LAST : hold);
}
