/* recording.h - an uploaded file, whatever its container, as mono float at 16 kHz: a stream that
 * ends.
 *
 * Pulled in pieces of the caller's size: a recording of two hours is never in memory as a
 * whole. The bytes are untrusted; how much sound may come out of them is bounded.
 */
#ifndef RECORDING_H
#define RECORDING_H

#include "stream.h"

struct recording;

struct recording_options {
    uint64_t max_samples; /* most that may come out */
    /* How the bytes are; its file is not looked at. All zero but kind: a container. */
    struct stream_format format;
};

/* Takes fd in all cases. 0 or a negative recording_error, then with a note. */
int recording_open(struct recording **ret_recording, int fd,
                   const struct recording_options *options, struct recording_note *note);
void recording_close(struct recording *recording); /* NULL is fine */

/* Writes up to count (at least 1) samples. Returns how many, 0 at the end, or a negative
 * recording_error with a note; then and after the end it keeps saying so. RECORDING_WAITS: nothing
 * yet, see recording_await. The work of one call is bounded: it reads 256 kB at most and then says
 * RECORDING_WAITS with nothing to await (recording_await calls at once). */
long recording_pull(struct recording *recording, float *pcm, size_t count,
                    struct recording_note *note);
/* After RECORDING_WAITS; as stream_await. */
void recording_await(struct recording *recording, void (*ready)(void *user), void *user);

/* Known behind the first sound: */
uint32_t recording_channels(const struct recording *recording);
/* Samples given so far: the clock of the next one. */
int64_t recording_position(const struct recording *recording);
/* Samples that there will be by the header's word; 0: it does not say. */
int64_t recording_expected(const struct recording *recording);
/* "wav", "flac", "mp3", ... */
const char *recording_container(const struct recording *recording);
/* As stream_notes. */
const struct recording_note *recording_notes(const struct recording *recording, size_t *ret_count);

#endif
