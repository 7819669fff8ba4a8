/* router.h - the one port: accepts, looks at each connection's first request head, and hands the
 * socket to HTTP or to WebSocket. Nothing is read from a socket that is handed on. */
#ifndef ROUTER_H
#define ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "head.h"

struct router;

struct router_options {
    const char *listen;       /* ADDRESS:PORT; [::1]:80 for IPv6 */
    uint32_t max_connections; /* heads waited for at once */
    /* On the router's thread; the callee owns fd. */
    void (*http)(void *user, int fd);
    void (*upgrade)(void *user, int fd, const struct head *head);
    void *user;
};

/* 0, or -1 with a line in ret_problem [room]. The thread starts with router_start. */
int router_open(struct router **ret_router, const struct router_options *options, char *ret_problem,
                unsigned room);
int router_start(struct router *router);
unsigned router_port(const struct router *router);
/* Takes whoever has connected, closes the listener, and goes on with the heads that are still to
 * come, for a second at most. Returns at once. */
void router_stop_listening(struct router *router);
/* After router_stop_listening: nobody will be handed on any more. */
bool router_is_done(const struct router *router);
/* Closes the listener and what is not handed on yet; joins the thread. */
void router_close(struct router *router);

/* Answers on a socket that no library has and closes it. id: for x-request-id; body: JSON, NULL
 * when there was no memory for it; extra: further header lines, each with its line end, or "". */
void router_answer(int fd, int status, const char *id, const char *body, const char *extra);
/* The same with an error in OpenAI's shape, for when no dialect is known yet. */
void router_refuse(int fd, int status, const char *type, const char *message, const char *extra);

#endif
