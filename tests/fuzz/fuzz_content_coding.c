/* Byte 0: the coding, byte 1: cutting; the rest is a compressed body. However it is cut, the same
 * comes out, and not much more than sound would. */
#include <stdlib.h>

#include "content_coding.h"
#include "pace.h"

#define SLACK_BYTES (17u << 20)

const struct pace pace_limit = {1.0, 1e-5};

struct plain {
    uint64_t bytes, hash;
    const char *wrong;
    bool is_whole;
};

static bool take(void *user, const char *bytes, size_t count)
{
    struct plain *plain = user;

    if (!count)
        abort();
    for (size_t i = 0; i < count; i++)
        plain->hash = (plain->hash ^ (uint8_t)bytes[i]) * 0x100000001b3u;
    plain->bytes += count;
    return true;
}

static struct plain unpack(const char *name, const char *bytes, size_t count, size_t step)
{
    struct plain plain = {.hash = 0xcbf29ce484222325u};
    struct content_coding *coding;

    if (content_coding_open(&coding, name) != 1)
        abort();
    for (size_t at = 0; at < count && !plain.wrong; at += step)
        plain.wrong = content_coding_feed(coding, bytes + at, count - at < step ? count - at : step,
                                          take, &plain);
    plain.is_whole = content_coding_is_whole(coding);
    if (!plain.wrong) {
        const struct plain before = plain;
        plain.wrong = content_coding_feed(coding, bytes, 0, take, &plain);
        if (plain.wrong || plain.bytes != before.bytes ||
            content_coding_is_whole(coding) != before.is_whole)
            abort();
    }
    content_coding_close(coding);
    return plain;
}

void pace_input(const uint8_t *bytes, size_t count)
{
    static const char *const names[] = {"gzip", "deflate", " X-GZIP ", "gzip"};
    if (count < 2)
        return;
    const char *name = names[bytes[0] % 4], *rest = (const char *)bytes + 2;
    const struct plain whole = unpack(name, rest, count - 2, count);
    const struct plain cut = unpack(name, rest, count - 2, 1u + bytes[1]);
    if (whole.bytes > SLACK_BYTES + 100 * count || cut.bytes > SLACK_BYTES + 100 * count)
        abort();
    if (!whole.wrong && !cut.wrong &&
        (whole.bytes != cut.bytes || whole.hash != cut.hash || whole.is_whole != cut.is_whole))
        abort();
}
