/* window.h - how much of a growing segment a partial hears again. Plain data: no lock, no clock.
 *
 * Samples are those of the stream's clock. One thread at a time. */
#ifndef WINDOW_H
#define WINDOW_H

#include "endpointer.h"
#include "result.h"

/* Zero: at the beginning of a segment, nothing kept. */
struct window {
    int64_t start_samples;   /* where the next partial begins to hear; 0: where the segment does */
    int64_t settled_samples; /* words that begin before it are those kept */
    /* [words_count] of the partial before, as they were before case and marks; of these the first
     * are kept. */
    struct result_word *words;
    size_t words_count, kept_count;
};

/* Forgets all: the segment is over. */
void window_reset(struct window *window);

/* Leaves out of a segment so far what the window has left behind. */
void window_cut(const struct window *window, struct endpointer_segment *sound);

/* Makes a partial of the window one of the segment that began at start_samples: kept words first.
 * The words of *segment, which are the caller's, are replaced. 0, or -1 without memory. */
int window_join(const struct window *window, struct result_segment *segment, int64_t start_samples);

/* After such a partial, before case and marks: remembers its words, and settles old ones where the
 * window has become too long. Without memory it stays as it is. */
void window_move(struct window *window, const struct result_segment *segment);

/* What a partial hears on average, in ms, over a segment of this length. */
double window_mean_ms(double segment_ms);

#endif
