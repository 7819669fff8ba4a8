/* load_shedder.h - which rung of depth.h's ladder the server stands on. Plain data, time is passed
 * in. */
#ifndef LOAD_SHEDDER_H
#define LOAD_SHEDDER_H

#include <stdbool.h>
#include <stdint.h>

#include "depth.h"

#define LOAD_SHEDDER_TICK_MS 250
/* Of the trusted share, with everybody at the floor: no more live streams come in; none of those
 * who leave room for others. */
#define LOAD_SHEDDER_FULL          0.9
#define LOAD_SHEDDER_FULL_FOR_SOME 0.7

struct load_shedder {
    uint32_t top;      /* depth_top_level(R) */
    uint32_t level;    /* 0..top */
    uint64_t changes;  /* of level, so far */
    double trust;      /* share of the CPUs that the demand may fill: learned from waiting */
    double wait_ms;    /* of live work for a worker, over the last seconds */
    double dwell_ms;   /* calm that a step up the ladder needs */
    double changed_ms; /* last change of level */
    double raised_ms;  /* last time that depth was given back */
};

void load_shedder_init(struct load_shedder *shedder, uint32_t unfolds, double now_ms);

/* Every LOAD_SHEDDER_TICK_MS or so. demand [top + 1]: share of all CPUs that the live streams
 * would take at each level, not increasing. wait_ms: mean wait of live work for a worker since the
 * last tick. */
void load_shedder_tick(struct load_shedder *shedder, double now_ms, const double *demand,
                       double wait_ms);

/* Whether live streams that take this share of all CPUs, everybody at the floor, can be
 * served; who leaves room for others may not have the last of it. */
bool load_shedder_admits(const struct load_shedder *shedder, double floor_demand, bool leaves_room);

#endif
