#include "stream.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "flacfeed.h"
#include "mp3feed.h"
#include "oggopus.h"
#include "packets.h"
#include "resample.h"
#include "sniff.h"
#include "wavstart.h"
#include "webm.h"

struct stream {
    struct stream_format format; /* raw: of the WAV, once its head is read */
    enum sniff container;        /* SNIFF_UNKNOWN: not known yet, or none */
    bool has_sound;              /* coded: some was pulled */
    bool has_head;               /* raw: nothing precedes the sound any more */
    uint64_t data_left;          /* raw: bytes of sound still to come */
    struct raw raw;
    struct webm *webm;
    struct oggopus *ogg;
    struct flacfeed *flac;
    struct mp3feed *mp3;
    struct packets *packets;
    bool is_cut;                  /* PACKETS: part of a packet waits */
    struct bytes bytes;           /* raw sound, a head, or packets with their lengths */
    float ready[PACKETS_SAMPLES]; /* [ready_at, ready_count) of a packet */
    size_t ready_at, ready_count;
    int error; /* negative: it failed with this */
    struct recording_note failure;
};

static int fail(struct recording_note *note, int error, const char *text)
{
    snprintf(note->text, sizeof(note->text), "%s", text);
    return error;
}

static int begin_raw(struct stream *stream, struct recording_note *note)
{
    const struct stream_format *format = &stream->format;

    if (raw_init(&stream->raw, format->encoding, format->channels) < 0 ||
        format->rate_hz < RESAMPLE_MIN_HZ || format->rate_hz > RESAMPLE_MAX_HZ)
        return fail(note, RECORDING_UNKNOWN, "rate or channels out of range");
    if (format->channel > format->channels) {
        snprintf(note->text, sizeof(note->text), "there is no channel %u: the stream has %u",
                 format->channel, format->channels);
        return RECORDING_UNKNOWN;
    }
    stream->raw.channel = format->channel;
    stream->has_head = true;
    return 0;
}

int stream_open(struct stream **ret_stream, const struct stream_format *format,
                struct recording_note *note)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    int error = 0;

    if (!stream)
        return fail(note, RECORDING_FAILED, "out of memory");
    stream->format = *format;
    stream->data_left = UINT64_MAX;
    if (format->kind == STREAM_RAW)
        error = begin_raw(stream, note);
    else if (format->kind == STREAM_PACKETS)
        error = packets_open(&stream->packets, NULL, 0, format->channels, format->channel, note);
    if (error) {
        stream_close(stream);
        return error;
    }
    *ret_stream = stream;
    return 0;
}

void stream_close(struct stream *stream)
{
    if (!stream)
        return;
    packets_close(stream->packets);
    webm_close(stream->webm);
    oggopus_close(stream->ogg);
    flacfeed_close(stream->flac);
    mp3feed_close(stream->mp3);
    bytes_finish(&stream->bytes);
    free(stream);
}

int stream_feed(struct stream *stream, const uint8_t *bytes, size_t count)
{
    if (stream->webm)
        return webm_feed(stream->webm, bytes, count);
    if (stream->ogg)
        return oggopus_feed(stream->ogg, bytes, count);
    if (stream->flac)
        return flacfeed_feed(stream->flac, bytes, count);
    if (stream->mp3)
        return mp3feed_feed(stream->mp3, bytes, count);
    return bytes_push(&stream->bytes, bytes, count);
}

/* ---- which container? ------------------------------------------------------------------------ */

static int refuse(const struct stream *stream, struct recording_note *note)
{
    char found[120];
    const enum sniff kind = sniff(bytes_front(&stream->bytes), stream->bytes.count);

    if (kind == SNIFF_UNKNOWN)
        sniff_describe(bytes_front(&stream->bytes), stream->bytes.count, found, sizeof(found));
    else
        snprintf(found, sizeof(found), "%s", sniff_name(kind));
    snprintf(
        note->text, sizeof(note->text),
        "live audio without encoding must be in a container that streams (%s); this is not: %s",
        STREAM_ACCEPTED, found);
    return RECORDING_UNKNOWN;
}

