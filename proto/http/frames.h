/* frames.h - the frames of a WebSocket's client, told apart as they pass: libwebsockets 4.1.6 takes
 * those that are not masked, which RFC 6455 (section 5.1) forbids. Pure. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frames {
    unsigned char head[14]; /* [head_count] of the frame that begins */
    size_t head_count;
    uint64_t left; /* of its payload */
};

/* How many of bytes [count] may pass. The last byte is left for the next time when it begins a
 * frame, since the one behind it says whether it may. *ret_bad: what follows is a frame that is not
 * masked. All zero before the first. */
size_t frames_take(struct frames *frames, const char *bytes, size_t count, bool *ret_bad);

#endif
