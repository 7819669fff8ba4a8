#include "base64.h"

/* 0..63, or -1. */
static int value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(const char *text, size_t length, uint8_t *bytes, size_t *ret_count)
{
    size_t count = 0, padding = 0;

    if (length % 4)
        return -1;
    if (length && text[length - 1] == '=')
        padding = text[length - 2] == '=' ? 2 : 1;
    for (size_t i = 0; i < length; i += 4) {
        const size_t missing = i + 4 == length ? padding : 0;
        uint32_t bits = 0;
        for (size_t k = 0; k < 4 - missing; k++) {
            const int v = value(text[i + k]);
            if (v < 0)
                return -1;
            bits |= (uint32_t)v << (18 - 6 * k);
        }
        if (missing && bits & (missing == 2 ? 0xffffu : 0xffu))
            return -1; /* bits that the padding says are not there */
        for (size_t k = 0; k < 3 - missing; k++)
            bytes[count++] = (uint8_t)(bits >> (16 - 8 * k));
    }
    *ret_count = count;
    return 0;
}
