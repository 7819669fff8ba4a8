/* media.h - the sound of a file or stream in any container that FFmpeg's libraries read, at 16 kHz.
 *
 * One at a time; everything goes out through the caller's functions, which do not return when
 * nobody listens any more.
 */
#ifndef MEDIA_H
#define MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct media_io {
    /* Bytes read, 0 at the end. */
    long (*read)(void *user, uint8_t *bytes, size_t room);
    /* NULL: the input is a stream. As lseek. */
    int64_t (*seek)(void *user, int64_t offset, int whence);
    /* Once, before the first sound. */
    void (*format)(void *user, const struct wire_format *format);
    /* frames [count, channels], count at most WIRE_FRAMES_MAX; channels as in the format. */
    void (*sound)(void *user, const float *frames, size_t count, uint32_t channels);
    /* One line for the client: what was heard is not all, or not as it should be. */
    void (*note)(void *user, const char *text);
    void *user;
};

struct media_failure {
    enum wire_failure what;
    char text[WIRE_TEXT_MAX]; /* one line for the client */
};

/* Before media_decode, once a process: what can be done before the first input. 0, or -1 without
 * memory. */
int media_prepare(void);

/* Decodes all of it. 0, or -1 with *ret_failure: there was no sound, or none that could be decoded.
 */
int media_decode(const struct media_io *io, struct media_failure *ret_failure);

#endif
