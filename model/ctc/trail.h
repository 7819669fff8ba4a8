/* trail.h - the letters of all live hypotheses, as a tree that grows at its leaves.
 *
 * A hypothesis is one node; walking up gives its letters backwards, with the frame and the
 * log-probability at which each was heard. Nodes are never freed one by one: when the tree is
 * full, what no live hypothesis reaches is dropped and the rest moved together, so memory
 * follows the length of the text, not the length of the audio. */
#ifndef TRAIL_H
#define TRAIL_H

#include "fold.h"

#define TRAIL_NONE UINT32_MAX

struct trail_node {
    uint32_t parent; /* TRAIL_NONE at the first letter; always a smaller index */
    uint32_t frame;
    float logp;
    uint16_t letter; /* vocabulary id */
    uint16_t mark;   /* used while dropping */
};

struct trail {
    struct trail_node *nodes;
    uint32_t count, room;
};

int trail_init(struct trail *trail);
void trail_finish(struct trail *trail);
static inline void trail_reset(struct trail *trail)
{
    trail->count = 0;
}

/* True when fewer than count nodes can be added. */
static inline bool trail_is_full(const struct trail *trail, uint32_t count)
{
    return trail->room - trail->count < count;
}

/* The new node; there must be room. */
uint32_t trail_add(struct trail *trail, uint32_t parent, uint32_t frame, uint16_t letter,
                   float logp);

/* Keeps what leaves [count] reach, updates leaves, and makes room for at least count new nodes. */
int trail_collect(struct trail *trail, uint32_t *const *leaves, size_t leaves_count,
                  uint32_t count);

#endif
