#include "mp3.h"

#include <mpg123.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct mp3 {
    mpg123_handle *handle;
    long rate_hz;
    int channels;
    bool is_new; /* the form of what comes next, perhaps */
};

int mp3_open(struct mp3 **ret_mp3, int fd, const char **ret_error)
{
    struct mp3 *mp3 = calloc(1, sizeof(*mp3));
    int encoding = 0;

    *ret_error = "out of memory";
    if (!mp3)
        return -1;
    mp3->handle = mpg123_new(NULL, NULL);
    if (!mp3->handle || lseek(fd, 0, SEEK_SET) < 0)
        goto fail;
    mpg123_param(mp3->handle, MPG123_ADD_FLAGS, MPG123_QUIET | MPG123_GAPLESS | MPG123_FORCE_FLOAT,
                 0.0);
    /* Search to the end of the file: tags we do not know lie before and behind the sound. */
    mpg123_param(mp3->handle, MPG123_RESYNC_LIMIT, -1, 0.0);
    if (mpg123_open_fd(mp3->handle, fd) != MPG123_OK ||
        mpg123_getformat(mp3->handle, &mp3->rate_hz, &mp3->channels, &encoding) != MPG123_OK ||
        encoding != MPG123_ENC_FLOAT_32 || mp3->channels < 1 || mp3->channels > 2) {
        *ret_error = "no MPEG audio frame found";
        goto fail;
    }
    *ret_mp3 = mp3;
    return 0;
fail:
    mp3_close(mp3);
    return -1;
}

void mp3_close(struct mp3 *mp3)
{
    if (!mp3)
        return;
    if (mp3->handle) {
        mpg123_close(mp3->handle);
        mpg123_delete(mp3->handle);
    }
    free(mp3);
}

uint32_t mp3_rate_hz(const struct mp3 *mp3)
{
    return (uint32_t)mp3->rate_hz;
}

uint32_t mp3_channels(const struct mp3 *mp3)
{
    return (uint32_t)mp3->channels;
}

static bool is_same(struct mp3 *mp3)
{
    long rate_hz = 0;
    int channels = 0, encoding = 0;

    mpg123_getformat(mp3->handle, &rate_hz, &channels, &encoding);
    return rate_hz == mp3->rate_hz && channels == mp3->channels;
}

long mp3_pull(struct mp3 *mp3, float *frames, size_t count)
{
    const size_t frame_bytes = sizeof(float) * (size_t)mp3->channels;
    size_t got = 0;

    for (;;) {
        if (mp3->is_new && !is_same(mp3))
            return -1;
        mp3->is_new = false;
        const int status =
            mpg123_read(mp3->handle, (unsigned char *)frames, count * frame_bytes, &got);
        mp3->is_new = status == MPG123_NEW_FORMAT; /* behind what was got */
        if (got)
            return (long)(got / frame_bytes);
        if (status != MPG123_OK && status != MPG123_NEW_FORMAT)
            return status == MPG123_DONE || status == MPG123_NEED_MORE ||
                           status == MPG123_ERR_READER
                       ? 0
                       : -1;
    }
}
