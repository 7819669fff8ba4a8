/* flacfeed.h - FLAC that arrives bit by bit, by libFLAC. */
#ifndef FLACFEED_H
#define FLACFEED_H

#include <stdbool.h>

#include "recording.h"

struct flacfeed;

/* channel: the one wanted, from 1; 0: all mixed. NULL without memory. */
struct flacfeed *flacfeed_open(uint32_t channel);
void flacfeed_close(struct flacfeed *flac); /* NULL is fine */

/* Takes all bytes, cut anywhere. 0, or -1 without memory. */
int flacfeed_feed(struct flacfeed *flac, const uint8_t *bytes, size_t count);
/* Writes up to room samples at the stream's rate. 0: more bytes are needed. Negative: a
 * recording_error with a note; the sound before it was given. */
long flacfeed_pull(struct flacfeed *flac, float *mono, size_t room, struct recording_note *note);

/* Known before the first sample; else 0. */
uint32_t flacfeed_rate_hz(const struct flacfeed *flac);
uint32_t flacfeed_channels(const struct flacfeed *flac);
/* Are all frames whole that have begun, and the head? */
bool flacfeed_is_between(const struct flacfeed *flac);

#endif
