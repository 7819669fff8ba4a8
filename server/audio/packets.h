/* packets.h - Opus packets to mono float at 16 kHz, by libopus. */
#ifndef PACKETS_H
#define PACKETS_H

#include <stddef.h>
#include <stdint.h>

#include "recording.h"

#define PACKETS_RATE_HZ 16000 /* libopus decodes at this rate itself */
#define PACKETS_SAMPLES 1920  /* most that one packet holds: 120 ms */

struct packets;

/* head [count]: an OpusHead (RFC 7845), or NULL: then channels (1 or 2) says how the packets are.
 * channel: 0 mixes, 1 is the first. 0, or a negative recording_error with a note. */
int packets_open(struct packets **ret_packets, const uint8_t *head, size_t count, uint32_t channels,
                 uint32_t channel, struct recording_note *note);
void packets_close(struct packets *packets); /* NULL is fine */

uint32_t packets_channels(const struct packets *packets);

/* Writes what packet [count] holds to mono (room for PACKETS_SAMPLES). Returns samples written. A
 * damaged packet is concealed, as at a phone; many in a row, or the very first one, are an error.
 */
long packets_push(struct packets *packets, const uint8_t *packet, size_t count, float *mono,
                  struct recording_note *note);

#endif
