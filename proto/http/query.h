/* query.h - the query of a request's target: the pairs behind "?". The one parser of them, for HTTP
 * and for WebSocket. Pure. */
#ifndef QUERY_H
#define QUERY_H

#include <stdbool.h>
#include <stddef.h>

/* What of a target is its query; "" when it has none. */
const char *query_of(const char *target);

/* The next pair of a query, decoded (+ and %XX), each cut at its room: with room for HEAD_TARGET
 * bytes nothing is ever cut. A zero byte ("%00") is left out. *at moves on. False at the end. */
bool query_next(const char **at, char *ret_key, size_t key_room, char *ret_value,
                size_t value_room);

#endif
