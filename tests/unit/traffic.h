/* traffic.h - a day at the server in a second: the real admission and scheduler, a clock of its
 * own, no audio. Clients come by a trace, speak in sentences, and are served by workers whose speed
 * is what the trace says, not what the cost table believes. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cost.h"
#include "tier.h"

#define TRAFFIC_TIERS 4
#define TRAFFIC_SPEND 20000 /* finals noted, for each tier */

struct traffic_client {
    double at_ms, length_ms; /* of a stream; of an upload's audio */
    uint64_t key;
    uint32_t tier;
    bool is_upload, partials;
    bool returns; /* when refused, at the time that it was told */
};

struct traffic_trace {
    uint32_t unfolds, workers, max_live, max_uploads;
    uint32_t chunk_ms; /* in which streams may hear partials; 0: they cannot */
    bool fixed_depth;  /* no policy */
    struct tier tiers[TRAFFIC_TIERS];
    struct cost cost;                  /* true at first */
    double (*slowdown)(double now_ms); /* NULL: 1. How much slower the machine is than that. */
    double length_ms;                  /* of the simulation; clients that come later are left out */
    const struct traffic_client *clients;
    size_t clients_count;
};

struct traffic_sum {
    double latency_ms[TRAFFIC_SPEND], worst_ms; /* [finals] audio received to final */
    double partial_worst_ms;
    size_t incremental;                  /* of the partials, heard by a stream */
    size_t finals, partials, due_finals; /* due: sentences that were spoken to their end */
    size_t by_depth[COST_DEPTHS + 1];
    size_t below_floor, above_ceiling;
    size_t refused, refused_with_room; /* with_room: though depth could still fall */
    size_t returned, admitted_at_once; /* came back as told; and got in */
    size_t admitted_later, told_true;  /* after a refusal; within twice the time told first */
    double changes_a_minute;           /* of final depth: of the stream with most */
    double upload_ms;                  /* audio of recordings recognised */
    double upload_gap_ms;              /* longest that uploads waited without any progress */
    uint64_t of_key_finals[8];
    double of_key_worst_ms[8]; /* keys 0..7 */
};

struct traffic_result {
    struct traffic_sum tiers[TRAFFIC_TIERS];
    uint64_t level_changes;
    double trust;
    uint32_t top_level, highest_level;
};

/* Fails the test where the server breaks its own rules. To be freed. */
struct traffic_result *traffic_run(const struct traffic_trace *trace);

/* The p-th percentile of a tier's latencies; sorts them. 0 when there are none. */
double traffic_percentile(struct traffic_sum *sum, double p);

#endif
