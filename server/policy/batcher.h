/* batcher.h - which pieces of work go through the blocks together. Plain data: no clock, no lock.
 */
#ifndef BATCHER_H
#define BATCHER_H

#include <stdbool.h>
#include <stddef.h>

#define BATCHER_PIECES     4      /* most of a batch */
#define BATCHER_PIECE_MS   5000   /* a longer segment goes alone */
#define BATCHER_ALL_FRAMES 100000 /* of a piece that goes alone: no batch has room beside it */

/* A batch that is being filled. Zero: empty. */
struct batcher {
    size_t count, frames;
    double cost_ms; /* of computing all, one after the other */
    double due_ms;  /* of the most urgent */
};

/* Is it worth looking for another piece? */
bool batcher_wants(const struct batcher *batcher, double now_ms);
/* May this one join? An empty batch takes anything. */
bool batcher_admits(const struct batcher *batcher, size_t frames, double cost_ms, double due_ms,
                    double now_ms);
void batcher_add(struct batcher *batcher, size_t frames, double cost_ms, double due_ms);

#endif
