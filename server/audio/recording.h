/* recording.h - an uploaded file, whatever its container, as mono float at 16 kHz.
 *
 * Pulled in pieces of the caller's size: a recording of two hours is never in memory as a
 * whole. The bytes are untrusted; how much sound may come out of them is bounded.
 */
#ifndef RECORDING_H
#define RECORDING_H

#include <stddef.h>
#include <stdint.h>

enum recording_error {
    RECORDING_OK = 0,
    RECORDING_EMPTY = -1,     /* no bytes, or a container without a single sample */
    RECORDING_UNKNOWN = -2,   /* not a container we decode, or damaged at its head */
    RECORDING_TRUNCATED = -3, /* less sound than the header promises */
    RECORDING_TOO_LONG = -4,  /* more than max_samples */
    RECORDING_FAILED = -5,    /* out of memory, or the file cannot be read */
};

struct recording_note {
    char text[240]; /* one line for the client: what was found, what is allowed */
};

struct recording;

/* Opens the container in fd and takes fd in all cases. max_samples: most samples at 16 kHz that
 * may come out. 0 or a negative recording_error, then with a note. */
int recording_open(struct recording **ret_recording, int fd, uint64_t max_samples,
                   struct recording_note *note);
void recording_close(struct recording *recording); /* NULL is fine */

/* 0: all channels mixed, as at first; else the one wanted, from 1. Before the first pull. 0, or a
 * negative recording_error with a note: there is no such channel. */
int recording_pick(struct recording *recording, uint32_t channel, struct recording_note *note);
uint32_t recording_channels(const struct recording *recording);

/* "wav", "flac", "mp3", ... : static. */
const char *recording_container(const struct recording *recording);

/* Samples given so far: the clock of the next one. */
int64_t recording_position(const struct recording *recording);

/* Samples at 16 kHz that there will be by the header's word; 0: it does not say. */
int64_t recording_expected(const struct recording *recording);

/* Writes up to count (at least 1) samples at 16 kHz. Returns how many, 0 at the end, or a
 * negative recording_error with a note; then and after the end it keeps saying so. */
long recording_pull(struct recording *recording, float *pcm, size_t count,
                    struct recording_note *note);

#endif
