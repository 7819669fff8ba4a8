/* audio_input.h - what a live stream sends, as segments of speech: decoded, at 16 kHz, cut at
 * pauses.
 *
 * One thread at a time. The same bytes give the same segments, however they were cut. */
#ifndef AUDIO_INPUT_H
#define AUDIO_INPUT_H

#include "endpointer.h"
#include "stream.h"

struct audio_input;

/* 0, or a negative recording_error with a note. */
int audio_input_open(struct audio_input **ret_input, const struct stream_format *format,
                     uint32_t pause_ms, uint32_t max_segment_ms, struct recording_note *note);
void audio_input_close(struct audio_input *input); /* NULL is fine */

/* Bytes of one second; of compressed sound a guess. */
size_t audio_input_bytes_a_second(const struct stream_format *format);

/* Takes all bytes. 0, or -1 without memory. */
int audio_input_feed(struct audio_input *input, const uint8_t *bytes, size_t count);

enum audio_input_heard {
    AUDIO_INPUT_SEGMENT, /* a segment is complete: the endpointer has it */
    AUDIO_INPUT_SOUND,   /* some sound went to the endpointer: there may be more */
    AUDIO_INPUT_NOTHING, /* more bytes are needed */
    AUDIO_INPUT_WAITS,   /* a decoder of its own process is at it: see audio_input_await */
    AUDIO_INPUT_FAILED,  /* see the note; without one, no memory */
};
/* Goes on with what was fed. */
enum audio_input_heard audio_input_listen(struct audio_input *input, struct recording_note *note);
/* Is there something to listen to without more bytes? */
bool audio_input_is_busy(const struct audio_input *input);
/* What the resampler holds back becomes sound to listen to: a mark means all that was fed before
 * it. False without memory. */
bool audio_input_drain(struct audio_input *input);
/* No more bytes will come. When then nothing is left to listen to, that is all; or listening fails
 * when what came was no sound at all. */
void audio_input_finish(struct audio_input *input);
/* After AUDIO_INPUT_WAITS; as stream_await. */
void audio_input_await(struct audio_input *input, void (*ready)(void *user), void *user);

struct endpointer *audio_input_endpointer(struct audio_input *input);

#endif
