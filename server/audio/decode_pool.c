/* decode_pool.c - see decode_pool.h.
 *
 * A place goes from WAITING (for one of `most`) over ASKED (an order was sent to the program) to
 * RUNNING (its pidfd has come), each step taken by the thread alone. Only places that somebody
 * waits for are looked at: with epoll, once, for what they wait for. */
#include "decode_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "wire.h"

#define TICK_MS      50   /* between looks at deadlines, while there is anything to look at */
#define ORDER_MS     5000 /* that the program may take to fork; to start the first time */
#define SOCKET_BYTES (1 << 20)
#define ORDER_FDS    2
#define EVENTS       32

enum step { WAITING, ASKED, RUNNING, OVER };

struct decode_place {
    struct decode_pool *pool;
    struct decode_place *next; /* {lock} */
    uint64_t number;
    int socket;    /* the owner's end */
    int child_end; /* {lock} until the order is sent; -1 */
    int input;     /* {lock} of a recording, likewise; -1 */
    bool is_stream;
    enum step step;          /* {lock} */
    enum decode_state state; /* {lock} */
    bool is_closed;          /* {lock} by its owner; ASKED: its answer is still to come */
    int pidfd;               /* {lock} RUNNING; -1 */
    uint64_t since_ms;       /* {lock} of this step, or of the waiting */
    bool awaited, is_watched, wants_write; /* {lock} */
    void (*ready)(void *user);             /* {lock} */
    void *user;                            /* {lock} */
};

struct decode_pool {
    char *program;
    uint32_t most, stall_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    int epoll, wake;             /* eventfd */
    bool stopping;               /* {lock} */
    struct decode_place *places; /* {lock} a list, the oldest first */
    uint64_t numbers;            /* {lock} */
    pid_t pid;                   /* {lock} of the program; 0: it does not run */
    int control;                 /* {lock} to it; -1 */
    bool warned;                 /* {lock} that it is not there */
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- places, under the lock ----------------------------------------------------------------- */

static void tell(struct decode_place *place)
{
    if (!place->awaited)
        return;
    place->awaited = false;
    place->since_ms = (uint64_t)clock_now_ms();
    place->ready(place->user);
}

static void finish(struct decode_place *place, enum decode_state state)
{
    if (place->pidfd >= 0)
        pidfd_send_signal(place->pidfd, SIGKILL, NULL, 0);
    close_fd(&place->pidfd);
    close_fd(&place->child_end);
    close_fd(&place->input);
    place->step = OVER;
    place->state = state;
    tell(place);
}

static void unlist(struct decode_place *place)
{
    for (struct decode_place **p = &place->pool->places; *p; p = &(*p)->next)
        if (*p == place) {
            *p = place->next;
            return;
        }
}

static void watch(struct decode_place *place)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = place};

    if (place->wants_write)
        event.events |= EPOLLOUT;
    const int op = place->is_watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    place->is_watched = true;
    if (epoll_ctl(place->pool->epoll, op, place->socket, &event) < 0)
        finish(place, DECODE_BROKEN);
}

/* ---- the program, under the lock ------------------------------------------------------------ */

static void stop_program(struct decode_pool *pool)
{
    if (pool->pid > 0) {
        kill(pool->pid, SIGKILL);
        waitpid(pool->pid, NULL, 0);
    }
    pool->pid = 0;
    close_fd(&pool->control);
}

/* It is given its socket, nothing else, and no environment but where its libraries are. */
static int start_program(struct decode_pool *pool)
{
    int ends[2];
    char *const argv[] = {pool->program, NULL};
    const char *libraries = getenv("LD_LIBRARY_PATH");
    char *path = NULL;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -1;
    fcntl(ends[1], F_SETFL, 0);
    if (libraries && asprintf(&path, "LD_LIBRARY_PATH=%s", libraries) < 0)
        path = NULL;
    char *const environment[] = {path, NULL};
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0); /* Ctrl-C is the daemon's, which drains */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    const int error =
        posix_spawn(&pool->pid, pool->program, &actions, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    free(path);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        pool->pid = 0;
        if (!pool->warned)
            log_warning("the decoder cannot be started", log_text("program", pool->program),
                        log_text("error", strerror(error)));
        pool->warned = true;
        return -1;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = pool};
    pool->control = ends[0];
    if (epoll_ctl(pool->epoll, EPOLL_CTL_ADD, pool->control, &event) < 0) {
        stop_program(pool);
        return -1;
    }
    return 0;
}

