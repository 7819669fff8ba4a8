/* head.h - the head of an HTTP/1 request, judged before any library sees it. Pure functions. */
#ifndef HEAD_H
#define HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace.h"

#define HEAD_MAX           16384
#define HEAD_TARGET        8192
#define HEAD_FIELDS        200  /* header lines */
#define HEAD_ARGUMENTS     2500 /* pairs of a query */
#define HEAD_PROTOCOL      640  /* a key of 511 bytes, and names beside it */
#define HEAD_AUTHORIZATION 544  /* the same, behind its scheme */
#define HEAD_AUTHORITY     264  /* a name of 253 bytes, a port, and a terminating zero */

enum head_verdict {
    HEAD_INCOMPLETE, /* more bytes are needed */
    HEAD_HTTP,       /* an ordinary request */
    HEAD_UPGRADE,    /* a sound WebSocket upgrade */
    HEAD_BAD,        /* status and problem say why */
};

struct head {
    char target[HEAD_TARGET];     /* path, tidied, and query, as sent */
    char protocol[HEAD_PROTOCOL]; /* Sec-WebSocket-Protocol, all that are offered; empty: none */
    char key[25];                 /* Sec-WebSocket-Key, of an upgrade */
    char authorization[HEAD_AUTHORIZATION]; /* Authorization; empty: none; cut when longer */
    char host[HEAD_AUTHORITY];      /* Host, in lower case; empty: HTTP/1.0 may do without */
    char origin[HEAD_AUTHORITY];    /* Origin, in lower case; empty: none */
    char traceparent[TRACE_HEADER]; /* empty: none, or longer */
    bool is_beta;                   /* OpenAI-Beta: realtime=v1 */
    bool is_chunked;                /* the body comes in chunks; else it is of */
    uint64_t body_bytes;
    int status;          /* HEAD_BAD: 400, 404, 405, 414, 426, 431 or 501 */
    const char *problem; /* HEAD_BAD: static text */
};

/* bytes [count]: what has come so far. */
enum head_verdict head_parse(struct head *head, const char *bytes, size_t count);

/* Makes "//v1//listen/?a=b//" the "/v1/listen?a=b//" that was meant: an address that is put
 * together by a program has slashes doubled where its parts meet, and one at the end. In place. */
void head_tidy(char *target);

#endif
