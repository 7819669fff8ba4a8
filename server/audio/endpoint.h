/* endpoint.h - a stream of sound in, spans of speech out.
 *
 * Bounded: never holds more than the longest span. Depends on the samples only, not on how they
 * were cut into pushes, so that batch and live agree. One thread at a time.
 */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint;

enum endpoint_why {
    ENDPOINT_PAUSE,   /* the speaker paused */
    ENDPOINT_FULL,    /* as long as a span may be; cut at the best place */
    ENDPOINT_FLUSHED, /* the caller asked */
};

struct endpoint_span {
    const float *pcm; /* [count], valid until the endpoint is called again */
    size_t count;
    int64_t start_samples; /* of pcm[0], since the start of the stream */
    enum endpoint_why why;
};

#define ENDPOINT_MIN_SPAN_MS 2000

/* pause_ms: silence after speech that ends a span. max_ms: longest span, at least
 * ENDPOINT_MIN_SPAN_MS. 0, or -1: out of range or no memory. */
int endpoint_open(struct endpoint **ret_endpoint, uint32_t pause_ms, uint32_t max_ms);
void endpoint_close(struct endpoint *endpoint); /* NULL is fine */

/* Takes pcm [count] until a span is complete; returns how many it took, or -1 without memory.
 * Takes nothing while a complete span waits. */
long endpoint_push(struct endpoint *endpoint, const float *pcm, size_t count);

/* The sound ends here, or is to be dealt with as if: speech so far becomes a complete span. */
void endpoint_flush(struct endpoint *endpoint);

/* The complete span, if there is one. endpoint_pop drops it and keeps what came after it. */
bool endpoint_span(const struct endpoint *endpoint, struct endpoint_span *ret_span);
void endpoint_pop(struct endpoint *endpoint);

/* What has been heard so far of a span that is not complete. False while there is no speech. */
bool endpoint_peek(const struct endpoint *endpoint, struct endpoint_span *ret_span);

/* Is there speech that has not become a complete span, or a complete span? */
bool endpoint_has_speech(const struct endpoint *endpoint);

/* Samples taken since the start; and up to where there was speech (0: none yet). */
int64_t endpoint_clock(const struct endpoint *endpoint);
int64_t endpoint_speech_clock(const struct endpoint *endpoint);

#endif
