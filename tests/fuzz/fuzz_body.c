/* Byte 0: chunked or not, byte 1: how long, byte 2: cutting; the rest is what follows a head.
 * However it is cut, the body ends at the same byte, or is refused; a chunked one where a plain
 * reader of the grammar says. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "pace.h"

const struct pace pace_limit = {0.05, 2e-6};

struct end {
    long at; /* -1: refused */
    bool is_over;
};

static struct end take_all(const struct head *head, const char *bytes, size_t count, size_t step)
{
    struct body body;
    size_t at = 0;

    body_begin(&body, head);
    while (at < count && !body.is_over) {
        const size_t now = count - at < step ? count - at : step;
        const long took = body_take(&body, bytes + at, now);
        if (took < 0)
            return (struct end){-1, false};
        if ((size_t)took > now || ((size_t)took < now && !body.is_over))
            abort();
        at += (size_t)took;
    }
    return (struct end){(long)at, body.is_over};
}

/* The end of a line that ends with CR LF, or NULL: its LF. */
static const char *line_end(const char *at, const char *end)
{
    const char *lf = memchr(at, '\n', (size_t)(end - at));
    return lf && lf > at && lf[-1] == '\r' ? lf : NULL;
}

/* Where whole chunks end, or -1: they do not, or this reader does not know. */
static long chunks_end(const char *bytes, size_t count)
{
    const char *at = bytes, *end = bytes + count;
    for (;;) {
        const char *lf = line_end(at, end);
        if (!lf || lf - at > 16 || !isxdigit((unsigned char)*at))
            return -1;
        for (const char *c = at; c < lf - 1; c++)
            if (!isxdigit((unsigned char)*c))
                return -1;
        const unsigned long long size = strtoull(at, NULL, 16);
        at = lf + 1;
        if (size + 2 > (size_t)(end - at))
            return -1;
        if (size == 0)
            return memcmp(at, "\r\n", 2) == 0 ? (long)(at + 2 - bytes) : -1;
        at += size;
        if (memcmp(at, "\r\n", 2) != 0)
            return -1;
        at += 2;
        if (at == end)
            return -1;
    }
}

void pace_input(const uint8_t *bytes, size_t count)
{
    if (count < 3)
        return;
    const struct head head = {.is_chunked = bytes[0] % 2,
                              .body_bytes = bytes[0] % 2 ? 0 : bytes[1] * 7u};
    const char *rest = (const char *)bytes + 3;
    count -= 3;
    const struct end whole = take_all(&head, rest, count, count ? count : 1);
    const struct end cut = take_all(&head, rest, count, 1u + bytes[2]);
    if (whole.at != cut.at || whole.is_over != cut.is_over)
        abort();
    if (!head.is_chunked && (whole.at < 0 || (uint64_t)whole.at > head.body_bytes ||
                             whole.is_over != ((uint64_t)whole.at == head.body_bytes)))
        abort();
    const long end = head.is_chunked ? chunks_end(rest, count) : -1;
    if (end >= 0 && (!whole.is_over || whole.at != end))
        abort();
}
