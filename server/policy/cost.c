/* A table that stays true.
 *
 * Three stages cost time: the front (stem and prelude), each unfold, and the tail (exit, the search
 * for words and writing). A seed may leave blocks out of a shallow unfold, so each has a line of
 * its own; but they share their weights, and a machine that becomes slower becomes so for all of
 * them at once, also for those that nobody uses at the moment. Tails differ by depth: sharper
 * posteriors are searched faster, and a shallow depth may be written by fewer layers.
 *
 * Times are a worker's own CPU time, so that they mean the same on a busy machine and on an idle
 * one, and add up to what the machine's CPUs have. How much longer the clock saw it take is one
 * number, learned beside them.
 *
 * A segment's measured time is compared with what the table said, and the lines involved are scaled
 * by an exponentially weighted share of the ratio. The weight is by seconds of audio, so the table
 * follows a slower machine within seconds and an idle one does not forget. A single absurd
 * measurement (the process was stopped, the laptop slept) counts as four times wrong at most. Only
 * tails may be further off at first: how hard words are to find is the speaker's affair, and
 * without calibrate.c nothing is known of it.
 *
 * What costs less for what was done before is kept as a share of the same lines: so what the
 * machine does to those it does to the share, and a partial teaches nothing wrong about uploads. A
 * stream's chunk attends to more frames than a run has and fills a product less; per second of
 * sound that is the same share at every depth, within a tenth (tests/bench, bench_stream).
 */
#include "cost.h"

#include <math.h>
#include <stddef.h>

#define MEMORY_S      60.0 /* of audio; the weight of what is older has fallen to 1/e */
#define RATIO_MOST    4.0
#define TAIL_MOST     32.0 /* until a minute of speech has been heard */
#define FRESH_S       10.0
#define LEAST_MS      1e-3
#define SLOWDOWN_MOST 100.0
#define HEAR_USUAL    1.5 /* bench_stream: 1.4 to 1.6 */

static double line_ms(const struct cost_line *line, double audio_ms)
{
    return line->fixed_ms + line->ms_per_s * audio_ms / 1e3;
}

double cost_front_ms(const struct cost *cost, double audio_ms)
{
    return line_ms(&cost->front, audio_ms);
}

/* Unfolds 1..depth, one behind the other. */
static struct cost_line unfolds(const struct cost *cost, uint32_t depth)
{
    struct cost_line all = {0};

    for (uint32_t r = 1; r <= depth; r++) {
        all.fixed_ms += cost->unfold[r].fixed_ms;
        all.ms_per_s += cost->unfold[r].ms_per_s;
    }
    return all;
}

double cost_unfolds_ms(const struct cost *cost, uint32_t depth, double audio_ms)
{
    const struct cost_line all = unfolds(cost, depth);

    return line_ms(&all, audio_ms);
}

double cost_tail_ms(const struct cost *cost, uint32_t depth, double audio_ms)
{
    return line_ms(&cost->tail[depth], audio_ms);
}

double cost_ms(const struct cost *cost, uint32_t depth, double audio_ms)
{
    return cost_front_ms(cost, audio_ms) + cost_unfolds_ms(cost, depth, audio_ms) +
           cost_tail_ms(cost, depth, audio_ms);
}

static double known(double share, double usual)
{
    return share > 0 ? share : usual;
}

/* What a stream takes to hear so much. */
static double hear_ms(const struct cost *cost, uint32_t depth, double new_ms)
{
    const double ms_per_s = cost->front.ms_per_s + unfolds(cost, depth).ms_per_s;

    return known(cost->hear, HEAR_USUAL) * ms_per_s * new_ms / 1e3;
}

double cost_drafted_tail_ms(const struct cost *cost, uint32_t depth, double audio_ms)
{
    return known(cost->again, 1) * cost_tail_ms(cost, depth, audio_ms);
}

double cost_drafted_ms(const struct cost *cost, uint32_t depth, double audio_ms)
{
    return cost_front_ms(cost, audio_ms) + cost_unfolds_ms(cost, depth, audio_ms) +
           cost_drafted_tail_ms(cost, depth, audio_ms);
}

static double read_ms(const struct cost *cost, uint32_t depth, double audio_ms)
{
    return known(cost->read, 1) * cost_tail_ms(cost, depth, audio_ms);
}

double cost_incremental_ms(const struct cost *cost, uint32_t depth, double audio_ms, double new_ms)
{
    return hear_ms(cost, depth, new_ms) + read_ms(cost, depth, audio_ms);
}

double cost_slowdown(const struct cost *cost)
{
    return fmax(cost->slowdown, 1);
}

struct cost_ahead cost_ahead(const struct cost *cost, double audio_ms, bool drafted)
{
    const double slowdown = cost_slowdown(cost);
    struct cost_ahead ahead = {0};

    for (uint32_t r = 1; r <= cost->unfolds; r++) {
        ahead.unfold_ms[r] = slowdown * line_ms(&cost->unfold[r], audio_ms);
        ahead.tail_ms[r] = slowdown * (drafted ? cost_drafted_tail_ms(cost, r, audio_ms)
                                               : cost_tail_ms(cost, r, audio_ms));
    }
    return ahead;
}

