/* windowed_partials.h - how much of a growing segment a partial hears again. Plain data: no lock,
 * no clock.
 *
 * Samples are those of the stream's clock. One thread at a time. */
#ifndef WINDOWED_PARTIALS_H
#define WINDOWED_PARTIALS_H

#include "endpointer.h"
#include "result.h"

/* Zero: at the beginning of a segment, nothing kept. */
struct windowed_partials {
    int64_t start_samples;   /* where the next partial begins to hear; 0: where the segment does */
    int64_t settled_samples; /* words that begin before it are those kept */
    /* [words_count] of the partial before, as they were before case and marks; of these the first
     * are kept. */
    struct result_word *words;
    size_t words_count, kept_count;
};

/* Forgets all: the segment is over. */
void windowed_partials_reset(struct windowed_partials *window);

/* The segment goes on behind words that are final, those before final_samples; the first partial
 * hears it from start_samples on. */
void windowed_partials_begin(struct windowed_partials *window, int64_t start_samples,
                             int64_t final_samples);

/* Leaves out of a segment so far what the window has left behind. */
void windowed_partials_cut(const struct windowed_partials *window,
                           struct endpointer_segment *sound);

/* Makes a partial of the window one of the segment that began at start_samples: kept words first.
 * The words of *segment, which are the caller's, are replaced. 0, or -1 without memory. */
int windowed_partials_join(const struct windowed_partials *window, struct result_segment *segment,
                           int64_t start_samples);

/* After such a partial, before case and marks: remembers its words, and settles old ones where the
 * window has become too long. Without memory it stays as it is. */
void windowed_partials_move(struct windowed_partials *window, const struct result_segment *segment);

#endif
