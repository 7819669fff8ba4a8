/* Together is cheaper for short pieces, later for each of them.
 *
 * What a product with weights costs has a part that does not depend on its rows: the weights have
 * to come from memory, and tiles of rows want to be full. A segment of more than some two hundred
 * frames has paid that off by itself, and nothing is gained by running two of them at once
 * (tests/bench/README.md has the figures). So only short pieces are batched, partials above all,
 * and only until there are FRAMES_ENOUGH rows.
 *
 * A piece that goes with others has its words when all rows are through, so batching may not make
 * the most urgent piece late: all of them, at what they would cost alone, must be done before it
 * is due. When it is late already, everybody is, and throughput is the only cure: then a batch
 * may take LATE_MS.
 *
 * A worker never waits for a piece to come. It batches what waits at this moment, in the order in
 * which it would have taken them anyhow, so a machine with time to spare runs everything alone and
 * at once. */
#include "batcher.h"

#include <math.h>

#define FRAMES_ENOUGH 160
#define LATE_MS       60.0

static bool in_time(double cost_ms, double due_ms, double now_ms)
{
    return cost_ms <= LATE_MS || now_ms + cost_ms <= due_ms;
}

bool batcher_wants(const struct batcher *batcher, double now_ms)
{
    if (!batcher->count || batcher->count == BATCHER_PIECES || batcher->frames >= FRAMES_ENOUGH)
        return false;
    /* Another one of their kind: */
    const double more_ms = batcher->cost_ms / (double)batcher->count;
    return in_time(batcher->cost_ms + more_ms, batcher->due_ms, now_ms);
}

bool batcher_admits(const struct batcher *batcher, size_t frames, double cost_ms, double due_ms,
                    double now_ms)
{
    if (!batcher->count)
        return true;
    return batcher->count < BATCHER_PIECES && batcher->frames + frames <= 2 * FRAMES_ENOUGH &&
           in_time(batcher->cost_ms + cost_ms, fmin(batcher->due_ms, due_ms), now_ms);
}

void batcher_add(struct batcher *batcher, size_t frames, double cost_ms, double due_ms)
{
    batcher->due_ms = batcher->count ? fmin(batcher->due_ms, due_ms) : due_ms;
    batcher->count++;
    batcher->frames += frames;
    batcher->cost_ms += cost_ms;
}
