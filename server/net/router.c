/* router.c - see router.h.
 *
 * A socket waits here until its whole first head can be seen with MSG_PEEK. Epoll is
 * edge-triggered: peeked bytes stay in the buffer and must not wake us again. A head has ten
 * seconds. */
#include "router.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"
#include "head.h"
#include "listener.h"
#include "log.h"

#define HEAD_MS      10000
#define LAST_HEAD_MS 1000 /* when the listener has closed */
#define COMPLAIN_MS  10000
#define ASK_S        10 /* a client that says nothing; three times without an answer end it */

struct waiting {
    int fd;
    int64_t deadline_ms;
};

struct router {
    struct router_options options;
    struct listener listener; /* its fd is -1 when it is closed */
    int epoll, wake;          /* wake: an eventfd, written when a flag below has changed */
    int spare;                /* to be given up for a connection that is to be refused; or -1 */
    int64_t complained_ms;    /* that there are no descriptors; 0: never */
    struct waiting *waiting;  /* [options.max_connections] */
    uint32_t waiting_count;
    pthread_t thread;
    bool started;
    atomic_bool stopping, closing, done;
};

static int watch(struct router *r, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &event);
}

int router_open(struct router **ret_router, const struct router_options *options, char *ret_problem,
                unsigned room)
{
    struct listener listener;
    if (listener_open(&listener, "--listen", options->listen, ret_problem, room) != 0)
        return -1;
    struct router *r = calloc(1, sizeof *r);
    struct waiting *waiting = calloc(options->max_connections, sizeof *waiting);
    if (!r || !waiting) {
        free(r);
        free(waiting);
        close(listener.fd);
        snprintf(ret_problem, room, "out of memory");
        return -1;
    }
    r->options = *options;
    r->waiting = waiting;
    r->listener = listener;
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    r->wake = eventfd(0, EFD_CLOEXEC);
    r->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (r->epoll < 0 || r->wake < 0 || watch(r, r->listener.fd, EPOLLIN) != 0 ||
        watch(r, r->wake, EPOLLIN) != 0) {
        snprintf(ret_problem, room, "cannot listen on %.200s: %s", options->listen,
                 strerror(errno));
        router_close(r);
        return -1;
    }
    *ret_router = r;
    return 0;
}

unsigned router_port(const struct router *router)
{
    return router->listener.port;
}

const char *router_address(const struct router *router)
{
    return router->listener.address;
}

bool router_is_local(const struct router *router)
{
    return router->listener.is_local;
}

/* Takes the socket out of the waiting room. */
static void forget(struct router *r, uint32_t index)
{
    epoll_ctl(r->epoll, EPOLL_CTL_DEL, r->waiting[index].fd, NULL);
    r->waiting[index] = r->waiting[--r->waiting_count];
}

