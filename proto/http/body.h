/* body.h - where the body of an HTTP/1 request ends, told from its bytes as they pass. Pure.
 *
 * Chunks are read strictly (RFC 9112, section 7.1): digits in base 16, an extension that is
 * skipped, CR LF at the end of every line. */
#ifndef BODY_H
#define BODY_H

#include "head.h"

struct body {
    bool is_chunked, is_over;
    uint64_t left; /* bytes to come: of the body, or of the chunk */
    int at;        /* of a chunked body: what comes next */
    size_t line;   /* bytes of the line, or of the trailer, so far */
};

/* Of the request whose head that is. */
void body_begin(struct body *body, const struct head *head);
/* How many of bytes [count] belong to the body: fewer than count only when it is over there. -1:
 * they are no chunks. */
long body_take(struct body *body, const char *bytes, size_t count);

#endif
