/* window.h - how much of a growing span a partial hears again. Plain data: no lock, no clock.
 *
 * Samples are those of the stream's clock. One thread at a time. */
#ifndef WINDOW_H
#define WINDOW_H

#include "endpointer.h"
#include "update.h"

/* Zero: at the beginning of a span, nothing kept. */
struct window {
    int64_t start_samples;   /* where the next partial begins to hear; 0: where the span does */
    int64_t settled_samples; /* words that begin before it are those kept */
    /* [words_count] of the partial before, as they were before case and marks; of these the first
     * are kept. */
    struct update_word *words;
    size_t words_count, kept_count;
};

/* Forgets all: the span is over. */
void window_reset(struct window *window);

/* Leaves out of a span so far what the window has left behind. */
void window_cut(const struct window *window, struct endpointer_span *sound);

/* Makes a partial of the window one of the span that began at start_samples: kept words first. The
 * words of *span, which are the caller's, are replaced. 0, or -1 without memory. */
int window_join(const struct window *window, struct update_span *span, int64_t start_samples);

/* After such a partial, before case and marks: remembers its words, and settles old ones where the
 * window has become too long. Without memory it stays as it is. */
void window_move(struct window *window, const struct update_span *span);

/* What a partial hears on average, in ms, over a span of this length. */
double window_mean_ms(double span_ms);

#endif
