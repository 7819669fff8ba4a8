#include "content_coding.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define OUT_BYTES   65536
#define RATIO_MOST  100 /* sound is not packed so well, but for silence: */
#define SLACK_BYTES (16u << 20)
#define EITHER_HEAD (15 + 32) /* zlib: the greatest window, gzip's head or zlib's */

struct content_coding {
    z_stream stream;
    bool is_over;
    uint64_t in, out; /* bytes */
};

int content_coding_open(struct content_coding **ret_coding, const char *content_encoding)
{
    static const char *const known[] = {"gzip", "x-gzip", "deflate"};
    const char *from = content_encoding ? content_encoding : "";

    from += strspn(from, " \t");
    size_t length = strcspn(from, " \t,");
    if (!length || (length == 8 && strncasecmp(from, "identity", 8) == 0))
        return 0;
    if (from[length + strspn(from + length, " \t")])
        return -1; /* several, one over the other */
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i]) != length || strncasecmp(from, known[i], length) != 0)
            continue;
        struct content_coding *coding = calloc(1, sizeof *coding);
        if (!coding || inflateInit2(&coding->stream, EITHER_HEAD) != Z_OK) {
            free(coding);
            return -1;
        }
        *ret_coding = coding;
        return 1;
    }
    return -1;
}

void content_coding_close(struct content_coding *coding)
{
    if (!coding)
        return;
    inflateEnd(&coding->stream);
    free(coding);
}

const char *content_coding_feed(struct content_coding *coding, const char *bytes, size_t count,
                                bool (*take)(void *user, const char *bytes, size_t count),
                                void *user)
{
    static _Thread_local unsigned char out[OUT_BYTES];
    static const char damaged[] = "the compressed body is damaged";
    z_stream *z = &coding->stream;

    coding->in += count;
    z->next_in = (unsigned char *)(size_t)bytes;
    z->avail_in = (unsigned)count;
    while (z->avail_in || (!z->avail_out && !coding->is_over)) {
        if (coding->is_over && inflateReset(z) != Z_OK) /* gzip may have several members */
            return damaged;
        z->next_out = out;
        z->avail_out = sizeof out;
        const int status = inflate(z, Z_NO_FLUSH);
        if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
            return damaged;
        coding->is_over = status == Z_STREAM_END;
        const size_t made = sizeof out - z->avail_out;
        coding->out += made;
        if (coding->out > SLACK_BYTES + RATIO_MOST * coding->in)
            return "the compressed body holds more than a hundred times its size";
        if (made && !take(user, (const char *)out, made))
            return NULL;
        if (status == Z_BUF_ERROR && !made)
            break;
    }
    return NULL;
}

bool content_coding_is_whole(const struct content_coding *coding)
{
    return coding->is_over;
}
