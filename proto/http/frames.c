/* frames.c - see frames.h. */
#include "frames.h"

static size_t head_length(const unsigned char *head)
{
    const int length = head[1] & 127;
    return 2 + (length == 126 ? 2 : length == 127 ? 8 : 0) + 4;
}

static uint64_t payload_of(const unsigned char *head)
{
    const int length = head[1] & 127, bytes = length == 126 ? 2 : length == 127 ? 8 : 0;
    uint64_t payload = bytes ? 0 : (uint64_t)length;
    for (int i = 0; i < bytes; i++)
        payload = payload << 8 | head[2 + i];
    return payload;
}

size_t frames_take(struct frames *f, const char *bytes, size_t count, bool *ret_bad)
{
    size_t at = 0;
    *ret_bad = false;
    while (at < count) {
        if (f->left) {
            const size_t now = count - at < f->left ? count - at : (size_t)f->left;
            at += now;
            f->left -= now;
            continue;
        }
        if (f->head_count == 0 && at + 1 == count)
            return at; /* the first byte waits for the second */
        f->head[f->head_count++] = (unsigned char)bytes[at++];
        if (f->head_count < 2)
            continue;
        if (!(f->head[1] & 128)) {
            *ret_bad = true;
            f->head_count = 0;
            return at - 2;
        }
        if (f->head_count == head_length(f->head)) {
            f->left = payload_of(f->head);
            f->head_count = 0;
        }
    }
    return at;
}
