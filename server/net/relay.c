/* relay.c - see relay.h.
 *
 * Epoll is edge-triggered: heads are looked at with MSG_PEEK, and peeked bytes must not wake us
 * again. What could not be passed on at once is kept, and nothing more is read meanwhile, so a
 * connection holds two pieces of PIECE bytes at most.
 *
 * A client that closes its sending side right behind its request waits for the answer, as programs
 * that pipe a file through a socket do; one that does so later has left. Which of both it was only
 * writing to it shows. */
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "answer.h"
#include "body.h"
#include "clock.h"
#include "frames.h"
#include "kept.h"
#include "log.h"
#include "ws.h"

#define PIECE         65536
#define TICK_MS       250
#define HEAD_MS       10000 /* from the first byte of a later head */
#define HALF_CLOSE_MS 1000  /* behind the body; later it is a leave */
#define SLOW_MS       20000 /* a body that was given up by then was slow */
#define LINGER_MS     2000  /* a client may still be sending while it gets its answer */
#define TARGET_BYTES  64    /* of a request's target that are kept: enough to know the dialect */
#define PROBLEM_BYTES 120

enum side { CLIENT, INNER };

struct line {
    struct line *next, **before;
    int fds[2]; /* by side; INNER -1: none */
    int far;    /* the inner pair's other end, by which it is known; -1 */
    struct kept out[2];
    enum { HEAD, BODY, ANSWER, TUNNEL, LINGER, DEAD } state;
    struct body body;
    struct frames frames; /* of a TUNNEL */
    bool is_cut;          /* what the client still sends is dropped */
    bool is_counted;      /* in relay->busy */
    bool has_said;        /* something of the answer */
    bool is_half_closed;  /* the client has said that it sends no more */
    atomic_bool answered;
    int64_t began_ms; /* its request */
    /* BODY: a piece came; ANSWER: the body ended; LINGER: it began; HEAD: a piece came; 0: none. */
    int64_t since_ms;
    char target[TARGET_BYTES];   /* of its request; may be cut behind '?' */
    int gave_up;                 /* {lock} status that the body was given up with; 0: it was not */
    char problem[PROBLEM_BYTES]; /* {lock} */
};

struct adopted {
    int fd;
    struct adopted *next;
};

struct relay {
    struct relay_options options;
    int epoll;
    int wake; /* an eventfd: there is something new for the thread */
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    atomic_uint busy;
    pthread_mutex_t lock;
    struct adopted *adopted; /* {lock} */
    struct line *lines;      /* {lock} changed by the thread alone */
    char piece[PIECE];       /* the thread's */
};

static bool is_later(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void count(struct relay *r, struct line *l, bool busy)
{
    if (busy != l->is_counted)
        atomic_fetch_add(&r->busy, busy ? 1u : -1u);
    l->is_counted = busy;
}

static int listen_to(struct relay *r, struct line *l, enum side side)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.u64 = (uint64_t)(uintptr_t)l | (uint64_t)side};
    return epoll_ctl(r->epoll, EPOLL_CTL_ADD, l->fds[side], &event);
}

static void close_inner(struct relay *r, struct line *l)
{
    pthread_mutex_lock(&r->lock);
    l->far = -1;
    pthread_mutex_unlock(&r->lock);
    if (l->fds[INNER] >= 0)
        close(l->fds[INNER]);
    l->fds[INNER] = -1;
    kept_drop(&l->out[INNER]);
}

/* Its memory goes at the end of the round: events may still name it. */
static void kill_line(struct relay *r, struct line *l)
{
    close_inner(r, l);
    kept_drop(&l->out[CLIENT]);
    if (l->fds[CLIENT] >= 0)
        close(l->fds[CLIENT]);
    l->fds[CLIENT] = -1;
    count(r, l, false);
    l->state = DEAD;
}

/* Gives the client's socket away. */
static int take_client(struct relay *r, struct line *l)
{
    const int fd = l->fds[CLIENT];
    epoll_ctl(r->epoll, EPOLL_CTL_DEL, fd, NULL);
    l->fds[CLIENT] = -1;
    kill_line(r, l);
    return fd;
}

/* Nothing more comes from inside: what waits is written, and then the client may hang up first. */
static void linger(struct relay *r, struct line *l)
{
    close_inner(r, l);
    l->state = LINGER;
    l->since_ms = (int64_t)clock_now_ms();
    if (!l->out[CLIENT].bytes) {
        shutdown(l->fds[CLIENT], SHUT_WR);
        count(r, l, false);
    }
}

