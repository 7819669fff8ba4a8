#include "unfold_stage.h"

#include <stddef.h>

#include "clock.h"

/* A piece that is alone is stopped in the middle of a pass. Several are short, and one must not
 * stop the others, so of them one leaves before the next pass. That is soon: for four of a second
 * each the stem takes 5 ms and an unfold 3 (tests/bench/bench_batch.c, one core). Of 990 streams
 * that left a group of them, on one or two busy cores, the slowest was computed for 59 ms more
 * (tests/load/leave.py). */
static void watch_cancelled(const struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        fold_run_set_abort(group->runs[i], group->count == 1 ? piece_is_cancelled : NULL,
                           group->pieces[i]->cancelled);
}

static void join(struct group *group, struct piece *piece)
{
    group->runs[group->count] = piece->slot->run;
    group->pieces[group->count++] = piece;
}

/* Whether a piece leaves before the next pass, which all that are left take together. */
static bool is_through(struct piece *piece, double pass_ms)
{
    const uint32_t depth = fold_run_depth(piece->slot->run);

    piece->end = PIECE_DONE;
    if (depth == piece->depth.used)
        return true;
    if (atomic_load(piece->cancelled)) {
        piece->end = PIECE_CANCELLED;
        return true;
    }
    if (depth < piece->limit.floor || depth < 1 ||
        clock_now_ms() + pass_ms + piece->limit.ahead.tail_ms[depth + 1] <= piece->limit.due_ms)
        return false;
    piece->depth.used = depth;
    piece->depth.reason = RESULT_BY_BUDGET;
    return true;
}

/* What of a pass is a piece's: by length. */
static double share_of(const struct group *group, size_t i)
{
    double all_s = 0;

    for (size_t k = 0; k < group->count; k++)
        all_s += slot_seconds(group->pieces[k]->slot);
    return all_s > 0 ? slot_seconds(group->pieces[i]->slot) / all_s : 0;
}

/* Adds to each piece its share of what all of them took together. */
static void share_out(struct group *group, struct clock_spent spent, size_t seconds_offset)
{
    for (size_t i = 0; i < group->count; i++) {
        struct piece_cost *cost = &group->pieces[i]->cost;
        piece_cost_add(cost, (double *)((char *)cost + seconds_offset), spent, share_of(group, i));
    }
}

/* Those that are as deep as they go leave, or all, when something failed; the rest stays. */
static size_t let_go(struct group *group, int error, struct piece **ret_through)
{
    const size_t count = group->count;
    size_t through = 0;
    double pass_ms = 0;

    for (size_t i = 0; i < count; i++)
        if (fold_run_depth(group->runs[i]) < group->pieces[i]->depth.used)
            pass_ms += group->pieces[i]->limit.ahead.unfold_ms[fold_run_depth(group->runs[i]) + 1];
    group->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct piece *piece = group->pieces[i];
        if (error)
            piece->end = piece_end_of(error);
        if (error || is_through(piece, pass_ms))
            ret_through[through++] = piece;
        else
            join(group, piece);
    }
    return through;
}

/* All go through the stem at once. */
static size_t begin_runs(struct unfold_stage *stage, struct piece **ret_through)
{
    struct group *group = &stage->running;
    const float *pcm[BATCHER_PIECES];
    size_t samples[BATCHER_PIECES];
    struct clock_lap lap = clock_lap_begin();

    stage->begun = true;
    for (size_t i = 0; i < group->count; i++) {
        const struct slot *slot = group->pieces[i]->slot;
        pcm[i] = slot->pcm;
        samples[i] = slot->loaded_samples;
    }
    watch_cancelled(group);
    const int error = fold_batch_begin(group->runs, pcm, samples, group->count);
    share_out(group, clock_lap_next(&lap), offsetof(struct piece_cost, stem_seconds));
    return let_go(group, error, ret_through);
}

static size_t unfold_runs(struct unfold_stage *stage, struct piece **ret_through)
{
    struct group *group = &stage->running;
    struct clock_lap lap = clock_lap_begin();

    watch_cancelled(group);
    const int error = fold_batch_unfold(group->runs, group->count);
    share_out(group, clock_lap_next(&lap), offsetof(struct piece_cost, unfold_seconds));
    return let_go(group, error, ret_through);
}

/* Takes what a piece's stream has heard to be read; else the stream is good for nothing more. */
static int read_heard(struct piece *piece, int error)
{
    if (!error)
        error = incremental_partials_read(piece->incremental, piece->slot->run,
                                          &piece->slot->first_samples);
    if (error)
        incremental_partials_forget(piece->incremental);
    return error;
}

/* Streams hear what is new to them, all at once, each at its depth; and all leave. */
static size_t hear(struct unfold_stage *stage, struct piece **ret_through)
{
    struct group *group = &stage->incremental;
    struct fold_stream *streams[BATCHER_PIECES];
    const float *pcm[BATCHER_PIECES];
    size_t samples[BATCHER_PIECES];
    uint32_t depths[BATCHER_PIECES];
    struct clock_lap lap = clock_lap_begin();
    double all_samples = 0;
    const size_t count = group->count;

    for (size_t i = 0; i < count; i++) {
        const struct piece *piece = group->pieces[i];
        streams[i] = piece->incremental->stream;
        pcm[i] = piece->slot->pcm;
        samples[i] = piece->slot->loaded_samples;
        depths[i] = piece->depth.used;
        all_samples += (double)samples[i];
    }
    watch_cancelled(group);
    const int error = fold_batch_hear(streams, group->runs, pcm, samples, depths, count);
    const struct clock_spent spent = clock_lap_next(&lap);
    for (size_t i = 0; i < count; i++) {
        struct piece *piece = group->pieces[i];
        piece->cost.new_seconds += (double)piece->incremental->unheard_samples / RESULT_RATE_HZ;
        piece_cost_add(&piece->cost, &piece->cost.hear_seconds, spent,
                       (double)samples[i] / all_samples);
        piece->end = piece_end_of(read_heard(piece, error));
        ret_through[i] = piece;
    }
    group->count = 0;
    return count;
}

void unfold_stage_begin(struct unfold_stage *stage, struct piece *pieces, size_t count)
{
    *stage = (struct unfold_stage){.begun = false};
    for (size_t i = 0; i < count; i++) {
        pieces[i].cost.audio_seconds += slot_seconds(pieces[i].slot);
        join(pieces[i].incremental ? &stage->incremental : &stage->running, &pieces[i]);
    }
}

bool unfold_stage_is_busy(const struct unfold_stage *stage)
{
    return stage->incremental.count || stage->running.count;
}

/* Streams whose client has gone need not hear. */
static size_t drop_cancelled(struct group *group, struct piece **ret_through)
{
    const size_t count = group->count;
    size_t through = 0;

    group->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct piece *piece = group->pieces[i];
        if (atomic_load(piece->cancelled)) {
            piece->end = PIECE_CANCELLED;
            ret_through[through++] = piece;
        } else {
            join(group, piece);
        }
    }
    return through;
}

size_t unfold_stage_pass(struct unfold_stage *stage, struct piece **ret_through)
{
    /* Those that a stream hears first, since they are brief. */
    if (stage->incremental.count) {
        const size_t dropped = drop_cancelled(&stage->incremental, ret_through);
        return dropped ? dropped : hear(stage, ret_through);
    }
    return stage->begun ? unfold_runs(stage, ret_through) : begin_runs(stage, ret_through);
}
