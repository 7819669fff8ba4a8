/* audio_decoder.h - what all decoders of the room have in common: bytes in, cut anywhere; frames
 * out.
 *
 * A file is a stream that ends, so there is one decoder a format. Nothing here trusts a length, and
 * one call does no more work than the bytes fed and the frames given are worth. */
#ifndef AUDIO_DECODER_H
#define AUDIO_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "raw.h"

struct decode_pool;

enum recording_error {
    RECORDING_OK = 0,
    RECORDING_EMPTY = -1,     /* no bytes, or a container without a single sample */
    RECORDING_UNKNOWN = -2,   /* not a container we decode, or damaged at its head */
    RECORDING_TRUNCATED = -3, /* cut short before its first sound */
    RECORDING_TOO_LONG = -4,  /* more than max_samples */
    RECORDING_FAILED = -5,    /* out of memory, or the file cannot be read */
    RECORDING_WAITS = -6,     /* no error: a decoder of its own process is at it */
};

struct recording_note {
    char text[240]; /* one line for the client: what was found, what is allowed */
};

enum decoder_got {
    DECODER_SOUND,   /* some */
    DECODER_HUNGRY,  /* more bytes are needed */
    DECODER_WAITS,   /* another process is at it */
    DECODER_END,     /* nothing follows, whatever is fed */
    DECODER_REFUSES, /* not what it decodes, with a note; before any sound */
    DECODER_DAMAGED, /* nothing follows that can be heard, with a note */
    DECODER_FAILED,  /* out of memory and the like, with a note */
};

struct decoder_sound {
    const float *frames; /* [count, channels], valid until the decoder is called again */
    size_t count;
    uint32_t channels, rate_hz;
};

struct decoder_setting {
    struct decode_pool *pool;   /* foreign: not NULL */
    int file;                   /* foreign: a recording, taken; -1: what is fed */
    enum raw_encoding encoding; /* raw; and: */
    uint32_t rate_hz, channels; /* raw, opus packets without a head */
};

/* Decoders are made by their kind and known by it. */
struct decoder_kind {
    const char *name; /* "wav", ... */
    /* NULL without memory. */
    void *(*open)(const struct decoder_setting *setting);
    void (*close)(void *decoder);
    /* Takes all bytes. 0, or -1 without memory. */
    int (*feed)(void *decoder, const uint8_t *bytes, size_t count);
    /* No more bytes will come: pull then gives what was held back. NULL: nothing is. */
    void (*end)(void *decoder);
    enum decoder_got (*pull)(void *decoder, struct decoder_sound *ret_sound,
                             struct recording_note *note);
    /* At the end, behind some sound: true, or false with a note of what is missing. */
    bool (*is_whole)(const void *decoder, struct recording_note *note);
    /* NULL, or: frames that there will be, at rate_hz; 0: nobody knows. */
    uint64_t (*expected)(const void *decoder, uint32_t *ret_rate_hz);
};

extern const struct decoder_kind raw_decoder, wav_decoder, flac_decoder, mp3_decoder,
    opus_streams_packets, opus_streams_ogg, opus_streams_webm, foreign_decoder;

/* Writes to note, printf-like; returns got. */
__attribute__((format(printf, 3, 4))) enum decoder_got
audio_decoder_note(enum decoder_got got, struct recording_note *note, const char *format, ...);

#endif
