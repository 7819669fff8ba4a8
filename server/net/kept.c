/* kept.c - see kept.h. */
#include "kept.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "clock.h"

static bool is_later(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* What the other side has acknowledged of all that was sent. */
static uint64_t read_of(const struct kept *kept, int fd)
{
    int queued = 0;
    if (ioctl(fd, SIOCOUTQ, &queued) != 0 || queued < 0 || (uint64_t)queued > kept->sent)
        queued = 0;
    return kept->sent - (uint64_t)queued;
}

void kept_drop(struct kept *kept)
{
    free(kept->bytes);
    *kept = (struct kept){.sent = kept->sent};
}

bool kept_flush(struct kept *kept, int fd)
{
    while (kept->bytes) {
        const ssize_t n = send(fd, kept->bytes + kept->at, kept->count - kept->at, MSG_NOSIGNAL);
        if (n < 0)
            return is_later(errno);
        kept->at += (size_t)n;
        kept->sent += (uint64_t)n;
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
    kept->sent += sent;
    if (sent == count)
        return true;
    char *rest = malloc(count - sent);
    if (!rest)
        return false;
    memcpy(rest, bytes + sent, count - sent);
    kept->bytes = rest;
    kept->at = 0;
    kept->count = count - sent;
    kept->since_ms = (int64_t)clock_now_ms();
    kept->read = read_of(kept, fd);
    return true;
}

bool kept_is_slow(struct kept *kept, int fd, int64_t now_ms, uint32_t patience_ms)
{
    const int64_t waited_ms = now_ms - kept->since_ms;
    if (!kept->bytes || waited_ms <= patience_ms)
        return false;
    const uint64_t read = read_of(kept, fd);
    const bool is_slow = (double)(read - kept->read) < (double)waited_ms * KEPT_LEAST_A_S / 1000;
    kept->since_ms = now_ms;
    kept->read = read;
    return is_slow;
}
