/* place.h - parts of one allocation, measured and placed by the same function.
 *
 *     struct place p = {base};               base NULL: only measure
 *     thing->x = place(&p, T * d * sizeof *thing->x);
 *     p.used                                 bytes so far
 *
 * So what fold_run_bytes promises and what fold_run_open lays out cannot differ. */
#ifndef PLACE_H
#define PLACE_H

#include <stddef.h>

struct place {
    unsigned char *base; /* 64-byte aligned, or NULL */
    size_t used;         /* bytes, a multiple of 64 */
};

/* The next bytes, 64-byte aligned; NULL while measuring. */
static inline void *place(struct place *p, size_t bytes)
{
    void *at = p->base ? p->base + p->used : NULL;
    p->used += (bytes + 63) / 64 * 64;
    return at;
}

#endif
