/* watch.h - notices when the peer of a socket closes its sending side or goes away, while nobody
 * reads from the socket. */
#ifndef WATCH_H
#define WATCH_H

#include <stdint.h>

struct watch;

/* gone is called on the watch's thread with the user pointer given to watch_add, at most once an
 * entry, never after watch_remove has returned. */
int watch_open(struct watch **ret_watch, void (*gone)(void *context, void *user), void *context);
void watch_close(struct watch *watch);

/* An id for watch_remove, or 0 when the socket cannot be watched. */
uint64_t watch_add(struct watch *watch, int fd, void *user);
void watch_remove(struct watch *watch, uint64_t id);

#endif