/* Ends a request that nothing was said to. It lingers then, or is dead. */
static void refuse(struct relay *r, struct line *l, const char *target, int status,
                   const char *message)
{
    if (l->has_said || l->out[CLIENT].bytes) {
        kill_line(r, l);
        return;
    }
    const char *extra = status == 503 ? "Retry-After: 1\r\n" : "";
    /* Who still sends would see a reset and no answer: it is read and dropped for a while. */
    const int again = l->state == BODY ? fcntl(l->fds[CLIENT], F_DUPFD_CLOEXEC, 0) : -1;
    if (again < 0) {
        answer_target(take_client(r, l), target, status, message, extra);
        return;
    }
    answer_target(again, target, status, message, extra);
    linger(r, l);
}

/* ---- passing on ----------------------------------------------------------------------------- */

static bool flush(struct line *l, enum side side)
{
    return kept_flush(&l->out[side], l->fds[side]);
}

static bool pass(struct line *l, enum side side, const char *bytes, size_t count)
{
    return kept_pass(&l->out[side], l->fds[side], bytes, count);
}

/* A pair of sockets; the other end, or -1. */
static int make_pair(struct relay *r, struct line *l)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return -1;
    l->fds[INNER] = pair[0];
    pthread_mutex_lock(&r->lock);
    l->far = pair[1];
    pthread_mutex_unlock(&r->lock);
    if (listen_to(r, l, INNER) == 0)
        return pair[1];
    close(pair[1]);
    close_inner(r, l);
    return -1;
}

static bool connect_inner(struct relay *r, struct line *l)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (l->fds[INNER] >= 0)
        return true;
    if (getpeername(l->fds[CLIENT], (struct sockaddr *)&address, &length) != 0)
        return false;
    const int far = make_pair(r, l);
    if (far < 0)
        return false;
    if (r->options.open(r->options.user, far, (struct sockaddr *)&address, length))
        return true;
    close_inner(r, l);
    return false;
}

/* Sets a WebSocket up: inside they see an upgrade that has nothing of the client's but its key and
 * the protocol that is spoken, so no library stumbles over the rest. False: there is no room. */
static bool open_tunnel(struct relay *r, struct line *l, const struct head *head)
{
    const char *protocol = ws_protocol(head);
    char request[512];
    close_inner(r, l);
    const int far = make_pair(r, l);
    if (far < 0)
        return false;
    const int length = snprintf(request, sizeof request,
                                "GET / HTTP/1.1\r\nHost: inside\r\nUpgrade: websocket\r\n"
                                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Key: %s\r\n%s%s%s\r\n",
                                head->key, protocol ? "Sec-WebSocket-Protocol: " : "",
                                protocol ? protocol : "", protocol ? "\r\n" : "");
    l->state = TUNNEL;
    count(r, l, true);
    /* A pair that is new takes it whole. */
    if (send(l->fds[INNER], request, (size_t)length, MSG_NOSIGNAL) != length) {
        close(far);
        return false;
    }
    r->options.upgrade(r->options.user, far, head);
    return true;
}

/* Takes the head, which has been looked at, from the socket. */
static size_t take_head(struct relay *r, struct line *l, size_t got)
{
    const char *end = memmem(r->piece, got, "\r\n\r\n", 4);
    const size_t length = (size_t)(end + 4 - r->piece);
    return recv(l->fds[CLIENT], r->piece, length, 0) == (ssize_t)length ? length : 0;
}

/* A head may have come. True: it has been dealt with, look on. */
static bool look_at_head(struct relay *r, struct line *l)
{
    struct head head;
    const ssize_t got = recv(l->fds[CLIENT], r->piece, HEAD_MAX, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && is_later(errno))
        return false;
    if (got <= 0) {
        kill_line(r, l);
        return false;
    }
    const enum head_verdict verdict = head_parse(&head, r->piece, (size_t)got);
    const char *forbidden = verdict == HEAD_HTTP || verdict == HEAD_UPGRADE
                                ? r->options.forbid(r->options.user, &head)
                                : NULL;
    if (verdict == HEAD_INCOMPLETE) {
        if (!l->since_ms)
            l->since_ms = (int64_t)clock_now_ms();
        if (l->is_half_closed)
            kill_line(r, l);
        return false;
    }
    l->has_said = false;
    if (verdict == HEAD_BAD) {
        refuse(r, l, head.target, head.status, head.problem);
    } else if (forbidden) {
        refuse(r, l, head.target, 403, forbidden);
    } else if (verdict == HEAD_UPGRADE) {
        if (take_head(r, l, (size_t)got) && open_tunnel(r, l, &head))
            return true;
        refuse(r, l, head.target, 503, "too many connections");
    } else if (!connect_inner(r, l)) {
        refuse(r, l, head.target, 503, "too many connections");
    } else {
        atomic_store(&l->answered, false);
        count(r, l, true);
        l->began_ms = l->since_ms = (int64_t)clock_now_ms();
        body_begin(&l->body, &head);
        snprintf(l->target, sizeof l->target, "%.*s", TARGET_BYTES - 1, head.target);
        l->state = l->body.is_over ? ANSWER : BODY;
        const size_t length = take_head(r, l, (size_t)got);
        if (length) {
            /* If they have hung up, pass_answer sees it and answers for them. */
            pass(l, INNER, r->piece, length);
            return true;
        }
        kill_line(r, l);
    }
    return false;
}