/* 1: known. 0: more bytes are needed. */
static int find_out(struct stream *stream, struct recording_note *note)
{
    const uint8_t *at = bytes_front(&stream->bytes);
    const size_t count = stream->bytes.count;
    const enum sniff kind = sniff(at, count);

    if (kind == SNIFF_UNKNOWN && count < SNIFF_BYTES)
        return 0;
    if (kind == SNIFF_WEBM)
        stream->webm = webm_open();
    else if (kind == SNIFF_OGG_OPUS)
        stream->ogg = oggopus_open();
    else if (kind == SNIFF_FLAC)
        stream->flac = flacfeed_open(stream->format.channel);
    else if (kind == SNIFF_MP3)
        stream->mp3 = mp3feed_open(stream->format.channel);
    else if (kind != SNIFF_WAV)
        return refuse(stream, note);
    stream->container = kind;
    if (kind == SNIFF_WAV)
        return 1;
    if ((!stream->webm && !stream->ogg && !stream->flac && !stream->mp3) ||
        stream_feed(stream, at, count) < 0)
        return fail(note, RECORDING_FAILED, "out of memory");
    bytes_finish(&stream->bytes);
    return 1;
}

/* ---- raw ------------------------------------------------------------------------------------- */

static int read_wav(struct stream *stream, struct recording_note *note)
{
    struct wavstart wav;
    const int got = wavstart_read(&wav, bytes_front(&stream->bytes), stream->bytes.count, note);

    if (got <= 0)
        return got;
    stream->format.encoding = wav.encoding;
    stream->format.rate_hz = wav.rate_hz;
    stream->format.channels = wav.channels;
    stream->data_left = wav.data_bytes;
    bytes_take(&stream->bytes, wav.head_bytes);
    const int error = begin_raw(stream, note);
    return error ? error : 1;
}

static long pull_raw(struct stream *stream, float *mono, size_t room, struct recording_note *note)
{
    if (!stream->has_head) {
        const int got = read_wav(stream, note);
        if (got <= 0)
            return got;
    }
    const size_t most = room * raw_frame_bytes(&stream->raw);
    size_t now = stream->bytes.count < most ? stream->bytes.count : most;
    if (now > stream->data_left)
        now = (size_t)stream->data_left;
    const size_t made = now ? raw_push(&stream->raw, bytes_front(&stream->bytes), now, mono) : 0;
    bytes_take(&stream->bytes, now);
    if (stream->data_left != UINT64_MAX)
        stream->data_left -= now;
    if (!stream->data_left) /* what follows the sound in a WAV is not sound */
        bytes_take(&stream->bytes, stream->bytes.count);
    return (long)made;
}

/* ---- packets --------------------------------------------------------------------------------- */

/* As demux_next, of packets behind their lengths. */
static int next_packet(struct stream *stream, struct demux_packet *ret_packet)
{
    const uint8_t *at = bytes_front(&stream->bytes);
    const size_t have = stream->bytes.count;

    stream->is_cut = have > 0;
    if (have < STREAM_PACKET_BYTES)
        return 0;
    const size_t length = at[0] | (size_t)at[1] << 8;
    if (have < STREAM_PACKET_BYTES + length)
        return 0;
    stream->is_cut = false;
    *ret_packet = (struct demux_packet){at + STREAM_PACKET_BYTES, length, false};
    /* Taking moves nothing: the packet stays valid until more is fed. */
    bytes_take(&stream->bytes, STREAM_PACKET_BYTES + length);
    return 1;
}

