/* authorization.h - which key a client shows, wherever it does. The one place that reads it, for
 * HTTP and for WebSocket. Pure. */
#ifndef AUTHORIZATION_H
#define AUTHORIZATION_H

#define AUTHORIZATION_KEY                                                                          \
    512 /* of a key, with its terminating zero: --hash-key takes none longer */

/* Looks, in this order, at
 *   header     Authorization: "Bearer KEY", "Token KEY" (in any case), or KEY alone; other schemes
 *              show no key;
 *   protocols  Sec-WebSocket-Protocol, where browsers put it: "token, KEY", "bearer, KEY", or among
 *              others "openai-insecure-api-key.KEY";
 *   token      the query's parameter of that name.
 * Each may be NULL or "". ret_key is "" when none of them shows a key. A longer one is cut, and is
 * then none that anybody knows. */
void authorization_key(const char *header, const char *protocols, const char *token,
                       char ret_key[AUTHORIZATION_KEY]);

#endif
