#include "live_state.h"

#include <math.h>
#include <stdlib.h>

#include "clock.h"

#define PARTIAL_EVERY_MS 600
#define SILENT_SLICES    4   /* a minute or more of silence at once is no conversation */
#define TARGET_MS        500 /* text is due so long after audio where no budget says otherwise */

int live_state_open_incremental(struct live *live)
{
    struct engine *engine = live->engine;

    if (!live->admitted.chunk_ms)
        return 0;
    if (incremental_partials_open(&live->incremental, engine->options.model,
                                  live->admitted.tier.partial_depth) < 0)
        return -1;
    pthread_mutex_lock(&engine->lock);
    engine->stats.incremental_partials_bytes += live->incremental.bytes;
    pthread_mutex_unlock(&engine->lock);
    return 0;
}

static void close_incremental(struct live *live)
{
    struct engine *engine = live->engine;

    if (!live->incremental.stream)
        return;
    pthread_mutex_lock(&engine->lock);
    engine->stats.incremental_partials_bytes -= live->incremental.bytes;
    pthread_mutex_unlock(&engine->lock);
    incremental_partials_close(&live->incremental);
}

void live_state_free(struct live *live)
{
    backlog_finish(&live->bytes);
    audio_input_close(live->input);
    hotwords_unref(live->hotwords);
    hotwords_unref(live->other_hotwords);
    windowed_partials_reset(&live->window);
    carryover_reset(&live->carryover);
    free(live->making.prefix);
    close_incremental(live);
    free(live->slice);
    pthread_cond_destroy(&live->idle);
    pthread_mutex_destroy(&live->lock);
    core_unref(live->engine);
    free(live);
}

void live_state_unref_unlock(struct live *live)
{
    const uint32_t left = --live->refs;

    pthread_mutex_unlock(&live->lock);
    if (left == 0)
        live_state_free(live);
}

void live_state_schedule(struct live *live)
{
    if (live->scheduled || live->ended || live->closed)
        return;
    /* What has waited longest says when the turn is due. */
    const double since_ms = backlog_oldest_ms(&live->bytes, clock_now_ms());
    const bool silent = live->silent_slices >= SILENT_SLICES;
    const struct scheduler_terms terms = {
        .class = silent ? SCHEDULER_BATCH : SCHEDULER_LIVE,
        .due_ms =
            silent ? INFINITY : since_ms + (live->budget_ms > 0 ? live->budget_ms : TARGET_MS),
        .key = live->key,
        .priority = live->admitted.tier.priority};
    live->scheduled = true;
    live->refs++;
    admission_waits(&live->engine->admission, &live->admitted, true);
    queue_push(&live->engine->queue, &live->work, &terms);
}

void live_state_unlist(struct live *live)
{
    struct engine *engine = live->engine;

    pthread_mutex_lock(&engine->lock);
    if (live->listed) {
        live->listed = false;
        for (struct live **l = &engine->lives; *l; l = &(*l)->next)
            if (*l == live) {
                *l = live->next;
                break;
            }
        engine->live_count--;
        admission_leave(&engine->admission, &live->admitted, clock_now_ms());
        pthread_cond_broadcast(&engine->changed);
    }
    pthread_mutex_unlock(&engine->lock);
}

bool live_state_set_dials(struct live *live, const struct live_dials *dials)
{
    const struct tier *tier = &live->tier;
    uint32_t partial_depth = dials->partial_depth ? dials->partial_depth : tier->partial_depth;

    if (dials->partial_depth > tier->depth_ceiling)
        partial_depth = tier->depth_ceiling;
    const bool other_depth = partial_depth != live->admitted.tier.partial_depth;
    admission_change(&live->engine->admission, &live->admitted, dials->depth, partial_depth,
                     dials->partial_every_ms ? dials->partial_every_ms : PARTIAL_EVERY_MS);
    pthread_mutex_lock(&live->lock);
    live->budget_ms = dials->latency_ms ? dials->latency_ms : tier->latency_ms;
    pthread_mutex_unlock(&live->lock);
    if (!other_depth || !live->incremental.stream)
        return true;
    close_incremental(live);
    return live_state_open_incremental(live) == 0;
}

struct stream_format live_state_format(enum live_encoding encoding, uint32_t rate_hz,
                                       uint32_t channels, uint32_t channel)
{
    static const struct {
        enum stream_kind kind;
        enum raw_encoding encoding;
    } forms[] = {
        [LIVE_LINEAR16] = {STREAM_RAW, RAW_LINEAR16}, [LIVE_LINEAR32] = {STREAM_RAW, RAW_LINEAR32},
        [LIVE_FLOAT32] = {STREAM_RAW, RAW_FLOAT32},   [LIVE_MULAW] = {STREAM_RAW, RAW_MULAW},
        [LIVE_ALAW] = {STREAM_RAW, RAW_ALAW},         [LIVE_OPUS] = {STREAM_PACKETS, 0},
        [LIVE_CONTAINER] = {STREAM_CONTAINER, 0},
    };

    return (struct stream_format){.kind = forms[encoding].kind,
                                  .encoding = forms[encoding].encoding,
                                  .rate_hz = rate_hz,
                                  .channels = channels,
                                  .channel = channel};
}
