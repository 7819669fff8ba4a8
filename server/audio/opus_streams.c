/* Opus as live clients and files have it: packets behind their lengths, in Ogg, in WebM. A chained
 * Ogg begins anew at every head. */
#include <stdlib.h>

#include "audio_decoder.h"
#include "bytes.h"
#include "oggopus.h"
#include "opus_packets.h"
#include "webm.h"

#define LENGTH_BYTES 2 /* before a packet, the lower one first */

struct opus_stream {
    struct oggopus *ogg; /* one of them, or */
    struct webm *webm;
    struct bytes bytes; /* packets behind their lengths */
    uint32_t channels;  /* of those */
    struct opus_packets *packets;
};

static void opus_close(void *decoder)
{
    struct opus_stream *o = decoder;

    if (!o)
        return;
    oggopus_close(o->ogg);
    webm_close(o->webm);
    bytes_finish(&o->bytes);
    opus_packets_close(o->packets);
    free(o);
}

static void *opus_open(const struct decoder_setting *setting)
{
    struct opus_stream *o = calloc(1, sizeof(*o));

    if (o)
        o->channels = setting->channels;
    return o;
}

static void *opus_open_ogg(const struct decoder_setting *setting)
{
    struct opus_stream *o = opus_open(setting);

    if (!o || (o->ogg = oggopus_open()))
        return o;
    opus_close(o);
    return NULL;
}

static void *opus_open_webm(const struct decoder_setting *setting)
{
    struct opus_stream *o = opus_open(setting);

    if (!o || (o->webm = webm_open()))
        return o;
    opus_close(o);
    return NULL;
}

static int opus_feed(void *decoder, const uint8_t *bytes, size_t count)
{
    struct opus_stream *o = decoder;

    return o->ogg    ? oggopus_feed(o->ogg, bytes, count)
           : o->webm ? webm_feed(o->webm, bytes, count)
                     : bytes_push(&o->bytes, bytes, count);
}

/* As demux_next, of packets behind their lengths. */
static int next_packet(struct opus_stream *o, struct demux_packet *ret_packet)
{
    const uint8_t *at = bytes_front(&o->bytes);
    const size_t have = o->bytes.count;

    if (have < LENGTH_BYTES)
        return 0;
    const size_t length = at[0] | (size_t)at[1] << 8;
    if (have < LENGTH_BYTES + length)
        return 0;
    *ret_packet = (struct demux_packet){at + LENGTH_BYTES, length, .granule = -1};
    /* Taking moves nothing: the packet stays valid until more is fed. */
    bytes_take(&o->bytes, LENGTH_BYTES + length);
    return 1;
}

static enum decoder_got fail_as(const struct opus_stream *o, int error)
{
    return error == RECORDING_FAILED ? DECODER_FAILED
           : o->packets              ? DECODER_DAMAGED
                                     : DECODER_REFUSES;
}

static enum decoder_got opus_pull(void *decoder, struct decoder_sound *ret_sound,
                                  struct recording_note *note)
{
    struct opus_stream *o = decoder;
    struct demux_packet packet = {0};
    const float *frames = NULL;
    long got = 0;

    while (got == 0) {
        const int whole = o->webm  ? webm_next(o->webm, &packet, note)
                          : o->ogg ? oggopus_next(o->ogg, &packet, note)
                                   : next_packet(o, &packet);
        if (whole <= 0)
            return whole ? fail_as(o, whole) : DECODER_HUNGRY;
        if (packet.is_head || !o->packets) {
            opus_packets_close(o->packets);
            o->packets = NULL;
            const int error = opus_packets_open(&o->packets, packet.is_head ? packet.bytes : NULL,
                                                packet.count, o->channels, note);
            if (error)
                return fail_as(o, error);
        }
        if (!packet.is_head)
            got = opus_packets_push(o->packets, &packet, &frames, note);
    }
    if (got < 0)
        return fail_as(o, (int)got);
    *ret_sound = (struct decoder_sound){frames, (size_t)got, opus_packets_channels(o->packets),
                                        OPUS_PACKETS_RATE_HZ};
    return DECODER_SOUND;
}

static bool opus_is_whole(const void *decoder, struct recording_note *note)
{
    const struct opus_stream *o = decoder;

    if (o->webm ? webm_is_between(o->webm) : o->ogg ? oggopus_is_ended(o->ogg) : !o->bytes.count)
        return true;
    audio_decoder_note(DECODER_END, note, "the %s is cut short: its last part is not whole",
                       o->webm  ? "webm file"
                       : o->ogg ? "ogg file"
                                : "stream");
    return false;
}

#define OPUS_DECODER(name_, open_)                                                                 \
    {                                                                                              \
        .name = name_, .open = open_, .close = opus_close, .feed = opus_feed, .pull = opus_pull,   \
        .is_whole = opus_is_whole                                                                  \
    }

const struct decoder_kind opus_streams_packets = OPUS_DECODER("opus", opus_open);
const struct decoder_kind opus_streams_ogg = OPUS_DECODER("ogg opus", opus_open_ogg);
const struct decoder_kind opus_streams_webm = OPUS_DECODER("webm", opus_open_webm);
