/* tier.h - what a class of clients may have. Plain data. */
#ifndef TIER_H
#define TIER_H

#include <stdbool.h>
#include <stdint.h>

#define TIER_NAME_BYTES 32
#define TIER_PRIORITIES 4
#define TIER_BUDGET_MS  3600000 /* greatest budget that can be asked for */

struct tier {
    char name[TIER_NAME_BYTES];
    uint32_t priority; /* 0..TIER_PRIORITIES - 1: the greatest keeps its depth longest */
    bool leaves_room;  /* for live streams of the greatest priority, which some key has */
    uint32_t depth_floor, depth_ceiling; /* of finals, 1 <= floor <= ceiling <= R */
    uint32_t partial_depth;              /* 1..R */
    uint32_t streams;                    /* live at once, for each key; 0: no limit of its own */
    uint32_t requests_per_minute;        /* for each key; 0: no limit */
    uint32_t latency_ms;                 /* budget where none is asked for; 0: none */
};

/* "default": every depth, no limits. unfolds: R. */
struct tier tier_default(uint32_t unfolds);
/* Brings depths within what a seed has: floor and ceiling may meet at R. */
void tier_fit(struct tier *tier, uint32_t unfolds);

#endif
