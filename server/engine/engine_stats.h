/* engine_stats.h - what an engine has done and is doing, for /metrics. */
#ifndef ENGINE_STATS_H
#define ENGINE_STATS_H

#include <stdint.h>

#include "cost.h"
#include "fold.h"

#define ENGINE_DEPTHS (COST_DEPTHS + 1)
#define ENGINE_DOUBTS (FOLD_DOUBT_SOUND + 1)
struct engine_stats {
    uint32_t live_streams, batch_jobs, queued_segments;
    uint64_t segments_by_depth[ENGINE_DEPTHS]; /* final segments, index = depth */
    uint64_t segments_lowered;                 /* of these, by load or budget */
    uint64_t partials_by_depth[ENGINE_DEPTHS];
    uint64_t partials_incremental;       /* of these, heard by a stream of the seed */
    uint64_t incremental_partials_bytes; /* that live streams hold for that */
    /* Work that was queued or running when its client had gone; how long it then went on. */
    uint64_t cancels;
    double cancel_seconds, cancel_worst_seconds;
    double audio_seconds, compute_seconds;
    double stem_seconds, unfold_seconds, decode_seconds, write_seconds;
    uint64_t written_segments; /* partials too: asked of the attention decoder */
    uint64_t
        doubted_segments[ENGINE_DOUBTS]; /* of these, left to the first pass; index: fold_doubt */
};

#endif