static void scale(struct cost_line *line, double ratio, double weight)
{
    line->fixed_ms *= 1 + weight * (ratio - 1);
    line->ms_per_s *= 1 + weight * (ratio - 1);
}

/* What was spent against what was predicted; a line that says nothing yet is set. Returns the
 * ratio that other lines may learn from, 1 when there is none. */
static double learn(struct cost_line *line, double audio_ms, double spent_ms, double weight,
                    double most)
{
    const double predicted_ms = line_ms(line, audio_ms);

    if (predicted_ms < LEAST_MS) {
        line->ms_per_s = spent_ms / (audio_ms / 1e3);
        return 1;
    }
    const double ratio = fmin(fmax(spent_ms / predicted_ms, 1 / most), most);
    scale(line, ratio, weight);
    return ratio;
}

/* All passes up to a depth were measured together; what they say holds for every pass. */
static void learn_unfolds(struct cost *cost, const struct cost_spent *spent, double weight)
{
    const struct cost_line before = unfolds(cost, spent->depth);
    struct cost_line all = before;
    const double ratio = learn(&all, spent->audio_ms, spent->unfold_ms, weight, RATIO_MOST);
    const bool fresh = line_ms(&before, spent->audio_ms) < LEAST_MS;

    for (uint32_t r = 1; r <= cost->unfolds; r++)
        if (fresh)
            cost->unfold[r] = (struct cost_line){0, all.ms_per_s / spent->depth};
        else
            scale(&cost->unfold[r], ratio, weight);
}

/* Moves a share of what others take towards what was spent. */
static void learn_share(double *share, double usual, double predicted_ms, double spent_ms,
                        double seconds)
{
    if (!(spent_ms > 0) || predicted_ms < LEAST_MS)
        return;
    const double ratio = fmin(fmax(spent_ms / predicted_ms, 1 / RATIO_MOST), RATIO_MOST);
    *share = known(*share, usual) * (1 + (1 - exp(-seconds / MEMORY_S)) * (ratio - 1));
}

static void learn_tail(struct cost *cost, const struct cost_spent *spent)
{
    const double seconds = spent->audio_ms / 1e3;
    /* The first speech says more about searching for words than all noise did. */
    const double fresh_s = FRESH_S + cost->learned_s;
    const double eager = 1 - exp(-seconds / fmin(fresh_s, MEMORY_S));
    const double ratio = learn(&cost->tail[spent->depth], spent->audio_ms, spent->tail_ms, eager,
                               cost->learned_s < MEMORY_S ? TAIL_MOST : RATIO_MOST);

    /* Half of it may be the machine or the speaker, and holds for every depth. */
    for (uint32_t r = 1; r <= cost->unfolds; r++)
        if (cost->tail[r].fixed_ms + cost->tail[r].ms_per_s <= 0)
            cost->tail[r] = cost->tail[spent->depth];
        else if (r != spent->depth)
            scale(&cost->tail[r], ratio, eager / 2);
    cost->learned_s += seconds;
}

void cost_learn(struct cost *cost, const struct cost_spent *spent)
{
    if (!(spent->audio_ms > 0) || spent->depth < 1 || spent->depth > cost->unfolds)
        return;
    const double seconds = spent->audio_ms / 1e3, weight = 1 - exp(-seconds / MEMORY_S);

    if (spent->slowdown > 0)
        cost->slowdown =
            cost_slowdown(cost) +
            weight * (fmin(fmax(spent->slowdown, 1), SLOWDOWN_MOST) - cost_slowdown(cost));
    if (spent->front_ms > 0)
        learn(&cost->front, spent->audio_ms, spent->front_ms, weight, RATIO_MOST);
    if (spent->unfold_ms > 0)
        learn_unfolds(cost, spent, weight);
    if (spent->new_ms > 0) {
        learn_share(&cost->hear, HEAR_USUAL, hear_ms(cost, spent->depth, spent->new_ms),
                    spent->hear_ms, spent->new_ms / 1e3);
        learn_share(&cost->read, 1, read_ms(cost, spent->depth, spent->audio_ms), spent->tail_ms,
                    seconds);
    } else if (spent->drafted && cost->tail[spent->depth].ms_per_s > 0) {
        learn_share(&cost->again, 1, cost_drafted_tail_ms(cost, spent->depth, spent->audio_ms),
                    spent->tail_ms, seconds);
    } else if (spent->tail_ms > 0) {
        learn_tail(cost, spent);
    }
}

static bool is_sound(const struct cost_line *line)
{
    return isfinite(line->fixed_ms) && isfinite(line->ms_per_s) && line->fixed_ms >= 0 &&
           line->ms_per_s >= 0 && line->fixed_ms < 1e6 && line->ms_per_s < 1e6;
}

bool cost_is_sound(const struct cost *cost)
{
    if (cost->unfolds < 1 || cost->unfolds > COST_DEPTHS || !is_sound(&cost->front))
        return false;
    for (uint32_t r = 1; r <= cost->unfolds; r++)
        if (!is_sound(&cost->unfold[r]) || !is_sound(&cost->tail[r]))
            return false;
    return cost->hear >= 0 && cost->hear < 1e3 && cost->again >= 0 && cost->again < 1e3 &&
           cost->read >= 0 && cost->read < 1e3;
}