/* is_over: its client sends no more. */
static void look(struct router *r, uint32_t index, bool is_over)
{
    char bytes[HEAD_MAX];
    struct head head;
    const int fd = r->waiting[index].fd;
    const ssize_t count = recv(fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    const bool is_whole = count > 0 && head_parse(&head, bytes, (size_t)count) != HEAD_INCOMPLETE;
    if (!is_whole && count > 0 && !is_over)
        return;
    if (!is_whole) {
        forget(r, index);
        close(fd);
        return;
    }
    forget(r, index);
    r->options.take(r->options.user, fd);
}

static int accept_one(const struct router *r)
{
    return accept4(r->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* There is no descriptor for a newcomer: the spare one serves to tell him so. False: not even
 * that. */
static bool turn_away(struct router *r, int error)
{
    const int64_t now = (int64_t)clock_now_ms();
    if (!r->complained_ms || now - r->complained_ms > COMPLAIN_MS) {
        log_warning("no file descriptor for connections", log_text("error", strerror(error)));
        r->complained_ms = now;
    }
    if (r->spare >= 0)
        close(r->spare);
    const int fd = accept_one(r);
    if (fd >= 0)
        answer_refuse(fd, 503, "too many connections", "Retry-After: 1\r\n");
    r->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        usleep(10000); /* the backlog waits; do not spin */
    return fd >= 0;
}

/* Who has closed right behind a request cannot be told from who only closed its sending side and
 * waits, nor who is cut off from who has nothing to say: their kernel is asked. */
static void set_options(int fd)
{
    static const struct {
        int level, name, value;
    } options[] = {{IPPROTO_TCP, TCP_NODELAY, 1},
                   {SOL_SOCKET, SO_KEEPALIVE, 1},
                   {IPPROTO_TCP, TCP_KEEPIDLE, ASK_S},
                   {IPPROTO_TCP, TCP_KEEPINTVL, ASK_S},
                   {IPPROTO_TCP, TCP_KEEPCNT, 3}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        setsockopt(fd, options[i].level, options[i].name, &options[i].value,
                   sizeof options[i].value);
}

static void accept_all(struct router *r)
{
    for (;;) {
        const int fd = accept_one(r);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE) && turn_away(r, errno))
            continue;
        if (fd < 0)
            return;
        set_options(fd);
        if (r->waiting_count == r->options.max_connections) {
            answer_refuse(fd, 503, "too many connections", "Retry-After: 1\r\n");
            continue;
        }
        r->waiting[r->waiting_count++] = (struct waiting){fd, (int64_t)clock_now_ms() + HEAD_MS};
        if (watch(r, fd, EPOLLIN | EPOLLRDHUP | EPOLLET) != 0) {
            r->waiting_count--;
            close(fd);
        }
    }
}

static void expire(struct router *r)
{
    const int64_t now = (int64_t)clock_now_ms();
    for (uint32_t i = r->waiting_count; i-- > 0;)
        if (r->waiting[i].deadline_ms <= now) {
            const int fd = r->waiting[i].fd;
            forget(r, i);
            if (r->listener.fd < 0)
                answer_refuse(fd, 503, "this server is going away", "Retry-After: 1\r\n");
            else
                answer_refuse(fd, 408, "the request head did not come within 10 s", "");
        }
}

/* Closing a listener resets connections that nobody has accepted: they are accepted first. */
static void close_listener(struct router *r)
{
    const int64_t last = (int64_t)clock_now_ms() + LAST_HEAD_MS;
    accept_all(r);
    close(r->listener.fd);
    r->listener.fd = -1;
    for (uint32_t i = 0; i < r->waiting_count; i++)
        if (r->waiting[i].deadline_ms > last)
            r->waiting[i].deadline_ms = last;
}

static void *run(void *user)
{
    struct router *r = user;
    struct epoll_event events[64];
    while (r->listener.fd >= 0 || r->waiting_count) {
        const int count = epoll_wait(r->epoll, events, 64, r->waiting_count ? 500 : -1);
        if (atomic_load(&r->closing))
            break;
        if (atomic_exchange(&r->stopping, false))
            close_listener(r);
        for (int i = 0; i < count; i++) {
            const int fd = events[i].data.fd;
            if (fd == r->wake) {
                uint64_t times;
                (void)!read(fd, &times, sizeof times);
                continue;
            }
            if (fd == r->listener.fd) {
                accept_all(r);
                continue;
            }
            for (uint32_t w = 0; w < r->waiting_count; w++)
                if (r->waiting[w].fd == fd) {
                    look(r, w, events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
                    break;
                }
        }
        expire(r);
    }
    atomic_store(&r->done, true);
    return NULL;
}

int router_start(struct router *router)
{
    router->started = pthread_create(&router->thread, NULL, run, router) == 0;
    return router->started ? 0 : -1;
}

static void wake(struct router *r, atomic_bool *what)
{
    const uint64_t one = 1;
    atomic_store(what, true);
    (void)!write(r->wake, &one, sizeof one);
}

void router_stop_listening(struct router *router)
{
    wake(router, &router->stopping);
}

bool router_is_done(const struct router *router)
{
    return atomic_load(&router->done);
}

void router_close(struct router *r)
{
    if (!r)
        return;
    if (r->started) {
        wake(r, &r->closing);
        pthread_join(r->thread, NULL);
    }
    for (uint32_t i = 0; i < r->waiting_count; i++)
        close(r->waiting[i].fd);
    if (r->listener.fd >= 0)
        close(r->listener.fd);
    if (r->epoll >= 0)
        close(r->epoll);
    if (r->wake >= 0)
        close(r->wake);
    if (r->spare >= 0)
        close(r->spare);
    free(r->waiting);
    free(r);
}
