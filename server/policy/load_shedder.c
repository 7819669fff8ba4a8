/* Down at once, up with patience.
 *
 * The demand of the live streams at every rung is known from the cost table, so the right rung need
 * not be searched for by stepping: it is the first one whose demand fits. That is feed-forward, and
 * as good as the cost table. What it misses (another program on the machine, streams that all
 * end their sentences together) shows as live work waiting for a worker. Waiting lowers the
 * trust, the share of the workers that counts as usable; its absence slowly restores it.
 *
 * Depth is taken in one step, however far. It is given back one rung at a time, only where the
 * demand would then leave a margin, and only after a dwell without a change. When depth had to be
 * taken again soon after it was given back, the dwell doubles, so a load that sits on a threshold
 * makes a change a minute and not one a second; a long calm halves it again. Rungs that change
 * nothing (a tier whose floor is its ceiling) are passed over. When nobody speaks there is no load,
 * and everything is given back at once.
 */
#include "load_shedder.h"

#include <math.h>

#define TRUST_FIRST   0.85
#define TRUST_MOST    0.9
#define TRUST_LEAST   0.3
#define WAIT_LONG_MS  200 /* live work should not wait longer for a worker, on average */
#define WAIT_SHORT_MS 80
#define HOLD_SHARE    0.6 /* live streams take more of the trusted share: uploads are held back */
#define MARGIN        0.85
#define DWELL_MS      4000
#define DWELL_MOST_MS 64000
#define SOON_MS       15000

void load_shedder_init(struct load_shedder *shedder, uint32_t unfolds, double now_ms)
{
    *shedder = (struct load_shedder){.top = depth_top_level(unfolds),
                                     .trust = TRUST_FIRST,
                                     .dwell_ms = DWELL_MS,
                                     .changed_ms = now_ms,
                                     .raised_ms = now_ms - SOON_MS};
}

/* The demand that a rung is good for. */
static double limit(const struct load_shedder *shedder, uint32_t level)
{
    return level == 0 ? HOLD_SHARE * shedder->trust : shedder->trust;
}

static void learn_trust(struct load_shedder *shedder, double wait_ms)
{
    shedder->wait_ms += 0.15 * (wait_ms - shedder->wait_ms);
    if (shedder->wait_ms > WAIT_LONG_MS)
        shedder->trust = fmax(shedder->trust * 0.985, TRUST_LEAST);
    else if (shedder->wait_ms < WAIT_SHORT_MS)
        shedder->trust = fmin(shedder->trust + 0.004, TRUST_MOST);
}

static void change(struct load_shedder *shedder, uint32_t level, double now_ms)
{
    shedder->level = level;
    shedder->changed_ms = now_ms;
    shedder->changes++;
}

/* The next rung up that gives somebody something back, or the first that does. */
static uint32_t next_up(const struct load_shedder *shedder, const double *demand, uint32_t needed)
{
    uint32_t level = shedder->level;

    do
        level--;
    while (level > needed && demand[level] <= demand[shedder->level]);
    return level;
}

void load_shedder_tick(struct load_shedder *shedder, double now_ms, const double *demand,
                       double wait_ms)
{
    uint32_t needed = 0;

    learn_trust(shedder, wait_ms);
    while (needed < shedder->top && demand[needed] > limit(shedder, needed))
        needed++;
    if (needed > shedder->level) {
        if (now_ms - shedder->raised_ms < SOON_MS)
            shedder->dwell_ms = fmin(2 * shedder->dwell_ms, DWELL_MOST_MS);
        change(shedder, needed, now_ms);
        return;
    }
    if (needed == shedder->level)
        return;
    if (demand[0] <= 0) {
        change(shedder, 0, now_ms);
        return;
    }
    if (now_ms - shedder->changed_ms < shedder->dwell_ms)
        return;
    const uint32_t up = next_up(shedder, demand, needed);
    if (demand[up] <= demand[shedder->level] || demand[up] <= MARGIN * limit(shedder, up)) {
        if (now_ms - shedder->changed_ms > 2 * shedder->dwell_ms)
            shedder->dwell_ms = fmax(shedder->dwell_ms / 2, DWELL_MS);
        change(shedder, up, now_ms);
        shedder->raised_ms = now_ms;
    }
}

bool load_shedder_admits(const struct load_shedder *shedder, double floor_demand, bool leaves_room)
{
    return floor_demand <=
           shedder->trust * (leaves_room ? LOAD_SHEDDER_FULL_FOR_SOME : LOAD_SHEDDER_FULL);
}
