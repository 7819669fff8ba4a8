/* mp3feed.h - MPEG audio that arrives bit by bit, by libmpg123. */
#ifndef MP3FEED_H
#define MP3FEED_H

#include <stdbool.h>

#include "recording.h"

struct mp3feed;

/* channel: the one wanted, from 1; 0: all mixed. NULL without memory. */
struct mp3feed *mp3feed_open(uint32_t channel);
void mp3feed_close(struct mp3feed *mp3); /* NULL is fine */

/* Takes all bytes, cut anywhere. 0, or -1 without memory. */
int mp3feed_feed(struct mp3feed *mp3, const uint8_t *bytes, size_t count);
/* Writes up to room samples at the stream's rate. 0: more bytes are needed. Negative: a
 * recording_error with a note; the sound before it was given. A damaged frame is skipped, as
 * players do. */
long mp3feed_pull(struct mp3feed *mp3, float *mono, size_t room, struct recording_note *note);

/* Known before the first sample; else 0. */
uint32_t mp3feed_rate_hz(const struct mp3feed *mp3);
uint32_t mp3feed_channels(const struct mp3feed *mp3);

#endif
