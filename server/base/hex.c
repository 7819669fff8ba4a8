#include "hex.h"

void hex_write(char *ret_text, const unsigned char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ret_text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        ret_text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
    ret_text[2 * count] = '\0';
}
