/* stream.h - sound in any form that clients send, arriving bit by bit, as mono float at 16 kHz.
 *
 * Bytes go in cut anywhere; the same bytes give the same sound however they were cut. No more is
 * held than what was fed and not pulled. What is decoded in a process of its own (foreign.h) comes
 * when it comes.
 */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>

#include "audio_decoder.h"

enum stream_kind {
    STREAM_RAW,       /* no header: encoding, rate and channels are said; but a container is one */
    STREAM_PACKETS,   /* Opus packets, each behind its length in two bytes, the lower one first */
    STREAM_CONTAINER, /* anything else: found out from its bytes */
};

struct stream_format {
    enum stream_kind kind;
    enum raw_encoding encoding; /* STREAM_RAW */
    uint32_t rate_hz;           /* STREAM_RAW */
    uint32_t channels;          /* STREAM_RAW, STREAM_PACKETS */
    uint32_t channel;           /* the one wanted, from 1; 0: all of them mixed */
    struct decode_pool *pool;   /* for formats that are not decoded here; NULL: they are refused */
    /* A recording that can be sought: what decodes it elsewhere is given a descriptor of its own.
     * Borrowed. */
    bool is_file;
    int file;
};

#define STREAM_RATE_HZ      16000
#define STREAM_PULL_SAMPLES 4096 /* least room for stream_pull */
#define STREAM_NOTES        4

struct stream;

/* 0, or a negative recording_error with a note. */
int stream_open(struct stream **ret_stream, const struct stream_format *format,
                struct recording_note *note);
void stream_close(struct stream *stream); /* NULL is fine */

/* Takes all bytes. 0, or -1 without memory. */
int stream_feed(struct stream *stream, const uint8_t *bytes, size_t count);
/* No more bytes will come. */
void stream_finish(struct stream *stream);
/* Writes up to room samples. 0: more bytes are needed, or, when finished, there is no more.
 * Negative: a recording_error with a note, again and again; RECORDING_WAITS: see stream_await. The
 * work of one call is in proportion to the bytes fed and the samples given. */
long stream_pull(struct stream *stream, float *mono, size_t room, struct recording_note *note);
/* After RECORDING_WAITS: calls ready(user) once when pulling is worth while; from another thread,
 * see decode_pool_place_await. */
void stream_await(struct stream *stream, void (*ready)(void *user), void *user);
/* What the resampler holds back can be pulled. More may follow. */
int stream_flush(struct stream *stream);

/* Known behind the first sound; else 0. */
uint32_t stream_channels(const struct stream *stream);
/* "wav", ...; "unknown" before it is known. Valid as long as the stream. */
const char *stream_container(const struct stream *stream);
/* Samples that there will be by the header's word; 0: it does not say. */
uint64_t stream_expected(const struct stream *stream);
/* Up to STREAM_NOTES notes [*ret_count] for the client of what was not as it should be, though it
 * was heard. All of them once stream_pull has said that there is no more. */
const struct recording_note *stream_notes(const struct stream *stream, size_t *ret_count);

#endif
