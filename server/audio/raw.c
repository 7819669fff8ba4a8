#include "raw.h"

#include <string.h>

int raw_init(struct raw *raw, enum raw_encoding encoding, uint32_t channels)
{
    if (channels < 1 || channels > RAW_MAX_CHANNELS)
        return -1;
    *raw = (struct raw){.encoding = encoding, .channels = channels};
    return 0;
}

static size_t sample_bytes(enum raw_encoding encoding)
{
    switch (encoding) {
    case RAW_LINEAR16:
        return 2;
    case RAW_LINEAR24:
        return 3;
    case RAW_LINEAR32:
    case RAW_FLOAT32:
        return 4;
    case RAW_FLOAT64:
        return 8;
    case RAW_MULAW:
    case RAW_ALAW:
    case RAW_UNSIGNED8:
        break;
    }
    return 1;
}

size_t raw_frame_bytes(const struct raw *raw)
{
    return sample_bytes(raw->encoding) * raw->channels;
}

size_t raw_max_frames(const struct raw *raw, size_t bytes)
{
    return (bytes + raw->kept_bytes) / raw_frame_bytes(raw);
}

/* ITU-T G.711: sign, three bits of exponent, four of mantissa, all inverted. 14-bit range. */
static float mulaw(uint8_t byte)
{
    const uint8_t u = (uint8_t)~byte;
    const int magnitude = (((u & 15) << 3) + 132) << (u >> 4 & 7);
    const int value = magnitude - 132;
    return (float)(u & 128 ? -value : value) / 32768.0f;
}

/* G.711 A-law: even bits inverted; exponent 0 is linear. 13-bit range. */
static float alaw(uint8_t byte)
{
    const uint8_t a = byte ^ 0x55;
    const int exponent = a >> 4 & 7;
    const int mantissa = (a & 15) << 4;
    const int value = exponent ? (mantissa + 264) << (exponent - 1) : mantissa + 8;
    return (float)(a & 128 ? value : -value) / 32768.0f;
}

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static float sample(enum raw_encoding encoding, const uint8_t *p)
{
    uint64_t wide_bits;
    uint32_t bits;
    double wide;
    float value;

    switch (encoding) {
    case RAW_LINEAR16:
        return (float)(int16_t)(uint16_t)(p[0] | p[1] << 8) / 32768.0f;
    case RAW_LINEAR32:
        return (float)((double)(int32_t)le32(p) / 2147483648.0);
    case RAW_FLOAT32:
        bits = le32(p);
        memcpy(&value, &bits, sizeof(value));
        return value;
    case RAW_FLOAT64:
        wide_bits = (uint64_t)le32(p + 4) << 32 | le32(p);
        memcpy(&wide, &wide_bits, sizeof(wide));
        return (float)wide;
    case RAW_LINEAR24:
        return (float)((double)(int32_t)((uint32_t)p[0] << 8 | (uint32_t)p[1] << 16 |
                                         (uint32_t)p[2] << 24) /
                       2147483648.0);
    case RAW_UNSIGNED8:
        return (float)(*p - 128) / 128.0f;
    case RAW_MULAW:
        return mulaw(*p);
    case RAW_ALAW:
        break;
    }
    return alaw(*p);
}

static void put_frame(const struct raw *raw, const uint8_t *p, float *frame)
{
    const size_t step = sample_bytes(raw->encoding);

    for (uint32_t c = 0; c < raw->channels; c++)
        frame[c] = sample(raw->encoding, p + c * step);
}

size_t raw_push(struct raw *raw, const uint8_t *bytes, size_t count, float *frames)
{
    const size_t whole = raw_frame_bytes(raw);
    size_t made = 0;

    if (raw->kept_bytes) {
        const size_t missing = whole - raw->kept_bytes;
        const size_t now = count < missing ? count : missing;
        if (now)
            memcpy(raw->kept + raw->kept_bytes, bytes, now);
        raw->kept_bytes += (uint32_t)now;
        bytes += now;
        count -= now;
        if (raw->kept_bytes < whole)
            return 0;
        put_frame(raw, raw->kept, frames + made++ * raw->channels);
        raw->kept_bytes = 0;
    }
    for (; count >= whole; bytes += whole, count -= whole)
        put_frame(raw, bytes, frames + made++ * raw->channels);
    if (count)
        memcpy(raw->kept, bytes, count);
    raw->kept_bytes = (uint32_t)count;
    return made;
}
