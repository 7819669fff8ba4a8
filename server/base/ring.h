/* ring.h - bytes in, bytes out, in order; grows as needed, shrinks to nothing when empty. */
#ifndef RING_H
#define RING_H

#include <stddef.h>
#include <stdint.h>

/* Zero bytes are a valid, empty ring. Not locked. */
struct ring {
    uint8_t *bytes; /* [room] */
    size_t room, first, count;
};

/* Copies bytes [count] to the end. 0, or -1 without memory; the ring is then as before. */
int ring_push(struct ring *ring, const void *bytes, size_t count);

/* Moves at most count bytes from the front to bytes; returns how many. */
size_t ring_pull(struct ring *ring, void *bytes, size_t count);

/* Frees what it holds; the ring is empty and usable. */
void ring_finish(struct ring *ring);

#endif
