#include "bytes.h"

#include <stdlib.h>
#include <string.h>

int bytes_push(struct bytes *bytes, const uint8_t *from, size_t count)
{
    if (!count)
        return 0;
    if (bytes->at && bytes->at + bytes->count + count > bytes->room) {
        memmove(bytes->start, bytes->start + bytes->at, bytes->count);
        bytes->at = 0;
    }
    if (bytes->count + count > bytes->room) {
        const size_t room = 2 * (bytes->count + count);
        uint8_t *start = realloc(bytes->start, room);
        if (!start)
            return -1;
        bytes->start = start;
        bytes->room = room;
    }
    memcpy(bytes->start + bytes->at + bytes->count, from, count);
    bytes->count += count;
    return 0;
}

const uint8_t *bytes_front(const struct bytes *bytes)
{
    return bytes->start ? bytes->start + bytes->at : NULL;
}

void bytes_take(struct bytes *bytes, size_t count)
{
    bytes->at += count;
    bytes->count -= count;
    if (!bytes->count)
        bytes->at = 0;
}

void bytes_finish(struct bytes *bytes)
{
    free(bytes->start);
    *bytes = (struct bytes){0};
}
