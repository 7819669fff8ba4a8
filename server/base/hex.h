/* hex.h - bytes as hexadecimal digits. */
#ifndef HEX_H
#define HEX_H

#include <stdbool.h>
#include <stddef.h>

/* Two lower-case digits a byte, and a zero: ret_text has room for 2 * count + 1. */
void hex_write(char *ret_text, const unsigned char *bytes, size_t count);

/* The other way: text of exactly 2 * count digits, in any case. False: it is something else. */
bool hex_read(unsigned char *ret_bytes, size_t count, const char *text);

#endif
