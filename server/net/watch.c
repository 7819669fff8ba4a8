/* watch.c - see watch.h. Sockets are duplicated, so that a descriptor reused after its owner
 * closed it cannot be mistaken for the one that is watched. */
#include "watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct entry {
    uint64_t id;
    int fd;
    void *user;
    struct entry *next;
};

struct watch {
    void (*gone)(void *context, void *user);
    void *context;
    int epoll, stop;
    pthread_t thread;
    pthread_mutex_t lock;
    struct entry *entries; /* {lock} */
    uint64_t last_id;      /* {lock} */
};

static void report(struct watch *w, uint64_t id)
{
    pthread_mutex_lock(&w->lock);
    for (struct entry *e = w->entries; e; e = e->next)
        if (e->id == id)
            w->gone(w->context, e->user);
    pthread_mutex_unlock(&w->lock);
}

static void *run(void *user)
{
    struct watch *w = user;
    struct epoll_event events[16];
    for (;;) {
        const int count = epoll_wait(w->epoll, events, 16, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == 0)
                return NULL;
            report(w, events[i].data.u64);
        }
    }
}

int watch_open(struct watch **ret_watch, void (*gone)(void *context, void *user), void *context)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return -1;
    *w = (struct watch){.gone = gone, .context = context};
    if (pthread_mutex_init(&w->lock, NULL) != 0) {
        free(w);
        return -1;
    }
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->stop = eventfd(0, EFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (w->epoll < 0 || w->stop < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->stop, &event) != 0 ||
        pthread_create(&w->thread, NULL, run, w) != 0) {
        close(w->epoll);
        close(w->stop);
        pthread_mutex_destroy(&w->lock);
        free(w);
        return -1;
    }
    *ret_watch = w;
    return 0;
}

void watch_close(struct watch *w)
{
    if (!w)
        return;
    const uint64_t one = 1;
    (void)!write(w->stop, &one, sizeof one);
    pthread_join(w->thread, NULL);
    while (w->entries)
        watch_remove(w, w->entries->id);
    close(w->epoll);
    close(w->stop);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

uint64_t watch_add(struct watch *w, int fd, void *user)
{
    struct entry *e = malloc(sizeof *e);
    const int copy = e ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy < 0) {
        free(e);
        return 0;
    }
    pthread_mutex_lock(&w->lock);
    *e = (struct entry){++w->last_id, copy, user, w->entries};
    w->entries = e;
    const uint64_t id = e->id;
    pthread_mutex_unlock(&w->lock);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT, .data.u64 = id};
    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, copy, &event) != 0) {
        watch_remove(w, id);
        return 0;
    }
    return id;
}

void watch_remove(struct watch *w, uint64_t id)
{
    pthread_mutex_lock(&w->lock);
    for (struct entry **at = &w->entries; *at; at = &(*at)->next)
        if ((*at)->id == id) {
            struct entry *e = *at;
            *at = e->next;
            epoll_ctl(w->epoll, EPOLL_CTL_DEL, e->fd, NULL);
            close(e->fd);
            free(e);
            break;
        }
    pthread_mutex_unlock(&w->lock);
}
