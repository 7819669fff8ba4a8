#include "muxed.h"

#include <ogg/ogg.h>
#include <opus/opus.h>
#include <string.h>

#include "test.h"

#define FRAME 320 /* 20 ms */

static void put(struct muxed *to, const void *bytes, size_t count)
{
    to->bytes = realloc(to->bytes, to->count + count + 1);
    assert_non_null(to->bytes);
    memcpy(to->bytes + to->count, bytes, count);
    to->count += count;
}

struct muxed muxed_packets(const float *pcm, size_t count, const struct muxed_form *form)
{
    struct muxed to = {NULL, 0};
    uint8_t packet[4000], length[2];
    float frame[2 * FRAME];
    int error;
    OpusEncoder *encoder =
        opus_encoder_create(16000, form->channels, OPUS_APPLICATION_VOIP, &error);

    assert_non_null(encoder);
    opus_encoder_ctl(encoder, OPUS_SET_BITRATE(32000));
    for (size_t at = 0; at < count; at += FRAME) {
        for (size_t i = 0; i < FRAME; i++) {
            const float x = at + i < count ? pcm[at + i] : 0;
            const float y = at + i < count ? -pcm[count - 1 - at - i] : 0;
            if (form->channels == 2) {
                frame[2 * i] = x;
                frame[2 * i + 1] = y;
            } else {
                frame[i] = x;
            }
        }
        const int got = opus_encode_float(encoder, frame, FRAME, packet, sizeof(packet));
        assert_true(got > 0);
        length[0] = (uint8_t)(got & 255);
        length[1] = (uint8_t)(got >> 8);
        put(&to, length, 2);
        put(&to, packet, (size_t)got);
    }
    opus_encoder_destroy(encoder);
    return to;
}

static void head(uint8_t to[19], int channels)
{
    memcpy(to, "OpusHead\x01\x01\x38\x01\x80\xbb\0\0\0\0\0", 19); /* pre-skip 312 at 48 kHz */
    to[9] = (uint8_t)channels;
}

/* ---- webm --------------------------------------------------------------------------------------
 */

static void id(struct muxed *to, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        if (value >> shift)
            put(to, &(uint8_t){(uint8_t)(value >> shift)}, 1);
}

static void size(struct muxed *to, size_t value)
{
    const uint8_t bytes[8] = {1,
                              0,
                              0,
                              0,
                              (uint8_t)(value >> 24),
                              (uint8_t)(value >> 16),
                              (uint8_t)(value >> 8),
                              (uint8_t)value};

    if (value < 127)
        put(to, &(uint8_t){(uint8_t)(0x80 | value)}, 1);
    else
        put(to, bytes, 8);
}

static void element(struct muxed *to, uint32_t name, const void *content, size_t count)
{
    id(to, name);
    size(to, count);
    put(to, content, count);
}

static void unknown(struct muxed *to, uint32_t name)
{
    id(to, name);
    put(to, "\x01\xff\xff\xff\xff\xff\xff\xff", 8);
}

static void nest(struct muxed *to, uint32_t name, struct muxed *content)
{
    element(to, name, content->bytes ? content->bytes : (const uint8_t *)"", content->count);
    free(content->bytes);
    *content = (struct muxed){NULL, 0};
}

static void track(struct muxed *tracks, int number, const char *codec, int channels)
{
    struct muxed entry = {NULL, 0}, audio = {NULL, 0};
    uint8_t opus[19];

    head(opus, channels);
    element(&entry, 0xd7, &(uint8_t){(uint8_t)number}, 1);
    element(&entry, 0x73c5, "\x12\x34\x56", 3);
    element(&entry, 0x83, &(uint8_t){channels ? 2 : 1}, 1);
    element(&entry, 0x86, codec, strlen(codec));
    if (channels) {
        element(&entry, 0x63a2, opus, sizeof(opus));
        element(&audio, 0xb5, "\x47\x3b\x80\x00", 4);
        element(&audio, 0x9f, &(uint8_t){(uint8_t)channels}, 1);
        nest(&entry, 0xe1, &audio);
    }
    nest(tracks, 0xae, &entry);
}

