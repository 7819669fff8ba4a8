/* endpointer.h - a stream of sound in, segments of speech out.
 *
 * It keeps two things apart: an *endpoint*, the pause after which a client wants its text, and a
 * *true pause*, behind which nothing that was said before matters to what is heard. Only a true
 * pause ends the sound that is kept. Until then the caller says, segment by segment, up to where
 * words are final, and from where on the sound is to be heard again before what follows:
 *
 *     endpointer_push ... endpointer_segment(&segment)        recognise segment.pcm
 *     endpointer_pop(endpointer, kept_samples, final_samples)  words before final_samples are final
 *
 * Bounded: never holds more than the longest segment. Depends on the samples and on what is popped
 * only, not on how the samples were cut into pushes, so that batch and live agree. One thread at a
 * time.
 */
#ifndef ENDPOINTER_H
#define ENDPOINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpointer;

enum endpointer_why {
    ENDPOINTER_PAUSE,    /* a true pause: what follows is another sound */
    ENDPOINTER_ENDPOINT, /* the speaker stopped for as long as the client asked for, no more yet */
    ENDPOINTER_BREAK,   /* as long as a segment may be; cut in a pause, what follows stands alone */
    ENDPOINTER_FULL,    /* as long as a segment may be, in the middle of speech */
    ENDPOINTER_FLUSHED, /* the caller asked */
};

struct endpointer_segment {
    const float *pcm; /* [count], valid until the endpointer is called again */
    size_t count;
    int64_t start_samples; /* of pcm[0], since the start of the stream */
    int64_t fresh_samples; /* words before it are final already; start_samples where none are */
    enum endpointer_why why;
};

#define ENDPOINTER_MIN_SEGMENT_MS 2000
#define ENDPOINTER_TRUE_PAUSE_MS  800

/* pause_ms: silence after speech that is an endpoint; what is shorter than a word's own stops is
 * taken for the least that is longer. A true pause is the longer one of that and
 * ENDPOINTER_TRUE_PAUSE_MS. max_ms: longest segment, at least ENDPOINTER_MIN_SEGMENT_MS. 0, or -1:
 * out of range or no memory. */
int endpointer_open(struct endpointer **ret_endpointer, uint32_t pause_ms, uint32_t max_ms);
void endpointer_close(struct endpointer *endpointer); /* NULL is fine */

/* Takes pcm [count] until a segment is complete; returns how many it took, or -1 without memory.
 * Takes nothing while a complete segment waits. */
long endpointer_push(struct endpointer *endpointer, const float *pcm, size_t count);

/* The sound ends here, or is to be dealt with as if: speech so far becomes a complete segment. */
void endpointer_flush(struct endpointer *endpointer);

/* The complete segment, if there is one. */
bool endpointer_segment(const struct endpointer *endpointer,
                        struct endpointer_segment *ret_segment);
/* Drops it. Words before final_samples are final; the sound from kept_samples on is kept, to be
 * heard before what comes, until a true pause. Both lie within the segment, kept_samples <=
 * final_samples. A segment that a true pause ended is final to its end, and nothing of it is kept.
 */
void endpointer_pop(struct endpointer *endpointer, int64_t kept_samples, int64_t final_samples);

/* What has been heard so far of a segment that is not complete. False while there is no speech
 * behind the final words. */
bool endpointer_peek(const struct endpointer *endpointer, struct endpointer_segment *ret_segment);

/* Is there speech behind the final words, or a complete segment? */
bool endpointer_has_speech(const struct endpointer *endpointer);

/* Samples taken since the start; and up to where there was speech (0: none yet). */
int64_t endpointer_clock(const struct endpointer *endpointer);
int64_t endpointer_speech_clock(const struct endpointer *endpointer);

#endif
