#include "ring.h"

#include <stdlib.h>
#include <string.h>

#define LEAST_ROOM 4096

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void copy_out(const struct ring *ring, uint8_t *bytes, size_t count)
{
    const size_t ahead = min(count, ring->room - ring->first);

    memcpy(bytes, ring->bytes + ring->first, ahead);
    memcpy(bytes + ahead, ring->bytes, count - ahead);
}

static int grow(struct ring *ring, size_t need)
{
    size_t room = ring->room ? ring->room : LEAST_ROOM;

    while (room < need) {
        if (room > SIZE_MAX / 2)
            return -1;
        room *= 2;
    }
    if (room == ring->room)
        return 0;
    uint8_t *bytes = malloc(room);
    if (!bytes)
        return -1;
    if (ring->count)
        copy_out(ring, bytes, ring->count);
    free(ring->bytes);
    ring->bytes = bytes;
    ring->room = room;
    ring->first = 0;
    return 0;
}

int ring_push(struct ring *ring, const void *bytes, size_t count)
{
    if (count == 0)
        return 0;
    if (count > SIZE_MAX - ring->count || grow(ring, ring->count + count) < 0)
        return -1;
    const size_t end = (ring->first + ring->count) % ring->room;
    const size_t ahead = min(count, ring->room - end);
    memcpy(ring->bytes + end, bytes, ahead);
    memcpy(ring->bytes, (const uint8_t *)bytes + ahead, count - ahead);
    ring->count += count;
    return 0;
}

size_t ring_pull(struct ring *ring, void *bytes, size_t count)
{
    count = min(count, ring->count);
    if (count == 0)
        return 0;
    copy_out(ring, bytes, count);
    ring->first = (ring->first + count) % ring->room;
    ring->count -= count;
    if (ring->count == 0)
        ring_finish(ring);
    return count;
}

void ring_finish(struct ring *ring)
{
    free(ring->bytes);
    *ring = (struct ring){0};
}
