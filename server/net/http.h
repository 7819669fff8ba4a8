/* http.h - plain HTTP: the batch endpoint and the operators' pages, on libmicrohttpd. */
#ifndef HTTP_H
#define HTTP_H

#include <stdatomic.h>
#include <sys/socket.h>

#include "engine.h"
#include "fetch.h"
#include "keys.h"
#include "openai.h"

struct http;

struct http_options {
    struct engine *engine;
    const struct fold_info *info;
    struct keys *keys;
    struct openai_catalog catalog;
    const char *spool;
    struct fetch *fetch; /* NULL: recordings are not fetched */
    uint64_t max_upload_bytes;
    uint32_t max_connections;
    const struct origins *origins;
    const atomic_bool *ready; /* what /readyz says */
    /* The request that came through that socket is answered. libmicrohttpd's thread. */
    void (*answered)(void *user, int fd);
    void *user;
};

/* 0 or -1. Starts libmicrohttpd's thread. options is copied; what it points to outlives http. */
int http_open(struct http **ret_http, const struct http_options *options);
/* Takes a connected socket of a client with that address; any thread. False: there are
 * max_connections, or no memory, and it is closed. */
bool http_adopt(struct http *http, int fd, const struct sockaddr *address, socklen_t length);
/* Uploads being received or answered, and recordings whose answer is sent to a callback. */
unsigned http_busy(struct http *http);
/* All jobs must have ended (engine_close). */
void http_close(struct http *http);

#endif
