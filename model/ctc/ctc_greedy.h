/* ctc_greedy.h - greedy CTC: best letter of every frame, repeats collapsed, blanks dropped, and
 * pieces without a text. */
#ifndef CTC_GREEDY_H
#define CTC_GREEDY_H

#include "backpointers.h"

struct ctc_greedy {
    struct backpointers backpointers;
    uint32_t tip; /* last letter; BACKPOINTERS_NONE: none */
    uint32_t frame, vocab_size;
    const char *const *vocab;
    uint16_t last; /* best id of the last frame */
};

/* vocab [vocab_size] must outlive it. */
int ctc_greedy_init(struct ctc_greedy *greedy, const char *const *vocab, uint32_t vocab_size);
void ctc_greedy_finish(struct ctc_greedy *greedy);
void ctc_greedy_reset(struct ctc_greedy *greedy);
int ctc_greedy_push(struct ctc_greedy *greedy, const float *logp);

#endif
