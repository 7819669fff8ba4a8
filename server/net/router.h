/* router.h - the one port: accepts, and hands each socket on when its first request head has come.
 * Nothing is read from it. */
#ifndef ROUTER_H
#define ROUTER_H

#include <stdbool.h>
#include <stdint.h>

struct router;

struct router_options {
    const char *listen;       /* ADDRESS:PORT; a name; [::1]:80 for IPv6 */
    uint32_t max_connections; /* heads waited for at once */
    /* A socket whose first head has come, sound or not. On the router's thread; the callee owns fd.
     */
    void (*take)(void *user, int fd);
    void *user;
};

/* 0, or -1 with a line in ret_problem [room]. The thread starts with router_start. */
int router_open(struct router **ret_router, const struct router_options *options, char *ret_problem,
                unsigned room);
int router_start(struct router *router);
unsigned router_port(const struct router *router);
/* As numbers, ADDRESS:PORT. */
const char *router_address(const struct router *router);
/* Only this machine can reach the address. */
bool router_is_local(const struct router *router);
/* Takes whoever has connected, closes the listener, and goes on with the heads that are still to
 * come, for a second at most. Returns at once. */
void router_stop_listening(struct router *router);
/* After router_stop_listening: nobody will be handed on any more. */
bool router_is_done(const struct router *router);
/* Closes the listener and what is not handed on yet; joins the thread. */
void router_close(struct router *router);

#endif
