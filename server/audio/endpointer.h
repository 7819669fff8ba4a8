/* endpointer.h - a stream of sound in, spans of speech out.
 *
 * Bounded: never holds more than the longest span. Depends on the samples only, not on how they
 * were cut into pushes, so that batch and live agree. One thread at a time.
 */
#ifndef ENDPOINTER_H
#define ENDPOINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpointer;

enum endpointer_why {
    ENDPOINTER_PAUSE,   /* the speaker paused */
    ENDPOINTER_FULL,    /* as long as a span may be; cut at the best place */
    ENDPOINTER_FLUSHED, /* the caller asked */
};

struct endpointer_span {
    const float *pcm; /* [count], valid until the endpointer is called again */
    size_t count;
    int64_t start_samples; /* of pcm[0], since the start of the stream */
    enum endpointer_why why;
};

#define ENDPOINTER_MIN_SPAN_MS 2000

/* pause_ms: silence after speech that ends a span. max_ms: longest span, at least
 * ENDPOINTER_MIN_SPAN_MS. 0, or -1: out of range or no memory. */
int endpointer_open(struct endpointer **ret_endpointer, uint32_t pause_ms, uint32_t max_ms);
void endpointer_close(struct endpointer *endpointer); /* NULL is fine */

/* Takes pcm [count] until a span is complete; returns how many it took, or -1 without memory.
 * Takes nothing while a complete span waits. */
long endpointer_push(struct endpointer *endpointer, const float *pcm, size_t count);

/* The sound ends here, or is to be dealt with as if: speech so far becomes a complete span. */
void endpointer_flush(struct endpointer *endpointer);

/* The complete span, if there is one. endpointer_pop drops it and keeps what came after it. */
bool endpointer_span(const struct endpointer *endpointer, struct endpointer_span *ret_span);
void endpointer_pop(struct endpointer *endpointer);

/* What has been heard so far of a span that is not complete. False while there is no speech. */
bool endpointer_peek(const struct endpointer *endpointer, struct endpointer_span *ret_span);

/* Is there speech that has not become a complete span, or a complete span? */
bool endpointer_has_speech(const struct endpointer *endpointer);

/* Samples taken since the start; and up to where there was speech (0: none yet). */
int64_t endpointer_clock(const struct endpointer *endpointer);
int64_t endpointer_speech_clock(const struct endpointer *endpointer);

#endif
