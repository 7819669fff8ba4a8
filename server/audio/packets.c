#include "packets.h"

#include <opus/opus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES    19
#define CONCEALED     25  /* damaged packets in a row that are borne */
#define CONCEAL_LEAST 160 /* 10 ms: what stands in for a packet when no length is known */

struct packets {
    OpusDecoder *decoder;
    uint32_t channels; /* as sent */
    uint32_t channel;  /* wanted; 0: mixed by the decoder */
    uint32_t skip;     /* samples of the codec's delay still to be dropped */
    uint32_t last;     /* samples of the last packet */
    uint32_t damaged;  /* in a row */
    float frames[2 * PACKETS_SAMPLES];
};

static int fail(struct recording_note *note, int error, const char *text)
{
    snprintf(note->text, sizeof(note->text), "%s", text);
    return error;
}

static int read_head(struct packets *packets, const uint8_t *head, size_t count, int *ret_gain,
                     struct recording_note *note)
{
    if (count < HEAD_BYTES || memcmp(head, "OpusHead", 8) != 0 || (head[8] & 0xf0) != 0)
        return fail(note, RECORDING_UNKNOWN, "the Opus header is damaged");
    packets->channels = head[9];
    packets->skip = (head[10] | (uint32_t)head[11] << 8) / (48000 / PACKETS_RATE_HZ);
    *ret_gain = (int16_t)(uint16_t)(head[16] | head[17] << 8);
    if (head[18] != 0 || packets->channels < 1 || packets->channels > 2)
        return fail(note, RECORDING_UNKNOWN,
                    "the Opus stream has more than 2 channels or a channel map; send mono or "
                    "stereo");
    return 0;
}

int packets_open(struct packets **ret_packets, const uint8_t *head, size_t count, uint32_t channels,
                 uint32_t channel, struct recording_note *note)
{
    struct packets *packets = calloc(1, sizeof(*packets));
    int gain = 0, error = 0;

    if (!packets)
        return fail(note, RECORDING_FAILED, "out of memory");
    packets->channels = channels;
    packets->channel = channel;
    if (head)
        error = read_head(packets, head, count, &gain, note);
    else if (channels < 1 || channels > 2)
        error = fail(note, RECORDING_UNKNOWN, "Opus packets have 1 or 2 channels");
    if (!error && channel > packets->channels) {
        snprintf(note->text, sizeof(note->text), "there is no channel %u: the Opus stream has %u",
                 channel, packets->channels);
        error = RECORDING_UNKNOWN;
    }
    if (!error) {
        int status;
        packets->decoder = opus_decoder_create(PACKETS_RATE_HZ, channel ? 2 : 1, &status);
        if (!packets->decoder || status != OPUS_OK ||
            opus_decoder_ctl(packets->decoder, OPUS_SET_GAIN(gain)) != OPUS_OK)
            error = fail(note, RECORDING_FAILED, "out of memory");
    }
    if (error) {
        packets_close(packets);
        return error;
    }
    *ret_packets = packets;
    return 0;
}

void packets_close(struct packets *packets)
{
    if (!packets)
        return;
    if (packets->decoder)
        opus_decoder_destroy(packets->decoder);
    free(packets);
}

uint32_t packets_channels(const struct packets *packets)
{
    return packets->channels;
}

/* Frames in packets->frames, or negative. */
static int decode(struct packets *packets, const uint8_t *packet, size_t count)
{
    int got = -1;

    if (count && count <= INT32_MAX)
        got = opus_decode_float(packets->decoder, packet, (opus_int32)count, packets->frames,
                                PACKETS_SAMPLES, 0);
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

long packets_push(struct packets *packets, const uint8_t *packet, size_t count, float *mono,
                  struct recording_note *note)
{
    const int got = decode(packets, packet, count);

    if (got < 0)
        return fail(note, RECORDING_UNKNOWN, "the packets are not Opus, or too many are damaged");
    const uint32_t dropped = packets->skip < (uint32_t)got ? packets->skip : (uint32_t)got;
    const uint32_t step = packets->channel ? 2 : 1;
    /* A mono stream gives the same to both channels of the decoder. */
    const float *from = packets->frames + (packets->channel ? packets->channel - 1 : 0);
    packets->skip -= dropped;
    for (uint32_t i = dropped; i < (uint32_t)got; i++) {
        const float x = from[i * step];
        mono[i - dropped] = x > 1.0f ? 1.0f : x < -1.0f ? -1.0f : x;
    }
    return got - (long)dropped;
}
