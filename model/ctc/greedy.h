/* greedy.h - greedy CTC: best letter of every frame, repeats collapsed, blanks dropped. */
#ifndef GREEDY_H
#define GREEDY_H

#include "trail.h"

struct greedy {
    struct trail trail;
    uint32_t tip; /* last letter; TRAIL_NONE: none */
    uint32_t frame, vocab_size;
    uint16_t last; /* best id of the last frame */
};

int greedy_init(struct greedy *greedy, uint32_t vocab_size);
void greedy_finish(struct greedy *greedy);
void greedy_reset(struct greedy *greedy);
int greedy_push(struct greedy *greedy, const float *logp);

#endif
