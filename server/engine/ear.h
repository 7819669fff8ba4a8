/* ear.h - what a live stream sends, as spans of speech: decoded, at 16 kHz, cut at pauses.
 *
 * One thread at a time. The same bytes give the same spans, however they were cut. */
#ifndef EAR_H
#define EAR_H

#include "endpoint.h"
#include "engine.h"
#include "stream.h"

struct ear;

/* What the client sends, as the decoder wants to know it. */
struct stream_format ear_format(const struct engine_live_options *options);

/* 0, or a negative recording_error with a note. */
int ear_open(struct ear **ret_ear, const struct stream_format *format, uint32_t pause_ms,
             uint32_t max_span_ms, struct recording_note *note);
void ear_close(struct ear *ear); /* NULL is fine */

/* Bytes of one second; of compressed sound a guess. */
size_t ear_bytes_a_second(const struct stream_format *format);

/* Takes all bytes. 0, or -1 without memory. */
int ear_feed(struct ear *ear, const uint8_t *bytes, size_t count);

enum ear_heard {
    EAR_SPAN,    /* a span is complete: the endpoint has it */
    EAR_SOUND,   /* some sound went to the endpoint: there may be more */
    EAR_NOTHING, /* more bytes are needed */
    EAR_FAILED,  /* see the note; without one, no memory */
};
/* Goes on with what was fed. */
enum ear_heard ear_listen(struct ear *ear, struct recording_note *note);
/* Is there something to listen to without more bytes? */
bool ear_is_busy(const struct ear *ear);
/* What the resampler holds back becomes sound to listen to: a mark means all that was fed before
 * it. False without memory. */
bool ear_drain(struct ear *ear);
/* No more bytes will come: 0, or a recording_error when they were no sound at all. */
int ear_end(const struct ear *ear, struct recording_note *note);

struct endpoint *ear_endpoint(struct ear *ear);

#endif
