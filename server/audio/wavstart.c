#include "wavstart.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "resample.h"

#define HEAD_MAX        65536u
#define OPEN_BYTES      0x7fff0000u /* recorders that cannot know the size write something like this */
#define FORMAT_PCM      1
#define FORMAT_FLOAT    3
#define FORMAT_ALAW     6
#define FORMAT_MULAW    7
#define FORMAT_EXTENDED 0xfffe

static int fail(struct recording_note *note, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int fail(struct recording_note *note, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(note->text, sizeof(note->text), format, args);
    va_end(args);
    return RECORDING_UNKNOWN;
}

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}

/* fmt [size], at least 16 bytes. */
static int read_format(struct wavstart *wav, const uint8_t *fmt, size_t size,
                       struct recording_note *note)
{
    static const struct {
        uint32_t format, bits;
        enum raw_encoding encoding;
    } known[] = {
        {FORMAT_PCM, 16, RAW_LINEAR16},  {FORMAT_PCM, 32, RAW_LINEAR32},
        {FORMAT_FLOAT, 32, RAW_FLOAT32}, {FORMAT_ALAW, 8, RAW_ALAW},
        {FORMAT_MULAW, 8, RAW_MULAW},
    };
    uint32_t format = le16(fmt);
    const uint32_t bits = le16(fmt + 14);

    if (format == FORMAT_EXTENDED && size >= 26)
        format = le16(fmt + 24); /* the first two bytes of the format's GUID */
    wav->channels = le16(fmt + 2);
    wav->rate_hz = le32(fmt + 4);
    if (wav->channels < 1 || wav->channels > RAW_MAX_CHANNELS)
        return fail(note, "the WAV stream has %u channels; 1 to %d are accepted", wav->channels,
                    RAW_MAX_CHANNELS);
    if (wav->rate_hz < RESAMPLE_MIN_HZ || wav->rate_hz > RESAMPLE_MAX_HZ)
        return fail(note, "the WAV stream has a sample rate of %u Hz; %d to %d are accepted",
                    wav->rate_hz, RESAMPLE_MIN_HZ, RESAMPLE_MAX_HZ);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].format == format && known[i].bits == bits) {
            wav->encoding = known[i].encoding;
            return 0;
        }
    return fail(
        note,
        "the WAV stream has format %u with %u bits; live, PCM of 16 or 32 bits, float of 32 "
        "bits, A-law and mu-law are accepted",
        format, bits);
}

int wavstart_read(struct wavstart *ret_wav, const uint8_t *bytes, size_t count,
                  struct recording_note *note)
{
    struct wavstart wav = {.data_bytes = UINT64_MAX};

    if (count >= 12 && (memcmp(bytes, "RIFF", 4) != 0 || memcmp(bytes + 8, "WAVE", 4) != 0))
        return fail(note, "live, only little-endian WAV (RIFF) is accepted");
    for (size_t at = 12; at + 8 <= count;) {
        const uint32_t size = le32(bytes + at + 4);
        const uint8_t *content = bytes + at + 8;
        if (memcmp(bytes + at, "data", 4) == 0) {
            if (!wav.channels)
                return fail(note, "the WAV stream has no \"fmt \" before its sound");
            wav.head_bytes = at + 8;
            if (size && size < OPEN_BYTES)
                wav.data_bytes = size;
            *ret_wav = wav;
            return 1;
        }
        if (size > HEAD_MAX)
            return fail(note,
                        "the WAV stream has %u bytes before its sound; at most %u are accepted",
                        size, HEAD_MAX);
        if (memcmp(bytes + at, "fmt ", 4) == 0) {
            if (size < 16)
                return fail(note, "the WAV stream has a damaged \"fmt \"");
            if (at + 8 + size > count)
                break;
            const int error = read_format(&wav, content, size, note);
            if (error)
                return error;
        }
        at += 8 + (size_t)size + (size & 1);
    }
    if (count > 2 * HEAD_MAX)
        return fail(note, "the WAV stream has no sound in its first %u bytes", 2 * HEAD_MAX);
    return 0;
}
