/* stream.h - sound that arrives bit by bit, in any form that live clients send, as mono float.
 *
 * Bytes go in cut anywhere, sound comes out at the rate of the stream; the same bytes give the
 * same sound however they were cut. No more is held than what was fed and not pulled.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>

#include "raw.h"
#include "recording.h"

enum stream_kind {
    STREAM_RAW,       /* no header: encoding, rate and channels are said */
    STREAM_PACKETS,   /* Opus packets, each behind its length in two bytes, the lower one first */
    STREAM_CONTAINER, /* what STREAM_ACCEPTED says: found out from its bytes */
};

struct stream_format {
    enum stream_kind kind;
    enum raw_encoding encoding; /* STREAM_RAW */
    uint32_t rate_hz;           /* STREAM_RAW */
    uint32_t channels;          /* STREAM_RAW, STREAM_PACKETS */
    uint32_t channel;           /* the one wanted, from 1; 0: all of them mixed */
};

/* Containers that need not be whole, for messages. */
#define STREAM_ACCEPTED "WebM or Ogg with Opus, WAV, FLAC, MP3"

#define STREAM_PULL_SAMPLES 4096 /* least room for stream_pull */
#define STREAM_PACKET_BYTES 2    /* of the length before a packet */

struct stream;

/* 0, or a negative recording_error with a note. */
int stream_open(struct stream **ret_stream, const struct stream_format *format,
                struct recording_note *note);
void stream_close(struct stream *stream); /* NULL is fine */

/* Takes all bytes. 0, or -1 without memory. */
int stream_feed(struct stream *stream, const uint8_t *bytes, size_t count);
/* Writes up to room samples. 0: more bytes are needed. Negative: a recording_error, with a note. */
long stream_pull(struct stream *stream, float *mono, size_t room, struct recording_note *note);
/* Known before the first sample. */
uint32_t stream_rate_hz(const struct stream *stream);
uint32_t stream_channels(const struct stream *stream);
/* No more bytes will come. 0, or a recording_error when they were no sound at all. `whole`: it
 * matters as well if the last element was cut. */
int stream_end(const struct stream *stream, bool whole, struct recording_note *note);

#endif