/* It is gone, or says nothing: who asked it for a decoder has none. Those that run end with it. */
static void lose_program(struct decode_pool *pool)
{
    log_warning("the decoder is gone", log_text("program", pool->program));
    stop_program(pool);
    for (struct decode_place *p = pool->places, *next; p; p = next) {
        next = p->next;
        if (p->step != ASKED)
            continue;
        finish(p, DECODE_BROKEN);
        if (p->is_closed) {
            unlist(p);
            free(p);
        }
    }
}

static void order(struct decode_place *place)
{
    struct decode_pool *pool = place->pool;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(ORDER_FDS * sizeof(int))];
    } control = {.bytes = {0}};
    struct wire_order what = {.number = place->number, .is_stream = place->is_stream};
    struct iovec bytes = {&what, sizeof(what)};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    const int fds[ORDER_FDS] = {place->is_stream ? place->child_end : place->input,
                                place->child_end};

    if (pool->pid == 0 && start_program(pool) < 0) {
        finish(place, DECODE_BROKEN);
        return;
    }
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(fds));
    memcpy(CMSG_DATA(head), fds, sizeof(fds));
    const ssize_t sent = sendmsg(pool->control, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN)
        return; /* it has many orders already: again at the next tick */
    if (sent < 0) {
        finish(place, DECODE_BROKEN);
        return;
    }
    place->step = ASKED;
    place->since_ms = (uint64_t)clock_now_ms();
    close_fd(&place->child_end);
    close_fd(&place->input);
}

/* One answer of the program. False: there is none. */
static bool take_answer(struct decode_pool *pool)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct wire_order what;
    struct iovec bytes = {&what, sizeof(what)};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    const ssize_t got = recvmsg(pool->control, &message, MSG_CMSG_CLOEXEC);
    int pidfd = -1;

    if (got < 0 && errno == EAGAIN)
        return false;
    const struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&pidfd, CMSG_DATA(head), sizeof(int));
    struct decode_place *place = got == (ssize_t)sizeof(what) ? pool->places : NULL;
    while (place && (place->step != ASKED || place->number != what.number))
        place = place->next;
    if (!place) {
        close_fd(&pidfd);
        lose_program(pool);
        return false;
    }
    place->pidfd = pidfd;
    place->step = RUNNING;
    place->since_ms = (uint64_t)clock_now_ms();
    if (pidfd < 0 || place->is_closed)
        finish(place, DECODE_BROKEN);
    else
        place->state = DECODE_RUNS;
    if (place->is_closed) {
        unlist(place);
        free(place);
    } else if (place->awaited) {
        watch(place);
    }
    return true;
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* Gives places to who waits, and ends what takes too long. True: look again after a tick. */
static bool look(struct decode_pool *pool)
{
    const uint64_t now = (uint64_t)clock_now_ms();
    uint32_t running = 0;
    bool again = false, is_late = false;

    for (struct decode_place *p = pool->places; p; p = p->next)
        running += p->step == ASKED || p->step == RUNNING;
    for (struct decode_place *p = pool->places; p; p = p->next) {
        if (p->step == WAITING && running < pool->most) {
            order(p);
            running += p->step == ASKED;
        }
        again |= p->step == WAITING || p->step == ASKED || p->awaited;
        is_late |= p->step == ASKED && now > p->since_ms + ORDER_MS;
        if (p->step == RUNNING && p->awaited && now > p->since_ms + pool->stall_ms)
            finish(p, DECODE_STALLED);
    }
    if (is_late)
        lose_program(pool);
    return again;
}

