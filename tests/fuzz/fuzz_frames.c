/* Byte 0: cutting; the rest is what a client sends behind its upgrade. However it is cut, the same
 * bytes pass, none behind a frame without a mask, and no head of such a frame. */
#include <stdlib.h>

#include "frames.h"
#include "pace.h"

const struct pace pace_limit = {0.05, 1e-6};

/* How many pass; what waits for its second byte is offered again with it. */
static size_t take_all(const char *bytes, size_t count, size_t step, bool *ret_bad)
{
    struct frames frames = {0};
    size_t at = 0, shown = 0;

    *ret_bad = false;
    while (shown < count && !*ret_bad) {
        shown = count - shown < step ? count : shown + step;
        const size_t took = frames_take(&frames, bytes + at, shown - at, ret_bad);
        if (took > shown - at || (!*ret_bad && took + 1 < shown - at))
            abort();
        at += took;
    }
    return at;
}

/* The first frame that has no mask, or where the whole frames end. */
static size_t plain_end(const uint8_t *bytes, size_t count, bool *ret_bad)
{
    size_t at = 0;

    *ret_bad = false;
    while (at + 2 <= count) {
        const int length = bytes[at + 1] & 127;
        const size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
        uint64_t payload = more ? 0 : (uint64_t)length;
        if (!(bytes[at + 1] & 128)) {
            *ret_bad = true;
            return at;
        }
        for (size_t i = 0; i < more; i++)
            payload = payload << 8 | (at + 2 + i < count ? bytes[at + 2 + i] : 0);
        if (count - at < 6 + more || payload > count - at - 6 - more)
            return count; /* it is not whole: all of it passes */
        at += 6 + more + payload;
    }
    return at;
}

void pace_input(const uint8_t *bytes, size_t count)
{
    bool whole_bad, cut_bad, plain_bad;

    if (count < 1)
        return;
    const char *rest = (const char *)bytes + 1;
    const size_t whole = take_all(rest, count - 1, count, &whole_bad);
    if (take_all(rest, count - 1, 1u + bytes[0], &cut_bad) != whole || cut_bad != whole_bad)
        abort();
    if (plain_end(bytes + 1, count - 1, &plain_bad) != whole || plain_bad != whole_bad)
        abort();
}
