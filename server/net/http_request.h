/* http_request.h - one HTTP request, as the files that know libmicrohttpd share it.
 *
 * Owned by libmicrohttpd's thread, but for the answer, which a worker makes before it resumes a
 * suspended connection. */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <microhttpd.h>

#include "content_coding.h"
#include "head.h"
#include "http_options.h"
#include "id.h"
#include "metrics.h"
#include "watch.h"

struct http {
    struct http_options options;
    char model_id[ID_BYTES]; /* UUID-shaped, of the weights */
    struct MHD_Daemon *mhd;
    struct watch *watch;
    atomic_uint busy, connections;
    atomic_uint open_callbacks; /* recordings that wait for their words, or for the other side */
};

struct http_request;

/* What takes a POST body. */
struct http_service {
    /* The head has come. MHD_YES, or what answering gave. */
    enum MHD_Result (*begin)(struct http_request *r);
    /* A piece of the body; MHD_NO hangs up. */
    enum MHD_Result (*feed)(struct http_request *r, const char *bytes, size_t count);
    /* The body is whole: answers, or suspends the connection. */
    enum MHD_Result (*end)(struct http_request *r);
    /* A worker has resumed the connection; NULL: the answer is sent. */
    enum MHD_Result (*resumed)(struct http_request *r);
    /* The watch's thread: the client has gone while the connection was suspended; NULL: it never
     * is. */
    void (*cancel)(struct http_request *r);
    /* Frees r->work; NULL: there is none. */
    void (*finish)(struct http_request *r);
};

extern const struct http_service http_transcribe_service, http_listen_service, http_secrets_service;

struct http_request {
    struct http *http;
    struct MHD_Connection *connection;
    const struct http_service *service; /* NULL: a page */
    const char *path;                   /* of that; static */
    bool is_beta;                       /* which is one of the beta's, */
    bool is_translation;                /* or for texts in English */
    char query[HEAD_TARGET];            /* as sent, from its "?" on */
    void *work;                         /* the service's */
    char id[ID_BYTES];
    struct trace trace; /* that it is part of */
    enum metrics_route route;
    atomic_bool is_gone;           /* the client has left */
    struct content_coding *coding; /* of the body; NULL: it comes as it is */
    bool is_spoiled;               /* its body cannot be read: the answer is set, */
    bool is_answered;              /* what follows of the body is dropped */
    bool is_begun;                 /* the head has come */
    bool is_ended;                 /* the body is whole */
    double began_ms, received_ms;  /* clock.h; the last byte of the request */
    uint64_t body_bytes;
    uint64_t watched;
    /* The answer. */
    int status;
    char *body;
    const char *type;
    char depth[96];
    uint32_t retry_s;        /* header of a 429 or 503; 0: not known */
    struct keys_grant grant; /* of who asks */
    char warnings[600];      /* header: what had no effect; empty: none */
    char dg_error[600];      /* header of Deepgram's refusals; empty: none */
};

/* target: path and query, as sent. NULL without memory. */
struct http_request *http_request_open(struct http *http, const char *target,
                                       struct MHD_Connection *connection);
void http_request_close(struct http_request *r);

const char *http_request_header(const struct http_request *r, const char *name);

/* body: from malloc, taken; NULL is an allocation that failed. type: static. */
void http_request_set(struct http_request *r, int status, const char *type, char *body);
/* Is the key good? Nothing is counted. Else sets the answer. */
bool http_request_is_known(struct http_request *r);
/* Is the key good, and has it requests left? Else sets the answer in the path's own dialect. */
bool http_request_admit(struct http_request *r);
/* Sets an answer in the path's own dialect. */
void http_request_refuse(struct http_request *r, int status, const char *message);
/* For the engine: what the caller may have of what it asks for. False with an answer set. */
bool http_request_policy(struct http_request *r, uint32_t depth, uint32_t latency_ms,
                         const char *tier, struct request_policy *ret_policy);
/* Sends what was set. */
enum MHD_Result http_request_answer(struct http_request *r);
/* Headers that every answer has. */
void http_request_add_common(struct MHD_Response *response, const struct http_request *r);

enum http_body {
    HTTP_BODY_OK,
    HTTP_BODY_TOO_LARGE, /* the rest is read and dropped, so that the client reads the answer */
    HTTP_BODY_TOO_SLOW,  /* hang up */
    HTTP_BODY_HOPELESS,  /* too large by far: hang up */
};
/* Counts bytes of the body against what is allowed. */
enum http_body http_request_count(struct http_request *r, size_t count);
/* Does its head promise a body that is not worth being read and dropped? */
bool http_request_is_hopeless(const struct http_request *r);

/* Suspends the connection until somebody resumes it; its client is watched from now on. */
void http_request_suspend(struct http_request *r);
void http_request_unwatch(struct http_request *r);

#endif
