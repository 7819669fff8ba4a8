/* The first logical stream that begins with an OpusHead is the one; pages of others are left out.
 * Its second packet, the comments, is dropped. A damaged page is skipped by libogg, as players do.
 */
#include "oggopus.h"

#include <ogg/ogg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PENDING_MAX (4 * DEMUX_PACKET_MAX) /* of a packet that goes on from page to page */

struct oggopus {
    ogg_sync_state sync;
    ogg_stream_state stream;
    bool has_stream;
    bool is_ended; /* its last packet was given */
    int packets;   /* of the stream: head, comments, then sound; stops counting there */
};

struct oggopus *oggopus_open(void)
{
    struct oggopus *ogg = calloc(1, sizeof(*ogg));

    if (ogg)
        ogg_sync_init(&ogg->sync);
    return ogg;
}

void oggopus_close(struct oggopus *ogg)
{
    if (!ogg)
        return;
    if (ogg->has_stream)
        ogg_stream_clear(&ogg->stream);
    ogg_sync_clear(&ogg->sync);
    free(ogg);
}

int oggopus_feed(struct oggopus *ogg, const uint8_t *bytes, size_t count)
{
    char *to = ogg_sync_buffer(&ogg->sync, (long)count);

    if (!to)
        return -1;
    if (count)
        memcpy(to, bytes, count);
    return ogg_sync_wrote(&ogg->sync, (long)count);
}

static bool is_opus_page(const ogg_page *page)
{
    return ogg_page_bos(page) && page->body_len >= 19 && memcmp(page->body, "OpusHead", 8) == 0;
}

/* Takes the next page, if it is whole. False: more bytes are needed. */
static bool take_page(struct oggopus *ogg)
{
    ogg_page page;

    for (int got; (got = ogg_sync_pageout(&ogg->sync, &page));) {
        if (got < 0)
            continue; /* out of step: libogg looks for the next page */
        if (is_opus_page(&page)) {
            if (ogg->has_stream)
                ogg_stream_clear(&ogg->stream);
            ogg->has_stream = ogg_stream_init(&ogg->stream, ogg_page_serialno(&page)) == 0;
            ogg->packets = 0;
        }
        /* Pages of other streams are refused by their serial number. */
        if (ogg->has_stream && ogg_stream_pagein(&ogg->stream, &page) == 0)
            return true;
    }
    return false;
}

int oggopus_next(struct oggopus *ogg, struct demux_packet *ret_packet, struct recording_note *note)
{
    ogg_packet packet;

    for (;;) {
        const int got = ogg->has_stream ? ogg_stream_packetout(&ogg->stream, &packet) : 0;
        if (got < 0)
            continue; /* a gap: packets are missing */
        if (got == 0) {
            if (ogg->has_stream && ogg->stream.body_fill > PENDING_MAX) {
                snprintf(note->text, sizeof(note->text),
                         "the Ogg data is damaged: a packet that does not end");
                return RECORDING_UNKNOWN;
            }
            if (!take_page(ogg))
                return 0;
            continue;
        }
        if (ogg->packets < 2 && ++ogg->packets == 2)
            continue;
        *ret_packet = (struct demux_packet){packet.packet, (size_t)packet.bytes, ogg->packets == 1,
                                            packet.e_o_s != 0, packet.granulepos};
        ogg->is_ended = packet.e_o_s != 0;
        return 1;
    }
}

bool oggopus_is_ended(const struct oggopus *ogg)
{
    return ogg->is_ended;
}
