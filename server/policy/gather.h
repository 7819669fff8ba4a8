/* gather.h - which pieces of work go through the blocks together. Plain data: no clock, no lock. */
#ifndef GATHER_H
#define GATHER_H

#include <stdbool.h>
#include <stddef.h>

#define GATHER_PIECES   4    /* most of a batch */
#define GATHER_PIECE_MS 5000 /* a longer segment goes alone */

/* A batch that is being gathered. Zero: empty. */
struct gather {
    size_t count, frames;
    double cost_ms; /* of computing all, one after the other */
    double due_ms;  /* of the most urgent */
};

/* Is it worth looking for another piece? */
bool gather_wants(const struct gather *gather, double now_ms);
/* May this one join? An empty batch takes anything. */
bool gather_admits(const struct gather *gather, size_t frames, double cost_ms, double due_ms,
                   double now_ms);
void gather_add(struct gather *gather, size_t frames, double cost_ms, double due_ms);

#endif
