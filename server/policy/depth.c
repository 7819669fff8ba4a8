/* Depth is spent where it is worth most and taken back before anybody is turned away.
 *
 * Three things decide, in this order.
 *
 * The tier: a final goes as deep as was asked for, or to the tier's ceiling where nothing was, and
 * never outside floor..ceiling. A partial goes as deep as the tier's partial depth: it is replaced
 * within a second, so a shallow answer now is worth more than a deep one later.
 *
 * Load: one number, the level, says how far down a ladder the whole server has gone. On its rungs,
 * from the top:
 *
 *      0  everybody gets what was asked for
 *      1  uploads are held back, which nobody watches (scheduler.h)
 *     then for each priority, the lowest first:
 *          partials by a stream of the seed (incremental_partials.h), where that costs less
 *          partials at depth 1 and half as often
 *          partials a quarter as often
 *          finals at R - 1, R - 2, ... 1, but never below the tier's floor
 *
 * (At a quarter of the partials a stream does not cost less: running a window now and then is
 * cheaper than hearing everything.) Below the last rung there is only refusing newcomers, which is
 * not this file's business. A priority loses everything above its floor before the next higher one
 * loses anything; within one priority partials go before finals, because a late partial is a
 * nuisance and a shallow final is an error that stays. The first thing that partials lose is the
 * sound behind each chunk, in which a stream hears: that costs words (one in six of a last partial
 * is not what its final says, where windows have one in thirty), but none of their frequency. Then
 * they lose that as well: partials cost more than their finals. The caps are counted from R and not
 * from what was asked for, so whoever asked for little is hit last.
 *
 * The budget: the deepest of what is left that still fits in the time that is left, and the floor
 * if none does. Late is better than wrong below what the tier promises. The budget is judged when
 * computing begins, so waiting has been paid for and only computing is predicted.
 *
 * Uploads have a ladder of their own. They are not lowered for live streams, only held back; but
 * when more than half of the places for uploads are taken, their cap falls as the rest fill, and at
 * nine tenths they run at the floor: shallow text before a closed door.
 *
 * The reason in an answer is what bound last: "asked" and "tier" when nothing was taken away,
 * "load" or "budget" when one of them lowered it.
 */
#include "depth.h"

#include <math.h>

#define PARTIAL_STEPS 3
#define FILL_BEGINS   0.5
#define FILL_ENDS     0.9

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t greatest(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Rungs of one priority. */
static uint32_t steps_each(uint32_t unfolds)
{
    return PARTIAL_STEPS + unfolds - 1;
}

uint32_t depth_top_level(uint32_t unfolds)
{
    return 1 + TIER_PRIORITIES * steps_each(unfolds);
}

/* Rungs that a priority has gone down at this level. */
static uint32_t steps_down(uint32_t level, uint32_t unfolds, uint32_t priority)
{
    const uint32_t each = steps_each(unfolds), above = 1 + priority * each;

    return level <= above ? 0 : least(level - above, each);
}

bool depth_partials_are_incremental(uint32_t level, uint32_t unfolds, uint32_t priority)
{
    return steps_down(level, unfolds, priority) > 0;
}

uint32_t depth_partial_stretch(uint32_t level, uint32_t unfolds, uint32_t priority)
{
    const uint32_t down = least(steps_down(level, unfolds, priority), PARTIAL_STEPS);

    return down > 1 ? 1u << (down - 1) : 1;
}

uint32_t depth_final_cap(uint32_t level, uint32_t unfolds, uint32_t priority)
{
    const uint32_t down = steps_down(level, unfolds, priority);

    return down <= PARTIAL_STEPS ? unfolds : unfolds - (down - PARTIAL_STEPS);
}

/* How deep uploads may go between floor and want as their places fill. */
static uint32_t upload_cap(double fill, uint32_t floor, uint32_t want)
{
    if (!(fill > FILL_BEGINS) || want <= floor)
        return want;
    const double lost = fmin((fill - FILL_BEGINS) / (FILL_ENDS - FILL_BEGINS), 1);
    return want - (uint32_t)ceil(lost * (want - floor) - 1e-9);
}

/* What computing takes at a depth, by the clock. */
static double cost_of(const struct depth_question *q, uint32_t depth)
{
    const double cpu_ms = q->new_ms > 0
                              ? cost_incremental_ms(q->cost, depth, q->audio_ms, q->new_ms)
                          : q->drafted ? cost_drafted_ms(q->cost, depth, q->audio_ms)
                                       : cost_ms(q->cost, depth, q->audio_ms);

    return cost_slowdown(q->cost) * cpu_ms;
}

struct result_depth depth_choose(const struct depth_question *q)
{
    const struct tier *tier = q->tier;
    struct result_depth depth = {
        .asked = q->asked, .reason = RESULT_BY_TIER, .budget_ms = q->budget_ms};
    uint32_t floor = tier->depth_floor, cap;

    if (q->kind == DEPTH_PARTIAL) {
        depth.used = least(tier->partial_depth, q->asked ? q->asked : tier->depth_ceiling);
        floor = 1;
        cap = depth_partial_stretch(q->level, q->unfolds, tier->priority) > 1 ? 1 : depth.used;
    } else {
        depth.used = q->asked ? q->asked : tier->depth_ceiling;
        depth.used = least(greatest(depth.used, floor), tier->depth_ceiling);
        if (depth.used == q->asked)
            depth.reason = RESULT_BY_REQUEST;
        cap = q->kind == DEPTH_UPLOAD ? upload_cap(q->upload_fill, floor, depth.used)
                                      : depth_final_cap(q->level, q->unfolds, tier->priority);
    }
    cap = greatest(cap, floor);
    if (cap < depth.used) {
        depth.used = cap;
        depth.reason = RESULT_BY_LOAD;
    }
    if (q->budget_ms > 0)
        while (depth.used > floor && q->elapsed_ms + cost_of(q, depth.used) > q->budget_ms) {
            depth.used--;
            depth.reason = RESULT_BY_BUDGET;
        }
    depth.predicted_ms = q->elapsed_ms + cost_of(q, depth.used);
    return depth;
}
