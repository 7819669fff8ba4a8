/* kept.h - bytes that a socket does not take yet, and how its reader keeps up. Not locked. */
#ifndef KEPT_H
#define KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEPT_LEAST_A_S 500 /* bytes that who is not slow reads */

/* All zero: nothing waits. Of one socket for all its life. */
struct kept {
    char *bytes; /* [count - at] from bytes + at; NULL: nothing waits */
    size_t at, count;
    int64_t since_ms; /* bytes wait since then, or since the reader was looked at */
    uint64_t sent;    /* bytes that the socket ever took */
    uint64_t read;    /* of them, that the other side had acknowledged at since_ms */
};

/* Writes bytes [count] to a TCP socket that does not block; what it does not take now is kept.
 * Nothing may be kept before. False: it is closed, or there is no memory. */
bool kept_pass(struct kept *kept, int fd, const char *bytes, size_t count);
/* Writes what is kept, as much as is taken now. False: it is closed. */
bool kept_flush(struct kept *kept, int fd);
void kept_drop(struct kept *kept);
/* In the last patience_ms something waited all the time, and less than KEPT_LEAST_A_S was read: not
 * of what is kept, since a kernel holds megabytes and takes more only when it has a third of them
 * free. Asked again and again; now_ms: of clock_now_ms. */
bool kept_is_slow(struct kept *kept, int fd, int64_t now_ms, uint32_t patience_ms);

#endif
