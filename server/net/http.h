/* http.h - plain HTTP: the batch endpoint and the operators' pages, on libmicrohttpd. */
#ifndef HTTP_H
#define HTTP_H

#include <stdatomic.h>

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
    const atomic_bool *ready; /* what /readyz says */
};

/* 0 or -1. Starts libmicrohttpd's thread. options is copied; what it points to outlives http. */
int http_open(struct http **ret_http, const struct http_options *options);
/* Takes a connected socket; any thread. Beyond max_connections it is answered 503. */
void http_adopt(struct http *http, int fd);
/* Uploads being received or answered, and connections whose first request is not known yet. */
unsigned http_busy(struct http *http);
/* All jobs must have ended (engine_close). */
void http_close(struct http *http);

#endif
