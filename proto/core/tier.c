#include "tier.h"

struct tier tier_default(uint32_t unfolds)
{
    return (struct tier){.name = "default",
                         .priority = 1,
                         .depth_floor = 1,
                         .depth_ceiling = unfolds,
                         .partial_depth = 1};
}

static uint32_t within(uint32_t value, uint32_t least, uint32_t most)
{
    return value < least ? least : value > most ? most : value;
}

void tier_fit(struct tier *tier, uint32_t unfolds)
{
    tier->depth_ceiling = within(tier->depth_ceiling, 1, unfolds);
    tier->depth_floor = within(tier->depth_floor, 1, tier->depth_ceiling);
    tier->partial_depth = within(tier->partial_depth, 1, unfolds);
    tier->priority = within(tier->priority, 0, TIER_PRIORITIES - 1);
}