/* Decodes one packet into ready. 1, 0: more bytes are needed, or negative. */
static int decode_next(struct stream *stream, struct recording_note *note)
{
    struct demux_packet packet;
    const int got = stream->webm  ? webm_next(stream->webm, &packet, note)
                    : stream->ogg ? oggopus_next(stream->ogg, &packet, note)
                                  : next_packet(stream, &packet);

    if (got <= 0)
        return got;
    stream->ready_at = stream->ready_count = 0;
    if (packet.is_head) {
        packets_close(stream->packets);
        stream->packets = NULL;
        const int error = packets_open(&stream->packets, packet.bytes, packet.count, 0,
                                       stream->format.channel, note);
        return error ? error : 1;
    }
    const long made =
        packets_push(stream->packets, packet.bytes, packet.count, stream->ready, note);
    if (made < 0)
        return (int)made;
    stream->ready_count = (size_t)made;
    return 1;
}

static long pull_packets(struct stream *stream, float *mono, size_t room,
                         struct recording_note *note)
{
    size_t given = 0;

    while (given < room) {
        const size_t left = stream->ready_count - stream->ready_at;
        const size_t now = left < room - given ? left : room - given;
        memcpy(mono + given, stream->ready + stream->ready_at, now * sizeof(*mono));
        stream->ready_at += now;
        given += now;
        if (given == room)
            break;
        const int got = stream->error ? stream->error : decode_next(stream, &stream->failure);
        if (got < 0)
            stream->error = got;
        if (got <= 0)
            break;
    }
    if (given || !stream->error)
        return (long)given; /* an error comes behind the sound before it */
    *note = stream->failure;
    return stream->error;
}

/* ---- coded frames ---------------------------------------------------------------------------- */

static long pull_coded(struct stream *stream, float *mono, size_t room, struct recording_note *note)
{
    if (!stream->error) {
        const long got = stream->flac ? flacfeed_pull(stream->flac, mono, room, &stream->failure)
                                      : mp3feed_pull(stream->mp3, mono, room, &stream->failure);
        if (got >= 0) {
            stream->has_sound |= got > 0;
            return got;
        }
        stream->error = (int)got;
    }
    *note = stream->failure;
    return stream->error;
}

long stream_pull(struct stream *stream, float *mono, size_t room, struct recording_note *note)
{
    if (stream->format.kind == STREAM_CONTAINER && stream->container == SNIFF_UNKNOWN) {
        const int got = find_out(stream, note);
        if (got <= 0)
            return got;
    }
    if (stream->format.kind == STREAM_RAW || stream->container == SNIFF_WAV)
        return pull_raw(stream, mono, room, note);
    if (stream->flac || stream->mp3)
        return pull_coded(stream, mono, room, note);
    return pull_packets(stream, mono, room, note);
}

uint32_t stream_rate_hz(const struct stream *stream)
{
    const bool is_raw = stream->format.kind == STREAM_RAW || stream->container == SNIFF_WAV;

    if (stream->flac)
        return flacfeed_rate_hz(stream->flac);
    if (stream->mp3)
        return mp3feed_rate_hz(stream->mp3);
    return is_raw ? stream->format.rate_hz : PACKETS_RATE_HZ;
}

uint32_t stream_channels(const struct stream *stream)
{
    if (stream->flac)
        return flacfeed_channels(stream->flac);
    if (stream->mp3)
        return mp3feed_channels(stream->mp3);
    return stream->packets ? packets_channels(stream->packets) : stream->format.channels;
}

int stream_end(const struct stream *stream, bool whole, struct recording_note *note)
{
    if (stream->format.kind != STREAM_CONTAINER)
        return 0;
    if (stream->container == SNIFF_UNKNOWN)
        return stream->bytes.count ? refuse(stream, note) : 0;
    if ((stream->flac || stream->mp3) && !stream->has_sound) {
        snprintf(note->text, sizeof(note->text), "the %s is cut short: not one frame is whole",
                 sniff_name(stream->container));
        return RECORDING_TRUNCATED;
    }
    if (whole && ((stream->webm && !webm_is_between(stream->webm)) ||
                  (stream->flac && !flacfeed_is_between(stream->flac)) ||
                  (!stream->packets && !stream->has_head && !stream->flac && !stream->mp3)))
        return fail(note, RECORDING_TRUNCATED, "the file is cut short: its last part is not whole");
    return 0;
}