static void block(struct muxed *to, const struct muxed_form *form, int number, size_t time_ms,
                  const uint8_t *packet, size_t count)
{
    struct muxed content = {NULL, 0}, group = {NULL, 0};
    const uint8_t front[4] = {(uint8_t)(0x80 | number), (uint8_t)(time_ms >> 8), (uint8_t)time_ms,
                              form->flags};

    put(&content, front, sizeof(front));
    put(&content, packet, count);
    if (!form->sizes) {
        nest(to, 0xa3, &content);
        return;
    }
    nest(&group, 0xa1, &content);
    element(&group, 0x9b, "\x14", 1);
    nest(to, 0xa0, &group);
}

struct muxed muxed_webm(const float *pcm, size_t count, const struct muxed_form *form)
{
    struct muxed to = {NULL, 0}, part = {NULL, 0}, cluster = {NULL, 0};
    struct muxed packets = muxed_packets(pcm, count, form);
    static const uint8_t picture[3000];
    size_t time_ms = 0;

    element(&part, 0x4286, "\x01", 1);
    element(&part, 0x4282, "webm", 4);
    nest(&to, 0x1a45dfa3, &part);
    unknown(&to, 0x18538067);
    element(&part, 0x2ad7b1, "\x0f\x42\x40", 3);
    element(&part, 0x4d80, "MediaRecorder's like", 20);
    nest(&to, 0x1549a966, &part);
    if (form->video)
        track(&part, 1, "V_VP8", 0);
    track(&part, 2, form->codec ? form->codec : "A_OPUS", form->channels);
    nest(&to, 0x1654ae6b, &part);
    for (size_t at = 0; at < packets.count; time_ms += 20) {
        const size_t length = packets.bytes[at] | (size_t)packets.bytes[at + 1] << 8;
        if (time_ms % 1000 == 0) {
            if (form->sizes && cluster.count)
                nest(&to, 0x1f43b675, &cluster);
            if (!form->sizes)
                unknown(&to, 0x1f43b675);
            const uint8_t time[4] = {0, 0, (uint8_t)(time_ms >> 8), (uint8_t)time_ms};
            element(form->sizes ? &cluster : &to, 0xe7, time, 4);
        }
        if (form->video)
            block(form->sizes ? &cluster : &to, form, 1, time_ms % 1000, picture, sizeof(picture));
        block(form->sizes ? &cluster : &to, form, 2, time_ms % 1000, packets.bytes + at + 2,
              length);
        at += 2 + length;
    }
    if (cluster.count)
        nest(&to, 0x1f43b675, &cluster);
    free(packets.bytes);
    return to;
}

/* ---- ogg ---------------------------------------------------------------------------------------
 */

static void pages(struct muxed *to, ogg_stream_state *stream, bool flush)
{
    ogg_page page;

    while (flush ? ogg_stream_flush(stream, &page) : ogg_stream_pageout(stream, &page)) {
        put(to, page.header, (size_t)page.header_len);
        put(to, page.body, (size_t)page.body_len);
    }
}

struct muxed muxed_ogg(const float *pcm, size_t count, const struct muxed_form *form)
{
    struct muxed to = {NULL, 0}, packets = muxed_packets(pcm, count, form);
    ogg_stream_state stream;
    uint8_t first[19], comments[] = "OpusTags\x04\0\0\0test\0\0\0\0";
    ogg_packet packet = {.packet = first, .bytes = sizeof(first), .b_o_s = 1};

    head(first, form->channels);
    assert_int_equal(ogg_stream_init(&stream, 4711), 0);
    ogg_stream_packetin(&stream, &packet);
    pages(&to, &stream, true);
    packet = (ogg_packet){.packet = comments, .bytes = sizeof(comments) - 1, .packetno = 1};
    ogg_stream_packetin(&stream, &packet);
    pages(&to, &stream, true);
    for (size_t at = 0; at < packets.count; packet.granulepos += 960) {
        packet.bytes = packets.bytes[at] | (long)packets.bytes[at + 1] << 8;
        packet.packet = packets.bytes + at + 2;
        packet.packetno++;
        at += 2 + (size_t)packet.bytes;
        ogg_stream_packetin(&stream, &packet);
        pages(&to, &stream, false);
    }
    pages(&to, &stream, true);
    ogg_stream_clear(&stream);
    free(packets.bytes);
    return to;
}
