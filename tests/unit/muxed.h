/* muxed.h - sound in Opus, in the containers that browsers and others send: made by libopus and by
 * a writer that shares nothing with our readers. */
#ifndef MUXED_H
#define MUXED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct muxed {
    uint8_t *bytes; /* to be freed */
    size_t count;
};

struct muxed_form {
    int channels;      /* 1 or 2: the second one has the sound reversed in sign and time */
    bool sizes;        /* webm: clusters with sizes and BlockGroups, as muxers write; else as
                          MediaRecorder: unknown sizes, SimpleBlocks */
    bool video;        /* webm: a track of video before the sound */
    const char *codec; /* webm: NULL: A_OPUS */
    uint8_t flags;     /* webm: of every block */
};

/* pcm [count] at 16 kHz. Packets of 20 ms, each behind its length in two bytes. */
struct muxed muxed_packets(const float *pcm, size_t count, const struct muxed_form *form);
struct muxed muxed_webm(const float *pcm, size_t count, const struct muxed_form *form);
struct muxed muxed_ogg(const float *pcm, size_t count, const struct muxed_form *form);

#endif