/* Passes a piece of the body on. True: look on. */
static bool pass_body(struct relay *r, struct line *l)
{
    if (l->out[INNER].bytes)
        return false;
    const ssize_t got = recv(l->fds[CLIENT], r->piece, PIECE, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && is_later(errno))
        return false;
    if (got <= 0) {
        refuse(r, l, l->target, 400, "the body ends before it is whole");
        return l->state == LINGER;
    }
    const long taken = body_take(&l->body, r->piece, (size_t)got);
    if (taken < 0) {
        refuse(r, l, l->target, 400, "the body is not in chunks as HTTP/1.1 has them");
        return l->state == LINGER;
    }
    l->since_ms = (int64_t)clock_now_ms();
    if (l->body.is_over)
        l->state = ANSWER;
    if (recv(l->fds[CLIENT], r->piece, (size_t)taken, 0) != taken) {
        kill_line(r, l);
        return false;
    }
    /* Whoever answers before the end reads no more; its answer is still to come. */
    if (!pass(l, INNER, r->piece, (size_t)taken))
        l->state = ANSWER;
    return true;
}

/* Passes what a WebSocket's client says on. An unmasked frame becomes one of an opcode that is
 * reserved: the library refuses that with 1002. True: look on. */
static bool pass_frames(struct relay *r, struct line *l)
{
    static const char reserved[] = {(char)0x8f, (char)0x80, 0, 0, 0, 0};
    bool is_bad = false;
    if (l->out[INNER].bytes || l->fds[INNER] < 0)
        return false;
    const ssize_t got =
        recv(l->fds[CLIENT], r->piece, PIECE, MSG_DONTWAIT | (l->is_cut ? 0 : MSG_PEEK));
    if (got < 0 && is_later(errno))
        return false;
    if (got <= 0) {
        kill_line(r, l);
        return false;
    }
    if (l->is_cut)
        return true;
    const size_t passes = frames_take(&l->frames, r->piece, (size_t)got, &is_bad);
    if (passes && (recv(l->fds[CLIENT], r->piece, passes, 0) != (ssize_t)passes ||
                   !pass(l, INNER, r->piece, passes))) {
        kill_line(r, l);
        return false;
    }
    if (is_bad && l->out[INNER].bytes)
        return false; /* what is before it goes first */
    if (is_bad) {
        l->is_cut = true;
        pass(l, INNER, reserved, sizeof reserved);
    }
    return passes || is_bad;
}

/* Inside they hung up without an answer. */
static void say_why(struct relay *r, struct line *l)
{
    char problem[PROBLEM_BYTES];
    pthread_mutex_lock(&r->lock);
    const int gave_up = l->gave_up;
    memcpy(problem, l->problem, sizeof problem);
    pthread_mutex_unlock(&r->lock);
    if (gave_up)
        refuse(r, l, l->target, gave_up, problem);
    else if (l->state == BODY && (int64_t)clock_now_ms() - l->began_ms >= SLOW_MS)
        refuse(r, l, l->target, 408, "the body did not come in time");
    else if (l->state == BODY)
        refuse(r, l, l->target, 503, "the body cannot be taken: memory is short now");
    else
        refuse(r, l, l->target, 500, "the request could not be answered");
}

