/* partial_window.h - how long the window is that a partial hears again: the lengths, and what they
 * come to. Plain data. windowed_partials.c says why these. */
#ifndef PARTIAL_WINDOW_H
#define PARTIAL_WINDOW_H

#define PARTIAL_WINDOW_MOST_MS    4000 /* longer, and it moves on, */
#define PARTIAL_WINDOW_LEAST_MS   1500 /* so that so much is left at least, */
#define PARTIAL_WINDOW_CONTEXT_MS 500  /* and so much before that, whose words are kept */

/* What a partial hears on average, in ms, over a segment of this length. */
double partial_window_mean_ms(double segment_ms);

#endif
