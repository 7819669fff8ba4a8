/* foreign.h - formats that are decoded in a process of their own: what is particular about that. */
#ifndef FOREIGN_H
#define FOREIGN_H

#include <stdbool.h>

/* decoder: of foreign_decoder. After DECODER_WAITS: calls ready(user) once when it is worth pulling
 * again; see decode_pool_place_await. */
void foreign_await(void *decoder, void (*ready)(void *user), void *user);
/* "mov", ...; "" until the first sound. */
const char *foreign_container(const void *decoder);

#endif
