/* relay.h - between a client's socket and the libraries: every head that a connection brings is
 * judged, not only the first, and so are a WebSocket's frames.
 *
 * The relay keeps the client's socket. It reads one request at a time, exactly to its end, and
 * passes it on through a pair of sockets; so what follows it stays unread until the answer is on
 * its way, and an upgrade that comes behind other requests is as good as a first one. It sees a
 * client go that does not read what it is sent, or has closed, and answers one that has only closed
 * its sending side. One thread; nothing is computed on it. */
#ifndef RELAY_H
#define RELAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "head.h"

struct relay;

struct relay_options {
    uint32_t max_connections;
    uint32_t unread_ms; /* a client that reads nothing, or next to nothing, of what it is sent for
                           so long is let go */
    /* NULL, or why that request is not answered at all: 403. Any thread. */
    const char *(*forbid)(void *user, const struct head *head);
    /* Takes our end of a connection, whose client has that address; false: there is no room, and
     * it is closed. The relay's thread. */
    bool (*open)(void *user, int fd, const struct sockaddr *address, socklen_t length);
    /* Takes our end of a connection that is to become a WebSocket; the upgrade request that will be
     * read from it is not that of the client, whose head is the one given. The relay's thread. */
    void (*upgrade)(void *user, int fd, const struct head *head);
    void *user;
};

/* 0 or -1. The thread starts. */
int relay_open(struct relay **ret_relay, const struct relay_options *options);
/* Takes a socket whose first head has come. Any thread. */
void relay_adopt(struct relay *relay, int fd);
/* The answer to the request that came through the pair with that other end was passed on whole. Any
 * thread. */
void relay_answered(struct relay *relay, int fd);
/* The body that comes through that pair is not read to its end: its client is told this when the
 * pair is closed. problem: copied. Any thread. */
void relay_give_up(struct relay *relay, int fd, int status, const char *problem);
/* Requests that are passed on or answered, and WebSockets; connections that wait for their next
 * request are not counted. */
unsigned relay_busy(struct relay *relay);
/* Closes what is open; joins the thread. NULL is fine. */
void relay_close(struct relay *relay);

#endif
