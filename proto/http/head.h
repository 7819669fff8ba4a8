/* head.h - the head of an HTTP/1 request, judged before any library sees it. Pure functions. */
#ifndef HEAD_H
#define HEAD_H

#include <stdbool.h>
#include <stddef.h>

#define HEAD_MAX    16384
#define HEAD_TARGET 8192

enum head_verdict {
    HEAD_INCOMPLETE, /* more bytes are needed */
    HEAD_HTTP,       /* an ordinary request */
    HEAD_UPGRADE,    /* a sound WebSocket upgrade */
    HEAD_BAD,        /* status and problem say why */
};

struct head {
    char target[HEAD_TARGET]; /* path and query, as sent */
    char protocol[128];       /* Sec-WebSocket-Protocol; empty: none */
    char authorization[256];  /* Authorization; empty: none, or longer */
    bool is_beta;             /* OpenAI-Beta: realtime=v1 */
    int status;               /* HEAD_BAD: 400, 405, 426 or 431 */
    const char *problem;      /* HEAD_BAD: static text */
};

/* bytes [count]: what has come so far. */
enum head_verdict head_parse(struct head *head, const char *bytes, size_t count);

/* The next pair of a query string, decoded (+ and %XX), each cut at its room; *at moves on. False
 * at the end. */
bool head_query_next(const char **at, char *ret_key, size_t key_room, char *ret_value,
                     size_t value_room);

#endif
