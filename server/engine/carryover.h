/* carryover.h - what a cut in running speech carries over: which words of a segment are final, and
 * what the next segment hears and knows of them. Plain data: no lock, no clock.
 *
 *     carryover_settle(&carryover, sound, limits, segment, &cut)    leaves the final words
 *     endpointer_pop(endpointer, cut.kept_samples, cut.final_samples)
 *     ...
 *     the next segment: its sound begins at kept_samples, and carryover.words are those
 *     said in it up to final_samples; the attention decoder goes on behind them
 *
 * A function of the sound and of the words alone. One thread at a time. */
#ifndef CARRYOVER_H
#define CARRYOVER_H

#include "endpointer.h"
#include "result.h"

/* Zero: nothing is carried over. */
struct carryover {
    struct result_word *words; /* [count] final, of the sound that is kept, as they were written */
    size_t count;
};

struct carryover_cut {
    int64_t kept_samples;  /* from here on the sound is heard again */
    int64_t final_samples; /* words before it are final */
};

/* Forgets all: what follows is another sound. */
void carryover_reset(struct carryover *carryover);

/* Which words of *segment, those of `sound` behind the carried ones, as yet without style, are
 * final: all behind a pause and before a flush, but at an endpoint not those that touch the end of
 * the sound, and in the middle of speech those before the best gap that lies some seconds back. The
 * others are cut off, from its others too, and the segment ends where they begin. most_samples: of
 * the longest segment. 0, or -1 without memory; *segment is then as it was. */
int carryover_settle(struct carryover *carryover, const struct endpointer_segment *sound,
                     int64_t most_samples, struct result_segment *segment,
                     struct carryover_cut *ret_cut);

/* Where a partial of what follows begins to hear: a second or two before the final
 * words end. */
int64_t carryover_partial_start(const struct carryover *carryover, const struct carryover_cut *cut);

/* The text of words that begin from start_samples on, to be given to a decoder: without the marks
 * behind the last, which may go on. To be freed; NULL without memory. "" where there are none. */
char *carryover_text(const struct result_word *words, size_t count, int64_t start_samples);

#endif
