/* base64.h - RFC 4648, strictly: no line ends, no other letters, padding where it belongs. */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Most bytes that text of this length holds. */
#define BASE64_BYTES(length) ((length) / 4 * 3)

/* text [length] -> bytes (room for BASE64_BYTES). 0, or -1: it is none; then bytes hold nothing. */
int base64_decode(const char *text, size_t length, uint8_t *bytes, size_t *ret_count);

#endif
