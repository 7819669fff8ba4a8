/* depth.h - how deep a piece of work goes, and why: a pure function. */
#ifndef DEPTH_H
#define DEPTH_H

#include <stdbool.h>
#include <stdint.h>

#include "cost.h"
#include "result.h"
#include "tier.h"

enum depth_kind {
    DEPTH_PARTIAL, /* of a live stream: may change */
    DEPTH_FINAL,   /* of a live stream: stays */
    DEPTH_UPLOAD,  /* a segment of a recording */
};

struct depth_question {
    enum depth_kind kind;
    uint32_t unfolds;        /* R */
    const struct tier *tier; /* its depths are within 1..R */
    uint32_t asked;          /* by the client; 0: it did not ask */
    uint32_t level;          /* what load takes away: load_shedder.h */
    double upload_fill;      /* share of the places for uploads that are taken, 0..1 */
    const struct cost *cost;
    double audio_ms;   /* of the piece, */
    bool drafted;      /* of which something was written before, */
    double new_ms;     /* and so much is new to a stream that hears it; 0: a run does */
    double elapsed_ms; /* since its audio was received */
    double budget_ms;  /* from there to the text; 0: none */
};

/* predicted_ms of the answer: elapsed_ms and what computing will take. */
struct result_depth depth_choose(const struct depth_question *question);

/* ---- the ladder that load climbs ---------------------------------------------------------- */

#define DEPTH_LEVELS (2 + TIER_PRIORITIES * (COST_DEPTHS + 2)) /* most there can be */

/* Levels are 0..depth_top_level(R). At the top everybody has what the tier guarantees. */
uint32_t depth_top_level(uint32_t unfolds);
/* Partials are heard by a stream, where the seed can and it costs less. */
bool depth_partials_are_incremental(uint32_t level, uint32_t unfolds, uint32_t priority);
/* Partials come this many times less often: 1, 2 or 4. */
uint32_t depth_partial_stretch(uint32_t level, uint32_t unfolds, uint32_t priority);
/* Deepest final that this level leaves a priority, 1..R; a tier's floor may be deeper. */
uint32_t depth_final_cap(uint32_t level, uint32_t unfolds, uint32_t priority);

#endif
