/* agent.c - see agent.h.
 *
 * The line is "ready up 63%" or "drain", as the HAProxy manual has it under agent-check: the share
 * is that of the server's configured weight. It never says 0 %, which would be a drain: who is full
 * refuses by itself, with a Retry-After that is meant. */
#include "agent.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"

struct agent {
    struct agent_options options;
    struct listener listener;
    int wake; /* an eventfd: the thread ends */
    pthread_t thread;
    bool started;
};

static void tell(const struct agent *a, int fd)
{
    char line[32] = "drain\n";
    if (a->options.ready(a->options.user)) {
        const double share = fmin(fmax(a->options.headroom(a->options.user), 0), 1);
        snprintf(line, sizeof line, "ready up %d%%\n", (int)fmax(round(100 * share), 1));
    }
    /* A line fits into any socket's buffer: nobody is waited for. */
    (void)!send(fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void *run(void *user)
{
    const struct agent *a = user;
    struct pollfd ready[] = {{a->listener.fd, POLLIN, 0}, {a->wake, POLLIN, 0}};
    while (!ready[1].revents) {
        if (poll(ready, 2, -1) < 0 && errno != EINTR)
            break;
        const int fd = accept4(a->listener.fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            tell(a, fd);
            shutdown(fd, SHUT_WR);
            close(fd);
        } else if (errno == EMFILE || errno == ENFILE) {
            poll(&ready[1], 1, 100); /* the caller waits in the backlog; do not spin */
        }
    }
    return NULL;
}

int agent_open(struct agent **ret_agent, const struct agent_options *options, char *ret_problem,
               unsigned room)
{
    struct agent *a = calloc(1, sizeof *a);
    if (!a) {
        snprintf(ret_problem, room, "out of memory");
        return -1;
    }
    a->options = *options;
    a->wake = -1;
    if (listener_open(&a->listener, "--agent", options->listen, ret_problem, room) != 0) {
        free(a);
        return -1;
    }
    a->wake = eventfd(0, EFD_CLOEXEC);
    a->started = a->wake >= 0 && pthread_create(&a->thread, NULL, run, a) == 0;
    if (!a->started) {
        snprintf(ret_problem, room, "no thread for --agent %.200s", options->listen);
        agent_close(a);
        return -1;
    }
    *ret_agent = a;
    return 0;
}

void agent_close(struct agent *a)
{
    const uint64_t one = 1;
    if (!a)
        return;
    if (a->started && write(a->wake, &one, sizeof one) == sizeof one)
        pthread_join(a->thread, NULL);
    close(a->listener.fd);
    if (a->wake >= 0)
        close(a->wake);
    free(a);
}
