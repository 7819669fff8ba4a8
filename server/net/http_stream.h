/* http_stream.h - an answer that a worker writes bit by bit while libmicrohttpd sends it.
 *
 * Held by two: the request and the engine's job. Whoever lets go last frees it, so a client may
 * leave in the middle and a job may end after it. */
#ifndef HTTP_STREAM_H
#define HTTP_STREAM_H

#include "http_request.h"

struct http_stream;

/* With two holders; NULL without memory. The connection is about to be suspended. context: from
 * malloc, taken, for the job's callbacks; freed with the stream. */
struct http_stream *http_stream_open(struct MHD_Connection *connection, void *context);
void *http_stream_context(struct http_stream *stream);
void http_stream_release(struct http_stream *stream);

/* A worker: adds text (from malloc, taken; NULL is an allocation that failed). */
void http_stream_write(struct http_stream *stream, char *text);
/* A worker: nothing follows; the connection's thread goes on with what there is. */
void http_stream_end(struct http_stream *stream);
/* A worker, instead of a first write: there will be no stream but this answer (body from malloc,
 * taken). */
void http_stream_refuse(struct http_stream *stream, int status, char *body);
/* The connection's thread: was it refused? Then *ret_body is the caller's. */
bool http_stream_is_refused(struct http_stream *stream, int *ret_status, char **ret_body);
/* The connection's thread: the connection is gone; nobody may resume it. */
void http_stream_abandon(struct http_stream *stream);
/* The connection's thread: answers with what is written, now and later. */
enum MHD_Result http_stream_answer(struct http_stream *stream, struct http_request *r,
                                   const char *type);

#endif
