/* mp3.h - MPEG audio from a file, by libmpg123.
 *
 * libsndfile can decode mp3 too, but stops after as many frames as it guessed from the file's
 * size: a recording of variable bit rate without a Xing header loses its second half.
 */
#ifndef MP3_H
#define MP3_H

#include <stddef.h>
#include <stdint.h>

struct mp3;

/* Reads fd from its start (fd stays the caller's and must stay open; nobody else may move its
 * offset). 0, or -1 with a reason in *ret_error (static). */
int mp3_open(struct mp3 **ret_mp3, int fd, const char **ret_error);
void mp3_close(struct mp3 *mp3); /* NULL is fine */

uint32_t mp3_rate_hz(const struct mp3 *mp3);
uint32_t mp3_channels(const struct mp3 *mp3); /* 1 or 2 */

/* Writes up to count frames [count, channels]. Returns frames written; 0 at the end. A damaged
 * frame is skipped, as players do. -1 when rate or channels change on the way, or no memory. */
long mp3_pull(struct mp3 *mp3, float *frames, size_t count);

#endif
