/* endpointer.h - a stream of sound in, segments of speech out.
 *
 * Bounded: never holds more than the longest segment. Depends on the samples only, not on how they
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
    ENDPOINTER_FULL,    /* as long as a segment may be; cut at the best place */
    ENDPOINTER_FLUSHED, /* the caller asked */
};

struct endpointer_segment {
    const float *pcm; /* [count], valid until the endpointer is called again */
    size_t count;
    int64_t start_samples; /* of pcm[0], since the start of the stream */
    enum endpointer_why why;
};

#define ENDPOINTER_MIN_SEGMENT_MS 2000

/* pause_ms: silence after speech that ends a segment. max_ms: longest segment, at least
 * ENDPOINTER_MIN_SEGMENT_MS. 0, or -1: out of range or no memory. */
int endpointer_open(struct endpointer **ret_endpointer, uint32_t pause_ms, uint32_t max_ms);
void endpointer_close(struct endpointer *endpointer); /* NULL is fine */

/* Takes pcm [count] until a segment is complete; returns how many it took, or -1 without memory.
 * Takes nothing while a complete segment waits. */
long endpointer_push(struct endpointer *endpointer, const float *pcm, size_t count);

/* The sound ends here, or is to be dealt with as if: speech so far becomes a complete segment. */
void endpointer_flush(struct endpointer *endpointer);

/* The complete segment, if there is one. endpointer_pop drops it and keeps what came after it. */
bool endpointer_segment(const struct endpointer *endpointer,
                        struct endpointer_segment *ret_segment);
void endpointer_pop(struct endpointer *endpointer);

/* What has been heard so far of a segment that is not complete. False while there is no speech. */
bool endpointer_peek(const struct endpointer *endpointer, struct endpointer_segment *ret_segment);

/* Is there speech that has not become a complete segment, or a complete segment? */
bool endpointer_has_speech(const struct endpointer *endpointer);

/* Samples taken since the start; and up to where there was speech (0: none yet). */
int64_t endpointer_clock(const struct endpointer *endpointer);
int64_t endpointer_speech_clock(const struct endpointer *endpointer);

#endif
