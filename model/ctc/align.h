/* align.h - when each symbol of a known text was said: the best CTC path through it (Viterbi). */
#ifndef ALIGN_H
#define ALIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"

/* A symbol of which the spelling is not known (a number): takes whatever sounds best. Never two in
 * a row. */
#define ALIGN_ANY UINT32_MAX

struct align_times {
    uint32_t first, last; /* frames, both within */
};

struct align {
    size_t most_frames;
    uint8_t *back;              /* [T, states] two bits each: states back */
    float *before, *now, *says; /* [states] */
    struct align_times *times;  /* [symbols] the result */
};

/* For so many frames and as many symbols. */
void align_allocate(struct align *align, size_t most_frames, struct arena *at);

/* logp [T, V], blank 0; symbols [count] of the vocabulary, or ALIGN_ANY. False when there are not
 * frames enough. *ret_logp: of the whole path. */
bool align_run(struct align *align, const float *logp, size_t T, size_t V, const uint32_t *symbols,
               size_t count, float *ret_logp);

#endif
