/* http.h - plain HTTP: the batch endpoint and the operators' pages, on libmicrohttpd. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <sys/socket.h>

#include "http_options.h"

struct http;

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
