/* backpointers.h - the letters of all live hypotheses, as a tree that grows at its leaves.
 *
 * A hypothesis is one node; walking up gives its letters backwards, with the frame and the
 * log-probability at which each was heard. Nodes are never freed one by one: when the tree is
 * full, what no live hypothesis reaches is dropped and the rest moved together, so memory
 * follows the length of the text, not the length of the audio. */
#ifndef BACKPOINTERS_H
#define BACKPOINTERS_H

#include "fold.h"

#define BACKPOINTERS_NONE UINT32_MAX

struct backpointers_node {
    uint32_t parent; /* BACKPOINTERS_NONE at the first letter; always a smaller index */
    uint32_t frame;
    float logp;
    uint16_t letter; /* vocabulary id */
    uint16_t mark;   /* used while dropping */
};

struct backpointers {
    struct backpointers_node *nodes;
    uint32_t count, room;
};

int backpointers_init(struct backpointers *backpointers);
void backpointers_finish(struct backpointers *backpointers);
static inline void backpointers_reset(struct backpointers *backpointers)
{
    backpointers->count = 0;
}

/* True when fewer than count nodes can be added. */
static inline bool backpointers_is_full(const struct backpointers *backpointers, uint32_t count)
{
    return backpointers->room - backpointers->count < count;
}

/* The new node; there must be room. */
uint32_t backpointers_add(struct backpointers *backpointers, uint32_t parent, uint32_t frame,
                          uint16_t letter, float logp);

/* Keeps what leaves [count] reach, updates leaves, and makes room for at least count new nodes. */
int backpointers_collect(struct backpointers *backpointers, uint32_t *const *leaves,
                         size_t leaves_count, uint32_t count);

#endif
