/* request_policy.h - what a request may and wants to have: how deep, how soon, as whom. */
#ifndef REQUEST_POLICY_H
#define REQUEST_POLICY_H

#include <stdint.h>

#include "tier.h"

/* All zero: anybody's, as deep as there is. */
struct request_policy {
    uint32_t depth;          /* unfolds wanted, 1..R; 0: the tier's ceiling */
    const struct tier *tier; /* copied by who takes the request; NULL: tier_default */
    uint64_t key;            /* whose it is: keys share the workers evenly */
    uint32_t latency_ms;   /* budget; 0: the tier's. Live: from a segment's last audio to its text;
                            * a recording: from start to done */
    uint32_t *ret_retry_s; /* NULL or: where it is refused as too busy, when to come again */
};

#endif
