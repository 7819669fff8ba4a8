/* backpointers.c - see backpointers.h. Parents have smaller indices than children, so one backward
 * pass marks and one forward pass moves. */
#include "backpointers.h"

#include <stdlib.h>

#define FIRST_ROOM 4096

int backpointers_init(struct backpointers *backpointers)
{
    *backpointers = (struct backpointers){.nodes = malloc(FIRST_ROOM * sizeof *backpointers->nodes),
                                          .room = FIRST_ROOM};
    return backpointers->nodes ? FOLD_OK : FOLD_ERR_MEMORY;
}

void backpointers_finish(struct backpointers *backpointers)
{
    free(backpointers->nodes);
    backpointers->nodes = NULL;
}

uint32_t backpointers_add(struct backpointers *backpointers, uint32_t parent, uint32_t frame,
                          uint16_t letter, float logp)
{
    backpointers->nodes[backpointers->count] =
        (struct backpointers_node){parent, frame, logp, letter, 0};
    return backpointers->count++;
}

int backpointers_collect(struct backpointers *backpointers, uint32_t *const *leaves,
                         size_t leaves_count, uint32_t count)
{
    struct backpointers_node *nodes = backpointers->nodes;
    uint32_t *moved = malloc((backpointers->count + 1) * sizeof *moved);
    if (!moved)
        return FOLD_ERR_MEMORY;
    for (size_t i = 0; i < leaves_count; i++)
        if (*leaves[i] != BACKPOINTERS_NONE)
            nodes[*leaves[i]].mark = 1;
    for (uint32_t i = backpointers->count; i-- > 0;)
        if (nodes[i].mark && nodes[i].parent != BACKPOINTERS_NONE)
            nodes[nodes[i].parent].mark = 1;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < backpointers->count; i++) {
        if (!nodes[i].mark)
            continue;
        moved[i] = kept;
        nodes[kept] = nodes[i];
        nodes[kept].mark = 0;
        if (nodes[kept].parent != BACKPOINTERS_NONE)
            nodes[kept].parent = moved[nodes[kept].parent];
        kept++;
    }
    for (size_t i = 0; i < leaves_count; i++)
        if (*leaves[i] != BACKPOINTERS_NONE)
            *leaves[i] = moved[*leaves[i]];
    free(moved);
    backpointers->count = kept;
    /* Twice what is needed, so that collecting costs a constant a node. */
    const uint64_t wanted = 2 * ((uint64_t)kept + count);
    if (wanted > backpointers->room) {
        if (wanted > UINT32_MAX / sizeof *nodes)
            return FOLD_ERR_MEMORY;
        nodes = realloc(nodes, (size_t)wanted * sizeof *nodes);
        if (!nodes)
            return FOLD_ERR_MEMORY;
        backpointers->nodes = nodes;
        backpointers->room = (uint32_t)wanted;
    }
    return FOLD_OK;
}
