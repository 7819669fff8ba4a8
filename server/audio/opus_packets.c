#include "opus_packets.h"

#include <opus/opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES    19
#define CONCEALED     25  /* damaged packets in a row that are borne */
#define CONCEAL_LEAST 160 /* 10 ms: what stands in for a packet when no length is known */

struct opus_packets {
    OpusDecoder *decoder;
    uint32_t channels;
    uint32_t skip;    /* frames of the codec's delay still to be dropped */
    uint32_t last;    /* frames of the last packet */
    uint32_t damaged; /* in a row */
    int64_t decoded;  /* frames, the delay included */
    int64_t before;   /* frames by the stream's clock before the first packet; -1: not known yet */
    float frames[2 * OPUS_PACKETS_FRAMES];
};

static int fail(struct recording_note *note, int error, const char *text)
{
    snprintf(note->text, sizeof(note->text), "%s", text);
    return error;
}

static int read_head(struct opus_packets *packets, const uint8_t *head, size_t count, int *ret_gain,
                     struct recording_note *note)
{
    if (count < HEAD_BYTES || memcmp(head, "OpusHead", 8) != 0 || (head[8] & 0xf0) != 0)
        return fail(note, RECORDING_UNKNOWN, "the Opus header is damaged");
    packets->channels = head[9];
    packets->skip = (head[10] | (uint32_t)head[11] << 8) / (48000 / OPUS_PACKETS_RATE_HZ);
    *ret_gain = (int16_t)(uint16_t)(head[16] | head[17] << 8);
    if (head[18] != 0 || packets->channels < 1 || packets->channels > 2)
        return fail(note, RECORDING_UNKNOWN,
                    "the Opus stream has more than 2 channels or a channel map; send mono or "
                    "stereo");
    return 0;
}

int opus_packets_open(struct opus_packets **ret_packets, const uint8_t *head, size_t count,
                      uint32_t channels, struct recording_note *note)
{
    struct opus_packets *packets = calloc(1, sizeof(*packets));
    int gain = 0, error = 0;

    if (!packets)
        return fail(note, RECORDING_FAILED, "out of memory");
    packets->channels = channels;
    packets->before = -1;
    if (head)
        error = read_head(packets, head, count, &gain, note);
    else if (channels < 1 || channels > 2)
        error = fail(note, RECORDING_UNKNOWN, "Opus packets have 1 or 2 channels");
    if (!error) {
        int status;
        packets->decoder =
            opus_decoder_create(OPUS_PACKETS_RATE_HZ, (int)packets->channels, &status);
        if (!packets->decoder || status != OPUS_OK ||
            opus_decoder_ctl(packets->decoder, OPUS_SET_GAIN(gain)) != OPUS_OK)
            error = fail(note, RECORDING_FAILED, "out of memory");
    }
    if (error) {
        opus_packets_close(packets);
        return error;
    }
    *ret_packets = packets;
    return 0;
}

void opus_packets_close(struct opus_packets *packets)
{
    if (!packets)
        return;
    if (packets->decoder)
        opus_decoder_destroy(packets->decoder);
    free(packets);
}

uint32_t opus_packets_channels(const struct opus_packets *packets)
{
    return packets->channels;
}

/* Frames in packets->frames, or negative. */
static int decode(struct opus_packets *packets, const uint8_t *packet, size_t count)
{
    int got = -1;

    if (count && count <= INT32_MAX)
        got = opus_decode_float(packets->decoder, packet, (opus_int32)count, packets->frames,
                                OPUS_PACKETS_FRAMES, 0);
    if (got >= 0) {
        packets->damaged = 0;
        packets->last = (uint32_t)got;
        return got;
    }
    if (++packets->damaged > CONCEALED || !packets->last)
        return -1;
    const uint32_t missing = packets->last < CONCEAL_LEAST ? CONCEAL_LEAST : packets->last;
    return opus_decode_float(packets->decoder, NULL, 0, packets->frames, (int)missing, 0);
}

/* Frames at the end of the last packet that are no sound, by the stream's clock. */
static int padding(struct opus_packets *packets, const struct demux_packet *packet, int got)
{
    const int64_t clock = packet->granule / (48000 / OPUS_PACKETS_RATE_HZ);

    if (packet->granule < 0)
        return 0;
    if (packets->before < 0) /* a stream may be caught on its way; one that ends at once is not */
        packets->before =
            clock > packets->decoded && !packet->is_last ? clock - packets->decoded : 0;
    const int64_t excess = packets->before + packets->decoded - clock;
    return packet->is_last && excess > 0 ? (int)(excess < got ? excess : got) : 0;
}

long opus_packets_push(struct opus_packets *packets, const struct demux_packet *packet,
                       const float **ret_frames, struct recording_note *note)
{
    int got = decode(packets, packet->bytes, packet->count);

    if (got < 0)
        return fail(note, RECORDING_UNKNOWN, "the packets are not Opus, or too many are damaged");
    packets->decoded += got;
    got -= padding(packets, packet, got);
    const uint32_t dropped = packets->skip < (uint32_t)got ? packets->skip : (uint32_t)got;
    packets->skip -= dropped;
    *ret_frames = packets->frames + dropped * packets->channels;
    return got - (long)dropped;
}
