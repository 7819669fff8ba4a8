/* trace.h - a request's place in somebody's trace: the traceparent header of W3C Trace Context.
 * Pure functions. */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>

#define TRACE_HEADER 56 /* bytes of a header's value, with a terminating zero */

struct trace {
    char id[33];   /* hexadecimal; empty: the request is part of no trace */
    char flags[3]; /* as they came: whether the caller records it */
};

/* header: may be NULL. One that is not as the standard says leaves no trace, as it asks. */
void trace_read(struct trace *ret_trace, const char *header);
/* The header for what is asked of others because of the request of that id (a UUID), whose first
 * half becomes the parent's id. False: there is no trace. */
bool trace_write(const struct trace *trace, const char *request_id, char ret_header[TRACE_HEADER]);

#endif
