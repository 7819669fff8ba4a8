/* kept.c - see kept.h. */
#include "kept.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"

static bool is_later(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

void kept_drop(struct kept *kept)
{
    free(kept->bytes);
    *kept = (struct kept){0};
}

bool kept_flush(struct kept *kept, int fd)
{
    while (kept->bytes) {
        const ssize_t n = send(fd, kept->bytes + kept->at, kept->count - kept->at, MSG_NOSIGNAL);
        if (n < 0)
            return is_later(errno);
        kept->at += (size_t)n;
        kept->taken += (size_t)n;
        if (kept->at == kept->count)
            kept_drop(kept);
    }
    return true;
}

bool kept_pass(struct kept *kept, int fd, const char *bytes, size_t count)
{
    const ssize_t n = send(fd, bytes, count, MSG_NOSIGNAL);
    if (n < 0 && !is_later(errno))
        return false;
    const size_t sent = n > 0 ? (size_t)n : 0;
    if (sent == count)
        return true;
    char *rest = malloc(count - sent);
    if (!rest)
        return false;
    memcpy(rest, bytes + sent, count - sent);
    *kept =
        (struct kept){.bytes = rest, .count = count - sent, .since_ms = (int64_t)clock_now_ms()};
    return true;
}

bool kept_is_slow(struct kept *kept, int64_t now_ms, uint32_t patience_ms)
{
    const int64_t waited_ms = now_ms - kept->since_ms;
    if (!kept->bytes || waited_ms <= patience_ms)
        return false;
    const bool is_slow = (double)kept->taken < (double)waited_ms * KEPT_LEAST_A_S / 1000;
    kept->since_ms = now_ms;
    kept->taken = 0;
    return is_slow;
}
