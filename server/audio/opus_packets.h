/* opus_packets.h - Opus packets to float frames at 16 kHz, by libopus. */
#ifndef OPUS_PACKETS_H
#define OPUS_PACKETS_H

#include "demux.h"

#define OPUS_PACKETS_RATE_HZ 16000 /* libopus decodes at this rate itself */
#define OPUS_PACKETS_FRAMES  1920  /* most that one packet holds: 120 ms */

struct opus_packets;

/* head [count]: an OpusHead (RFC 7845), or NULL: then channels (1 or 2) says how the packets are.
 * 0, or a negative recording_error with a note. */
int opus_packets_open(struct opus_packets **ret_packets, const uint8_t *head, size_t count,
                      uint32_t channels, struct recording_note *note);
void opus_packets_close(struct opus_packets *packets); /* NULL is fine */

uint32_t opus_packets_channels(const struct opus_packets *packets);

/* What the packet holds: *ret_frames [returned, channels], valid until the next call. A damaged
 * packet is concealed, as at a phone; many in a row, or the very first one, are an error. */
long opus_packets_push(struct opus_packets *packets, const struct demux_packet *packet,
                       const float **ret_frames, struct recording_note *note);

#endif
