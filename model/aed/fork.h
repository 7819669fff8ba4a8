/* fork.h - a text that was written goes on another way from one of its branch points. */
#ifndef FORK_H
#define FORK_H

#include "aed_decoder_state.h"

/* Puts the first pieces [count] of a text into the hypothesis; the walk behind them. */
struct walk fork_replay(struct fold_aed *decoder, const struct alternative *text, size_t count);
/* Writes from a branch point of the first text on; gives up what falls behind a rival, the first
 * text or NULL. True when the text is one to keep. */
bool fork_take(struct fold_aed *decoder, const struct branch_point *point,
               const struct alternative *rival, struct fold_written *ret_written);
/* Puts the first text into the hypothesis again, as the draft for others too. */
void fork_rewind(struct fold_aed *decoder);

#endif
