/* demux.h - what the containers of Opus packets have in common: bytes in, cut anywhere; packets
 * out.
 *
 * Nothing here trusts a length: an element that has to be whole in memory is bounded, everything
 * else is skipped as it comes. */
#ifndef DEMUX_H
#define DEMUX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio_decoder.h"

/* One of RFC 6716's largest (48 frames of 1275 bytes), and a little. */
#define DEMUX_PACKET_MAX 65536

struct demux_packet {
    const uint8_t *bytes; /* [count], valid until the demuxer is called again */
    size_t count;
    bool is_head;    /* an OpusHead (RFC 7845): a new sequence of packets begins */
    bool is_last;    /* of its sequence */
    int64_t granule; /* the stream's clock behind it, at 48 kHz; -1: not said */
};

/* 1: a packet. 0: more bytes are needed. Negative: a recording_error, with a note. */
typedef int demux_next(void *demux, struct demux_packet *ret_packet, struct recording_note *note);

#endif
