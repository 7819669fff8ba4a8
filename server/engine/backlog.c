/* backlog.c - see backlog.h. While there is anything in the file, what comes goes behind it, so the
 * order is kept: memory first, then the file. */
#include "backlog.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool.h"

#define DRAW_BYTES 65536 /* at a time */

void backlog_init(struct backlog *b, size_t near_most, const char *folder, uint64_t far_room)
{
    *b = (struct backlog){.near_most = near_most, .folder = folder, .far_room = far_room, .fd = -1};
}

void backlog_finish(struct backlog *b)
{
    ring_finish(&b->near);
    free(b->marks);
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
}

void backlog_clear(struct backlog *b)
{
    const size_t near_most = b->near_most;
    const uint64_t far_room = b->far_room;
    const char *folder = b->folder;

    backlog_finish(b);
    backlog_init(b, near_most, folder, far_room);
}

/* Writes (or reads) all of bytes [count] at a place of the file, with no regard to its end. */
static int move(int fd, uint8_t *to, const uint8_t *from, size_t count, uint64_t at)
{
    while (count) {
        const ssize_t n =
            from ? pwrite(fd, from, count, (off_t)at) : pread(fd, to, count, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = EIO;
        if (n <= 0)
            return -1;
        count -= (size_t)n;
        at += (uint64_t)n;
        if (from)
            from += n;
        else
            to += n;
    }
    return 0;
}

/* The same round the end. Exactly one of to and from is given. */
static int move_round(const struct backlog *b, uint8_t *to, const uint8_t *from, size_t count,
                      uint64_t at)
{
    at %= b->far_room;
    const uint64_t left = b->far_room - at;
    const size_t ahead = count < left ? count : (size_t)left;
    if (move(b->fd, to, from, ahead, at) != 0)
        return -1;
    return move(b->fd, to ? to + ahead : NULL, from ? from + ahead : NULL, count - ahead, 0);
}

/* So many bytes more are in memory. */
static void arrive(struct backlog *b, size_t count, double now_ms)
{
    b->near_bytes += count;
    arrivals_push(&b->arrivals, b->near_bytes, now_ms);
}

static int push_far(struct backlog *b, const void *bytes, size_t count)
{
    if (count > b->far_room - b->far_count) {
        errno = ENOSPC;
        return -1;
    }
    if (b->fd < 0)
        b->fd = spool_open(b->folder);
    if (b->fd < 0 || move_round(b, NULL, bytes, count, b->far_first + b->far_count) != 0)
        return -1;
    b->far_count += count;
    return 0;
}

int backlog_push(struct backlog *b, const void *bytes, size_t count, double now_ms)
{
    const bool near = !b->folder || (!b->far_count && b->near.count + count <= b->near_most);

    if (count == 0)
        return 0;
    if ((near ? ring_push(&b->near, bytes, count) : push_far(b, bytes, count)) != 0)
        return -1; /* errno says why */
    b->pushed_bytes += count;
    if (near)
        arrive(b, count, now_ms);
    return 0;
}

int backlog_mark(struct backlog *b)
{
    if (b->marks_count == b->marks_room && b->marks_room < BACKLOG_MARKS) {
        const size_t room = b->marks_room ? 2 * b->marks_room : 16;
        uint64_t *marks = realloc(b->marks, room * sizeof(*marks));
        if (!marks)
            return -1;
        b->marks = marks;
        b->marks_room = room;
    }
    if (b->marks_count < BACKLOG_MARKS)
        b->marks_count++;
    b->marks[b->marks_count - 1] = b->pushed_bytes;
    return 0;
}

bool backlog_is_marked(const struct backlog *b)
{
    return b->marks_count && b->marks[0] == b->taken_bytes;
}

void backlog_unmark(struct backlog *b)
{
    b->marks_count--;
    memmove(b->marks, b->marks + 1, b->marks_count * sizeof(b->marks[0]));
}

/* Brings bytes from the file where memory has become half empty. */
static int draw(struct backlog *b, double now_ms)
{
    uint8_t bytes[DRAW_BYTES];

    while (b->far_count && b->near.count <= b->near_most / 2) {
        const size_t count = b->far_count < sizeof bytes ? (size_t)b->far_count : sizeof bytes;
        if (move_round(b, bytes, NULL, count, b->far_first) != 0 ||
            ring_push(&b->near, bytes, count) != 0)
            return -1;
        b->far_first = (b->far_first + count) % b->far_room;
        b->far_count -= count;
        arrive(b, count, now_ms);
    }
    if (!b->far_count && b->fd >= 0) {
        close(b->fd); /* and its blocks are free again */
        b->fd = -1;
        b->far_first = 0;
    }
    return 0;
}

long backlog_pull(struct backlog *b, void *bytes, size_t count, double now_ms, double *ret_came_ms)
{
    const uint64_t to_mark = b->marks_count ? b->marks[0] - b->taken_bytes : UINT64_MAX;

    if (draw(b, now_ms) != 0)
        return -1;
    const size_t got = ring_pull(&b->near, bytes, count < to_mark ? count : (size_t)to_mark);
    b->taken_bytes += got;
    if (got)
        *ret_came_ms = arrivals_take(&b->arrivals, b->taken_bytes);
    return (long)got;
}

uint64_t backlog_count(const struct backlog *b)
{
    return b->near.count + b->far_count;
}

double backlog_oldest_ms(const struct backlog *b, double otherwise_ms)
{
    return arrivals_oldest_ms(&b->arrivals, otherwise_ms);
}