static void *run(void *user)
{
    struct decode_pool *pool = user;
    struct epoll_event events[EVENTS];
    bool again = false;

    for (;;) {
        const int count = epoll_wait(pool->epoll, events, EVENTS, again ? TICK_MS : -1);
        pthread_mutex_lock(&pool->lock);
        if (pool->stopping)
            break;
        for (int i = 0; i < count; i++) {
            uint64_t ignored;
            struct decode_place *place = pool->places;
            while (place && place != events[i].data.ptr)
                place = place->next; /* it may be gone by now */
            if (place)
                tell(place);
            else if (events[i].data.ptr == pool)
                while (pool->control >= 0 && take_answer(pool))
                    ;
            else if (!events[i].data.ptr && read(pool->wake, &ignored, sizeof(ignored)) < 0)
                continue;
        }
        again = look(pool);
        pthread_mutex_unlock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void rouse(struct decode_pool *pool)
{
    const uint64_t one = 1;

    if (write(pool->wake, &one, sizeof(one)) < 0)
        return; /* it is awake already */
}

/* ---- for everybody -------------------------------------------------------------------------- */

int decode_pool_open(struct decode_pool **ret_pool, const struct decode_pool_options *options)
{
    struct decode_pool *pool = calloc(1, sizeof(*pool));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

    if (!pool)
        return -1;
    pool->most = options->most;
    pool->stall_ms = options->stall_ms;
    pool->control = -1;
    pool->program = strdup(options->program);
    pool->epoll = epoll_create1(EPOLL_CLOEXEC);
    pool->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!pool->program || pool->epoll < 0 || pool->wake < 0 ||
        epoll_ctl(pool->epoll, EPOLL_CTL_ADD, pool->wake, &event) < 0 ||
        pthread_mutex_init(&pool->lock, NULL) != 0)
        goto fail;
    if (pthread_create(&pool->thread, NULL, run, pool) != 0) {
        pthread_mutex_destroy(&pool->lock);
        goto fail;
    }
    *ret_pool = pool;
    return 0;
fail:
    close_fd(&pool->epoll);
    close_fd(&pool->wake);
    free(pool->program);
    free(pool);
    return -1;
}

void decode_pool_close(struct decode_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_mutex_unlock(&pool->lock);
    rouse(pool);
    pthread_join(pool->thread, NULL);
    stop_program(pool);
    for (struct decode_place *p = pool->places, *next; p; p = next) { /* closed, not answered */
        next = p->next;
        close_fd(&p->child_end);
        close_fd(&p->input);
        free(p);
    }
    close_fd(&pool->epoll);
    close_fd(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool->program);
    free(pool);
}

bool decode_pool_is_there(const struct decode_pool *pool)
{
    return pool && access(pool->program, X_OK) == 0;
}

struct decode_place *decode_pool_place_open(struct decode_pool *pool, int input)
{
    struct decode_place *place = calloc(1, sizeof(*place));
    const int size = SOCKET_BYTES;
    int ends[2];

    if (!place || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        free(place);
        close_fd(&input);
        return NULL;
    }
    fcntl(ends[1], F_SETFL, 0);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    place->pool = pool;
    place->socket = ends[0];
    place->child_end = ends[1];
    place->input = input;
    place->is_stream = input < 0;
    place->pidfd = -1;
    pthread_mutex_lock(&pool->lock);
    place->number = ++pool->numbers;
    place->since_ms = (uint64_t)clock_now_ms();
    struct decode_place **last = &pool->places;
    while (*last)
        last = &(*last)->next;
    *last = place;
    pthread_mutex_unlock(&pool->lock);
    rouse(pool);
    return place;
}

void decode_pool_place_close(struct decode_place *place)
{
    if (!place)
        return;
    struct decode_pool *pool = place->pool;
    pthread_mutex_lock(&pool->lock);
    place->awaited = false;
    const bool is_asked = place->step == ASKED;
    if (!is_asked) {
        finish(place, DECODE_BROKEN);
        unlist(place);
    }
    place->is_closed = true;
    close_fd(&place->socket); /* leaves the epoll with it */
    pthread_mutex_unlock(&pool->lock);
    if (!is_asked)
        free(place); /* else the thread does, when the answer comes */
    rouse(pool);
}

enum decode_state decode_pool_place_state(struct decode_place *place)
{
    pthread_mutex_lock(&place->pool->lock);
    const enum decode_state state = place->state;
    pthread_mutex_unlock(&place->pool->lock);
    return state;
}

int decode_pool_place_socket(const struct decode_place *place)
{
    return place->socket;
}

void decode_pool_place_await(struct decode_place *place, bool write, void (*ready)(void *user),
                             void *user)
{
    struct decode_pool *pool = place->pool;

    pthread_mutex_lock(&pool->lock);
    place->ready = ready;
    place->user = user;
    place->awaited = true;
    place->wants_write = write;
    if (place->step == RUNNING || place->step == OVER)
        place->since_ms = (uint64_t)clock_now_ms();
    if (place->step == RUNNING)
        watch(place);
    else if (place->step == OVER)
        tell(place);
    pthread_mutex_unlock(&pool->lock);
    rouse(pool); /* it looks at the clock from now on */
}

void decode_pool_wake(struct decode_pool *pool, const void *user)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    for (struct decode_place *p = pool->places; p; p = p->next)
        if (p->awaited && p->user == user)
            tell(p);
    pthread_mutex_unlock(&pool->lock);
}

uint32_t decode_pool_running(struct decode_pool *pool)
{
    uint32_t running = 0;

    pthread_mutex_lock(&pool->lock);
    for (struct decode_place *p = pool->places; p; p = p->next)
        running += p->step == RUNNING;
    pthread_mutex_unlock(&pool->lock);
    return running;
}
