/* hex.h - bytes as hexadecimal digits. */
#ifndef HEX_H
#define HEX_H

#include <stddef.h>

/* Two lower-case digits a byte, and a zero: ret_text has room for 2 * count + 1. */
void hex_write(char *ret_text, const unsigned char *bytes, size_t count);

#endif
