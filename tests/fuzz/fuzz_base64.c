/* Any text as base64: what is taken, written again, is the same text. */
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "pace.h"

const struct pace pace_limit = {0.05, 1e-6};

void pace_input(const uint8_t *bytes, size_t count)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *text = (const char *)bytes;
    uint8_t *to = malloc(BASE64_BYTES(count) + 1);
    size_t made = 0;

    if (!to)
        return;
    if (base64_decode(text, count, to, &made) == 0) {
        if (made > BASE64_BYTES(count) || (made + 2) / 3 * 4 != count)
            abort();
        for (size_t i = 0; i < made; i += 3) {
            const size_t left = made - i;
            const uint32_t bits = (uint32_t)to[i] << 16 |
                                  (left > 1 ? (uint32_t)to[i + 1] << 8 : 0) |
                                  (left > 2 ? to[i + 2] : 0);
            for (size_t k = 0; k < 4; k++)
                if (text[i / 3 * 4 + k] != (k > left ? '=' : letters[bits >> (18 - 6 * k) & 63]))
                    abort();
        }
    }
    free(to);
}
