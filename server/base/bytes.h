/* bytes.h - bytes waiting to be parsed, in one piece: appended at the end, taken from the front. */
#ifndef BYTES_H
#define BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Zero bytes are valid and empty. */
struct bytes {
    uint8_t *start; /* of the block [room] */
    size_t at, count, room;
};

/* 0, or -1 without memory. */
int bytes_push(struct bytes *bytes, const uint8_t *from, size_t count);
/* The first of bytes->count bytes. */
const uint8_t *bytes_front(const struct bytes *bytes);
void bytes_take(struct bytes *bytes, size_t count);
void bytes_finish(struct bytes *bytes);

#endif
