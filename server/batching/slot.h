/* slot.h - room for one segment while it is recognised: its samples with the silence around them
 * that the model wants, a run, and what was heard of it. All memory is there from the start. One
 * thread at a time. */
#ifndef SLOT_H
#define SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpointer.h"
#include "fold.h"
#include "incremental_partials.h"

struct slot {
    bool taken; /* by a piece */
    struct fold_run *run;
    float *pcm;  /* [max_samples] */
    float *logp; /* [frames of max_samples, V] */
    /* Where the seed has an attention decoder; else NULL. */
    struct fold_aed *aed;
    uint64_t aed_hot_id; /* whose hotwords it has; 0: none */
    char *draft;         /* [draft_bytes] */
    size_t draft_bytes;
    size_t max_samples, loaded_samples;
    int64_t first_samples;              /* stream time of pcm[0] */
    int64_t start_samples, end_samples; /* of the segment */
    int64_t fresh_samples;              /* words before it are final already */
    bool cut;                           /* it ends without a pause */
};

/* Samples of a segment of that length, the silence around it included. */
size_t slot_samples(size_t segment_samples);

/* Room for runs over max_samples, as slot_samples counts. 0 or a negative fold_err; then slot_close
 * is still due. */
int slot_open(struct slot *slot, const struct fold_model *model, size_t max_samples);
void slot_close(struct slot *slot);

/* Copies a segment, cut where the slot ends. */
void slot_load(struct slot *slot, const struct endpointer_segment *segment);
/* Copies what a stream has not heard of a segment, after incremental_partials_aim. */
void slot_load_unheard(struct slot *slot, const struct endpointer_segment *segment,
                       const struct incremental_partials *incremental);

/* Seconds of sound that it holds. */
double slot_seconds(const struct slot *slot);

#endif
