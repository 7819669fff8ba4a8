/* fetch.h - requests that this server makes of others (http and https): recordings that a client
 * names by their url, handed on piece by piece; and callbacks, which deliver a client's result to a
 * url of its own.
 *
 * Where an address leads is judged when a connection is opened: the very address that is connected
 * to must be allowed, after every redirect again, so neither names nor redirects lead elsewhere. */
#ifndef FETCH_H
#define FETCH_H

#include "address.h"

struct fetch;

struct fetch_options {
    struct address_list allowed;
    uint64_t max_bytes; /* of one body */
    uint32_t most;      /* at once; more wait. One key has three quarters of them at most */
    uint32_t retry_ms;  /* before a callback's second try, then three times as long; 0: 1000 */
};

struct fetch_sink {
    /* A piece of the body; false ends it, done() still comes. */
    bool (*take)(void *user, const char *bytes, size_t count);
    /* Exactly once, the last call. status 200: the body is whole. Else what to answer the client,
     * 400, 413, 499 or 503, and a line for it, borrowed. */
    void (*done)(void *user, int status, const char *problem);
    void *user;
};

/* One thread does all of it, sinks included. 0 or -1. */
int fetch_open(struct fetch **ret_fetch, const struct fetch_options *options);
/* From now on nothing is fetched. What is under way has failed when this returns. */
void fetch_stop(struct fetch *fetch);
/* After fetch_stop, when nobody can call any more. NULL is fine. */
void fetch_close(struct fetch *fetch);

/* url is copied. key: whose it is; 0: nobody's, and then each host counts by itself. trace: header
 * traceparent; NULL: none. 0, or -1 when
 * stopped or without memory; done() is not called then. Any thread. */
int fetch_start(struct fetch *fetch, const char *url, uint64_t key, const char *trace,
                const struct fetch_sink *sink);
/* Could url be asked at all? False for what is no http or https, and for an address, written as
 * such, that is not allowed; where a name leads is not known before it is asked. Any thread. */
bool fetch_may_lead(const struct fetch *fetch, const char *url);

struct fetch_callback {
    const char *url;   /* copied */
    bool put;          /* else POST */
    uint64_t key;      /* as of fetch_start */
    const char *id;    /* header dg-request-id */
    const char *trace; /* as of fetch_start */
    char *body;        /* JSON; from malloc, taken in all cases */
};
/* Delivers it, in up to FETCH_TRIES tries with longer and longer waits: again after no connection,
 * a 408, a 429 or a 5xx. Redirects are not followed. done() says 200 once the other side answers
 * 2xx; take is not called. As fetch_start in all else. */
#define FETCH_TRIES 5
int fetch_call_back(struct fetch *fetch, const struct fetch_callback *callback,
                    const struct fetch_sink *sink);
/* Nobody wants what has a sink of that user any more: done() comes soon with 499, unless it has
 * come already. Any thread. */
void fetch_cancel(struct fetch *fetch, const void *user);

#endif
