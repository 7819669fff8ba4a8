/* authorization.h - where the key stands that a client shows, whatever its dialect. Pure. */
#ifndef AUTHORIZATION_H
#define AUTHORIZATION_H

#include <stddef.h>

/* The key in an Authorization header ("Bearer KEY", "Token KEY", in any case, or KEY alone), else
 * in a list of subprotocols, where browsers have to put it ("token, KEY", "bearer, KEY", or
 * OpenAI's "realtime, openai-insecure-api-key.KEY"). Both may be NULL. Empty: none. Cut at room: a
 * key is never so long. */
void authorization_key(char *ret_key, size_t room, const char *header, const char *protocols);

#endif
