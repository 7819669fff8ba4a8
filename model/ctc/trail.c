/* trail.c - see trail.h. Parents have smaller indices than children, so one backward pass marks
 * and one forward pass moves. */
#include "trail.h"

#include <stdlib.h>

#define FIRST_ROOM 4096

int trail_init(struct trail *trail)
{
    *trail = (struct trail){.nodes = malloc(FIRST_ROOM * sizeof *trail->nodes), .room = FIRST_ROOM};
    return trail->nodes ? FOLD_OK : FOLD_ERR_MEMORY;
}

void trail_finish(struct trail *trail)
{
    free(trail->nodes);
    trail->nodes = NULL;
}

uint32_t trail_add(struct trail *trail, uint32_t parent, uint32_t frame, uint16_t letter,
                   float logp)
{
    trail->nodes[trail->count] = (struct trail_node){parent, frame, logp, letter, 0};
    return trail->count++;
}

int trail_collect(struct trail *trail, uint32_t *const *leaves, size_t leaves_count, uint32_t count)
{
    struct trail_node *nodes = trail->nodes;
    uint32_t *moved = malloc((trail->count + 1) * sizeof *moved);
    if (!moved)
        return FOLD_ERR_MEMORY;
    for (size_t i = 0; i < leaves_count; i++)
        if (*leaves[i] != TRAIL_NONE)
            nodes[*leaves[i]].mark = 1;
    for (uint32_t i = trail->count; i-- > 0;)
        if (nodes[i].mark && nodes[i].parent != TRAIL_NONE)
            nodes[nodes[i].parent].mark = 1;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < trail->count; i++) {
        if (!nodes[i].mark)
            continue;
        moved[i] = kept;
        nodes[kept] = nodes[i];
        nodes[kept].mark = 0;
        if (nodes[kept].parent != TRAIL_NONE)
            nodes[kept].parent = moved[nodes[kept].parent];
        kept++;
    }
    for (size_t i = 0; i < leaves_count; i++)
        if (*leaves[i] != TRAIL_NONE)
            *leaves[i] = moved[*leaves[i]];
    free(moved);
    trail->count = kept;
    /* Twice what is needed, so that collecting costs a constant a node. */
    const uint64_t wanted = 2 * ((uint64_t)kept + count);
    if (wanted > trail->room) {
        if (wanted > UINT32_MAX / sizeof *nodes)
            return FOLD_ERR_MEMORY;
        nodes = realloc(nodes, (size_t)wanted * sizeof *nodes);
        if (!nodes)
            return FOLD_ERR_MEMORY;
        trail->nodes = nodes;
        trail->room = (uint32_t)wanted;
    }
    return FOLD_OK;
}
