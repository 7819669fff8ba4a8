/* arena.h - parts of one allocation, measured and handed out by the same function.
 *
 *     struct arena arena = {base, 0};        base NULL: only measure
 *     thing->x = arena_take(&arena, T * d * sizeof *thing->x);
 *     arena.used                             bytes so far
 *
 * So what fold_run_bytes promises and what fold_run_open lays out cannot differ. */
#ifndef ARENA_H
#define ARENA_H

#include <stddef.h>

struct arena {
    unsigned char *base; /* 64-byte aligned, or NULL */
    size_t used;         /* bytes, a multiple of 64 */
};

/* The next bytes, 64-byte aligned; NULL while measuring. */
static inline void *arena_take(struct arena *arena, size_t bytes)
{
    void *taken = arena->base ? arena->base + arena->used : NULL;
    arena->used += (bytes + 63) / 64 * 64;
    return taken;
}

#endif
