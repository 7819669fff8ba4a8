/* backlog.h - what a live stream was sent and has not heard yet: bytes, when they came, and marks
 * between them. The next bytes are in memory; what came too fast is in a file without a name. Not
 * locked. */
#ifndef BACKLOG_H
#define BACKLOG_H

#include <stdbool.h>

#include "arrivals.h"
#include "ring.h"

#define BACKLOG_MARKS 4096

struct backlog {
    struct ring near;
    size_t near_most;   /* more than this goes to the file */
    const char *folder; /* of the file; NULL: all stays in memory */
    uint64_t far_room;  /* the file is used round and round; this many bytes of it */
    uint64_t far_first, far_count;
    int fd;                                         /* -1: no file yet */
    uint64_t pushed_bytes, near_bytes, taken_bytes; /* since the start; near: all but the file's */
    struct arrivals arrivals;                       /* of what is near */
    uint64_t *marks;                                /* [marks_count] pushed_bytes before them */
    size_t marks_count, marks_room;
};

/* folder is borrowed. */
void backlog_init(struct backlog *backlog, size_t near_most, const char *folder, uint64_t far_room);
void backlog_finish(struct backlog *backlog);

/* Copies bytes [count] to the end. 0, or -1 without memory or room; nothing has changed then. */
int backlog_push(struct backlog *backlog, const void *bytes, size_t count, double now_ms);
/* Marks the end. More than BACKLOG_MARKS: the last one then stands for those that follow. 0, or -1
 * without memory. */
int backlog_mark(struct backlog *backlog);

/* Does a mark come before the next byte? */
bool backlog_is_marked(const struct backlog *backlog);
/* Forgets that mark. */
void backlog_unmark(struct backlog *backlog);
/* Moves at most count bytes, none from behind a mark, to bytes. Returns how many, or -1 when the
 * file cannot be read. *ret_came_ms: when the last of them came; bytes of the file when they are
 * brought back to memory. */
long backlog_pull(struct backlog *backlog, void *bytes, size_t count, double now_ms,
                  double *ret_came_ms);

/* Forgets all bytes and marks that wait. */
void backlog_clear(struct backlog *backlog);

/* Bytes, marks not counted. */
uint64_t backlog_count(const struct backlog *backlog);
/* When the first byte of those in memory came; otherwise_ms when there is none. */
double backlog_oldest_ms(const struct backlog *backlog, double otherwise_ms);

#endif
