/* http_options.h - what plain HTTP is opened with. */
#ifndef HTTP_OPTIONS_H
#define HTTP_OPTIONS_H

#include <stdatomic.h>
#include <stdint.h>

#include "engine.h"
#include "fetch.h"
#include "keys.h"

struct catalog;
struct metrics;
struct origins;
struct secrets;

struct http_options {
    struct engine *engine;
    const struct fold_info *info;
    const struct catalog *catalog; /* the names that it answers to */
    struct keys *keys;
    struct secrets *secrets;
    struct metrics *metrics;
    const char *spool;
    struct fetch *fetch;     /* NULL: recordings are not fetched */
    struct fetch *callbacks; /* another, so that slow recordings hold none up; NULL with fetch */
    uint64_t max_upload_bytes;
    uint32_t max_connections;
    const char *public_pages; /* names of those that need no key: http_pages.c; commas between */
    const struct origins *origins;
    const atomic_bool *ready; /* what /readyz says */
    /* The request that came through that socket is answered. libmicrohttpd's thread. */
    void (*answered)(void *user, int fd);
    /* Its body is not read to its end, so it cannot be answered: what its client is to be told.
     * libmicrohttpd's thread. */
    void (*gave_up)(void *user, int fd, int status, const char *problem);
    void *user;
};

#endif
