/* listener.h - a TCP socket that listens where an operator says. */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdbool.h>

struct listener {
    int fd; /* not blocking; the caller's */
    unsigned port;
    char address[80]; /* as numbers, ADDRESS:PORT */
    bool is_local;    /* only this machine can reach it */
};

/* where: ADDRESS:PORT, with a name for the address, or [::1]:80 for IPv6; port 0 takes a free one.
 * 0, or -1 with a line in ret_problem [room] that begins with the name of the setting. */
int listener_open(struct listener *ret_listener, const char *setting, const char *where,
                  char *ret_problem, unsigned room);

#endif