/* Passes a piece of the answer on. True: look on. */
static bool pass_answer(struct relay *r, struct line *l)
{
    if (l->out[CLIENT].bytes || l->fds[INNER] < 0)
        return false;
    const bool answered = atomic_load(&l->answered); /* before there is nothing more to read */
    const ssize_t got = recv(l->fds[INNER], r->piece, PIECE, MSG_DONTWAIT);
    if (got > 0) {
        l->has_said = true;
        if (pass(l, CLIENT, r->piece, (size_t)got))
            return true;
        kill_line(r, l); /* the client has left */
        return false;
    }
    if (got < 0 && is_later(errno)) {
        if (!answered || l->state != ANSWER) /* of a TUNNEL nobody says so */
            return false;
        count(r, l, false);
        l->state = HEAD;
        l->since_ms = 0;
        return true;
    }
    /* Inside they have hung up. */
    if (l->state == HEAD || l->state == TUNNEL || l->has_said)
        linger(r, l);
    else
        say_why(r, l);
    return l->state == LINGER;
}

/* Reads and drops, until the client has hung up. */
static bool drain(struct relay *r, struct line *l)
{
    const ssize_t got = recv(l->fds[CLIENT], r->piece, PIECE, MSG_DONTWAIT);
    if (got > 0)
        return true;
    if (got == 0 || !is_later(errno))
        kill_line(r, l);
    return false;
}

/* Does whatever can be done without waiting. */
static void serve(struct relay *r, struct line *l)
{
    bool more = true;
    while (more && l->state != DEAD) {
        if (!flush(l, CLIENT)) {
            kill_line(r, l);
            return;
        }
        if (l->fds[INNER] >= 0 && !flush(l, INNER)) {
            kept_drop(&l->out[INNER]);
            l->state = l->state == BODY ? ANSWER : l->state;
        }
        more = false;
        if (l->state == LINGER && !l->out[CLIENT].bytes) {
            shutdown(l->fds[CLIENT], SHUT_WR);
            count(r, l, false);
            more = drain(r, l);
            continue;
        }
        if (l->state == BODY)
            more |= pass_body(r, l);
        if (l->state == TUNNEL)
            more |= pass_frames(r, l);
        if (l->state == BODY || l->state == ANSWER || l->state == HEAD || l->state == TUNNEL)
            more |= pass_answer(r, l);
        if (l->state == HEAD && !l->out[CLIENT].bytes)
            more |= look_at_head(r, l);
    }
}

/* ---- the thread ----------------------------------------------------------------------------- */

/* The client sends no more, or is gone. */
static void note_end(struct relay *r, struct line *l, uint32_t events)
{
    if (events & (EPOLLHUP | EPOLLERR)) {
        kill_line(r, l);
        return;
    }
    if (l->is_half_closed)
        return;
    l->is_half_closed = true;
    if (l->state == ANSWER && (int64_t)clock_now_ms() - l->since_ms > HALF_CLOSE_MS)
        kill_line(r, l);
    /* Nobody reads inside while enough waits there; then nobody would see the end of it. */
    if (l->state == TUNNEL && l->out[INNER].bytes)
        kill_line(r, l);
}

static void adopt_all(struct relay *r)
{
    pthread_mutex_lock(&r->lock);
    struct adopted *a = r->adopted;
    r->adopted = NULL;
    pthread_mutex_unlock(&r->lock);
    while (a) {
        struct adopted *next = a->next;
        struct line *l = calloc(1, sizeof *l);
        if (!l) {
            answer_refuse(a->fd, 503, "out of memory", "Retry-After: 1\r\n");
            atomic_fetch_sub(&r->busy, 1);
        } else {
            *l = (struct line){.fds = {a->fd, -1}, .far = -1, .is_counted = true};
            pthread_mutex_lock(&r->lock);
            l->next = r->lines;
            l->before = &r->lines;
            if (l->next)
                l->next->before = &l->next;
            r->lines = l;
            pthread_mutex_unlock(&r->lock);
            if (listen_to(r, l, CLIENT) != 0)
                kill_line(r, l);
            else
                serve(r, l);
            if (l->state == HEAD)
                count(r, l, false);
        }
        free(a);
        a = next;
    }
}

static void look_at_clock(struct relay *r, struct line *l, int64_t now)
{
    if (kept_is_slow(&l->out[CLIENT], l->fds[CLIENT], now, r->options.unread_ms)) {
        log_info("answer not read", log_count("seconds", r->options.unread_ms / 1000));
        kill_line(r, l);
    } else if (l->state == LINGER && !l->out[CLIENT].bytes && now - l->since_ms > LINGER_MS) {
        kill_line(r, l);
    } else if (l->state == HEAD && l->since_ms && now - l->since_ms > HEAD_MS) {
        refuse(r, l, NULL, 408, "the request head did not come within 10 s");
    }
}

