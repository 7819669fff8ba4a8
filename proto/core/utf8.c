#include "utf8.h"

#include <stddef.h>

/* Bytes of the well-formed sequence that text begins with (RFC 3629, table of section 4), or 0. No
 * byte after a terminating zero is looked at: zero is never a continuation. */
static size_t sequence(const unsigned char *text)
{
    const unsigned char lead = text[0];
    unsigned char low = 0x80, high = 0xbf; /* of the second byte */
    size_t length;

    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        length = 2;
    else if (lead >= 0xe0 && lead <= 0xef)
        length = 3;
    else if (lead >= 0xf0 && lead <= 0xf4)
        length = 4;
    else
        return 0;
    if (lead == 0xe0)
        low = 0xa0; /* shorter forms exist */
    else if (lead == 0xed)
        high = 0x9f; /* surrogates */
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f; /* beyond U+10FFFF */
    for (size_t i = 1; i < length; i++) {
        if (text[i] < low || text[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

void utf8_mend(char *text)
{
    while (*text) {
        const size_t length = sequence((const unsigned char *)text);
        if (!length)
            *text = '?';
        text += length ? length : 1;
    }
}