static void bury(struct relay *r, struct line *l)
{
    pthread_mutex_lock(&r->lock);
    *l->before = l->next;
    if (l->next)
        l->next->before = l->before;
    pthread_mutex_unlock(&r->lock);
    free(l);
}

static void *run(void *user)
{
    struct relay *r = user;
    struct epoll_event events[64];
    int64_t ticked_ms = 0;
    while (!atomic_load(&r->stopping)) {
        const int got = epoll_wait(r->epoll, events, 64, r->lines ? TICK_MS : -1);
        bool is_woken = false;
        for (int i = 0; i < got; i++) {
            const uint64_t name = events[i].data.u64;
            struct line *l = (struct line *)(uintptr_t)(name & ~(uint64_t)1);
            is_woken |= !l;
            if (!l || l->state == DEAD)
                continue;
            if ((name & 1) == CLIENT && events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
                note_end(r, l, events[i].events);
            if (l->state != DEAD)
                serve(r, l);
        }
        const int64_t now = (int64_t)clock_now_ms();
        const bool is_tick = now - ticked_ms >= TICK_MS;
        if (is_tick)
            ticked_ms = now;
        if (is_woken) {
            uint64_t times;
            (void)!read(r->wake, &times, sizeof times);
            adopt_all(r);
        }
        for (struct line *l = r->lines, *next; l && (is_woken || is_tick); l = next) {
            next = l->next;
            if (is_woken && l->state == ANSWER && atomic_load(&l->answered))
                serve(r, l);
            if (is_tick && l->state != DEAD)
                look_at_clock(r, l, now);
            if (l->state == DEAD)
                bury(r, l);
        }
    }
    return NULL;
}

/* ---- for everybody -------------------------------------------------------------------------- */

static void wake(struct relay *r)
{
    const uint64_t one = 1;
    (void)!write(r->wake, &one, sizeof one);
}

int relay_open(struct relay **ret_relay, const struct relay_options *options)
{
    struct relay *r = calloc(1, sizeof *r);
    struct epoll_event event = {.events = EPOLLIN};
    if (!r || pthread_mutex_init(&r->lock, NULL) != 0) {
        free(r);
        return -1;
    }
    r->options = *options;
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r->epoll < 0 || r->wake < 0 || epoll_ctl(r->epoll, EPOLL_CTL_ADD, r->wake, &event) != 0 ||
        pthread_create(&r->thread, NULL, run, r) != 0) {
        relay_close(r);
        return -1;
    }
    r->started = true;
    *ret_relay = r;
    return 0;
}

void relay_adopt(struct relay *r, int fd)
{
    struct adopted *a = malloc(sizeof *a);
    if (!a) {
        answer_refuse(fd, 503, "out of memory", "Retry-After: 1\r\n");
        return;
    }
    atomic_fetch_add(&r->busy, 1);
    pthread_mutex_lock(&r->lock);
    *a = (struct adopted){fd, r->adopted};
    r->adopted = a;
    pthread_mutex_unlock(&r->lock);
    wake(r);
}

void relay_answered(struct relay *r, int fd)
{
    pthread_mutex_lock(&r->lock);
    for (struct line *l = r->lines; l; l = l->next)
        if (l->far == fd)
            atomic_store(&l->answered, true);
    pthread_mutex_unlock(&r->lock);
    wake(r);
}

void relay_give_up(struct relay *r, int fd, int status, const char *problem)
{
    pthread_mutex_lock(&r->lock);
    for (struct line *l = r->lines; l; l = l->next)
        if (l->far == fd) {
            l->gave_up = status;
            snprintf(l->problem, sizeof l->problem, "%s", problem);
        }
    pthread_mutex_unlock(&r->lock);
}

unsigned relay_busy(struct relay *r)
{
    return atomic_load(&r->busy);
}

void relay_close(struct relay *r)
{
    if (!r)
        return;
    if (r->started) {
        atomic_store(&r->stopping, true);
        wake(r);
        pthread_join(r->thread, NULL);
    }
    while (r->lines) {
        struct line *l = r->lines;
        kill_line(r, l);
        bury(r, l);
    }
    while (r->adopted) {
        struct adopted *a = r->adopted;
        r->adopted = a->next;
        close(a->fd);
        free(a);
    }
    if (r->epoll >= 0)
        close(r->epoll);
    if (r->wake >= 0)
        close(r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
