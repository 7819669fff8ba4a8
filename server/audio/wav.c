/* WAV as it arrives: RIFF, and RF64 or BW64 for long ones (EBU Tech 3306), of plain samples. Other
 * codings are refused, for a decoder that knows them.
 *
 * Chunks before the sound are skipped as they come. A size of 0, or near 2^31 or 2^32, is what
 * recorders write that cannot know it: then the sound goes on to the end. */
#include <stdlib.h>
#include <string.h>

#include "audio_decoder.h"
#include "bytes.h"

#define OPEN_BYTES      0x7fff0000u
#define PULL_FRAMES     2048
#define RIFF_BYTES      12
#define CHUNK_BYTES     8
#define FORMAT_MOST     256 /* bytes of a "fmt " that are looked at */
#define DS64_BYTES      16
#define FORMAT_PCM      1
#define FORMAT_FLOAT    3
#define FORMAT_ALAW     6
#define FORMAT_MULAW    7
#define FORMAT_EXTENDED 0xfffe

struct wav {
    struct bytes bytes;
    bool begun; /* the RIFF head was seen */
    bool is_long;
    uint64_t long_bytes; /* of sound, by "ds64"; 0: not said */
    uint64_t skip_bytes; /* of a chunk that says nothing of use */
    struct raw raw;
    uint32_t rate_hz;
    bool is_open;          /* nobody knows how long */
    uint64_t left, stated; /* bytes of sound */
    float *frames;         /* [PULL_FRAMES, channels]; NULL: the sound has not begun */
};

static uint32_t le16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const uint8_t *p)
{
    return le16(p) | le16(p + 2) << 16;
}

static void *wav_open(const struct decoder_setting *setting)
{
    (void)setting;
    return calloc(1, sizeof(struct wav));
}

static void wav_close(void *decoder)
{
    struct wav *w = decoder;

    if (!w)
        return;
    bytes_finish(&w->bytes);
    free(w->frames);
    free(w);
}

static int wav_feed(void *decoder, const uint8_t *bytes, size_t count)
{
    return bytes_push(&((struct wav *)decoder)->bytes, bytes, count);
}

/* fmt [size], at least 16 bytes. */
static enum decoder_got read_format(struct wav *w, const uint8_t *fmt, size_t size,
                                    struct recording_note *note)
{
    static const struct {
        uint32_t format, bits;
        enum raw_encoding encoding;
    } known[] = {
        {FORMAT_PCM, 8, RAW_UNSIGNED8},  {FORMAT_PCM, 16, RAW_LINEAR16},
        {FORMAT_PCM, 24, RAW_LINEAR24},  {FORMAT_PCM, 32, RAW_LINEAR32},
        {FORMAT_FLOAT, 32, RAW_FLOAT32}, {FORMAT_FLOAT, 64, RAW_FLOAT64},
        {FORMAT_ALAW, 8, RAW_ALAW},      {FORMAT_MULAW, 8, RAW_MULAW},
    };
    const uint32_t channels = le16(fmt + 2), bits = le16(fmt + 14);
    uint32_t format = le16(fmt);

    if (format == FORMAT_EXTENDED && size >= 26)
        format = le16(fmt + 24); /* the first two bytes of the format's GUID */
    w->rate_hz = le32(fmt + 4);
    if (channels < 1 || channels > RAW_MAX_CHANNELS)
        return audio_decoder_note(DECODER_DAMAGED, note,
                                  "the wav file has %u channels; 1 to %d are accepted", channels,
                                  RAW_MAX_CHANNELS);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (known[i].format == format && known[i].bits == bits &&
            le16(fmt + 12) == channels * bits / 8 &&
            raw_init(&w->raw, known[i].encoding, channels) == 0)
            return DECODER_HUNGRY;
    return audio_decoder_note(
        DECODER_REFUSES, note,
        "the wav file has samples of format %u with %u bits; PCM of 8, 16, 24 or 32 bits, float of "
        "32 or 64, A-law and mu-law are accepted",
        format, bits);
}

/* size: as the chunk's head says it. */
static enum decoder_got begin_sound(struct wav *w, uint32_t size, struct recording_note *note)
{
    if (!w->raw.channels)
        return audio_decoder_note(DECODER_DAMAGED, note,
                                  "the wav file has no \"fmt \" before its sound");
    w->frames = malloc(sizeof(float) * PULL_FRAMES * w->raw.channels);
    if (!w->frames)
        return audio_decoder_note(DECODER_FAILED, note, "out of memory");
    w->stated = w->is_long && w->long_bytes && w->long_bytes < (1ull << 48) ? w->long_bytes : size;
    w->is_open = w->stated == size && (size == 0 || size >= OPEN_BYTES);
    w->left = w->stated;
    return DECODER_SOUND;
}

/* A chunk before the sound. HUNGRY: more bytes are needed. SOUND: it went on. */
static enum decoder_got read_chunk(struct wav *w, struct recording_note *note)
{
    const uint8_t *at = bytes_front(&w->bytes);
    enum decoder_got got = DECODER_HUNGRY;

    if (w->bytes.count < CHUNK_BYTES)
        return DECODER_HUNGRY;
    const uint32_t size = le32(at + 4);
    const bool is_format = memcmp(at, "fmt ", 4) == 0, is_ds64 = memcmp(at, "ds64", 4) == 0;
    if (memcmp(at, "data", 4) == 0) {
        got = begin_sound(w, size, note);
        bytes_take(&w->bytes, CHUNK_BYTES);
        return got;
    }
    const size_t look = size < FORMAT_MOST ? size : FORMAT_MOST;
    if ((is_format || is_ds64) && w->bytes.count < CHUNK_BYTES + look)
        return DECODER_HUNGRY;
    if (is_format)
        got = size < 16
                  ? audio_decoder_note(DECODER_DAMAGED, note, "the wav file has a damaged \"fmt \"")
                  : read_format(w, at + CHUNK_BYTES, look, note);
    if (is_ds64 && size >= DS64_BYTES)
        w->long_bytes = le32(at + CHUNK_BYTES + 8) | (uint64_t)le32(at + CHUNK_BYTES + 12) << 32;
    if (got != DECODER_HUNGRY)
        return got;
    w->skip_bytes = CHUNK_BYTES + (uint64_t)size + (size & 1);
    return DECODER_SOUND;
}

/* As read_chunk. */
static enum decoder_got read_head(struct wav *w, struct recording_note *note)
{
    const size_t now = w->skip_bytes < w->bytes.count ? (size_t)w->skip_bytes : w->bytes.count;

    bytes_take(&w->bytes, now);
    w->skip_bytes -= now;
    if (w->skip_bytes)
        return DECODER_HUNGRY;
    if (w->begun)
        return read_chunk(w, note);
    if (w->bytes.count < RIFF_BYTES)
        return DECODER_HUNGRY;
    const uint8_t *at = bytes_front(&w->bytes);
    w->is_long = memcmp(at, "RF64", 4) == 0 || memcmp(at, "BW64", 4) == 0;
    if ((!w->is_long && memcmp(at, "RIFF", 4) != 0) || memcmp(at + 8, "WAVE", 4) != 0)
        return audio_decoder_note(DECODER_REFUSES, note,
                                  "the wav file is not little-endian (RIFF, RF64)");
    w->begun = true;
    w->skip_bytes = RIFF_BYTES;
    return DECODER_SOUND;
}

static enum decoder_got wav_pull(void *decoder, struct decoder_sound *ret_sound,
                                 struct recording_note *note)
{
    struct wav *w = decoder;

    while (!w->frames) {
        const enum decoder_got got = read_head(w, note);
        if (got != DECODER_SOUND)
            return got;
    }
    const size_t most = (PULL_FRAMES - 1) * raw_frame_bytes(&w->raw);
    size_t now = w->bytes.count < most ? w->bytes.count : most;
    if (!w->is_open && now > w->left)
        now = (size_t)w->left;
    const size_t made = now ? raw_push(&w->raw, bytes_front(&w->bytes), now, w->frames) : 0;
    bytes_take(&w->bytes, now);
    if (!w->is_open)
        w->left -= now;
    if (!w->is_open && !w->left) /* what follows the sound is not sound */
        bytes_take(&w->bytes, w->bytes.count);
    *ret_sound = (struct decoder_sound){w->frames, made, w->raw.channels, w->rate_hz};
    return made ? DECODER_SOUND : DECODER_HUNGRY;
}

static bool wav_is_whole(const void *decoder, struct recording_note *note)
{
    const struct wav *w = decoder;

    if (!w->frames)
        audio_decoder_note(DECODER_END, note,
                           "the wav file ends before its sound (\"data\") begins");
    else if (!w->is_open && w->left >= raw_frame_bytes(&w->raw))
        audio_decoder_note(
            DECODER_END, note,
            "the wav file is cut short: its header promises %llu bytes of sound, %llu came",
            (unsigned long long)w->stated, (unsigned long long)(w->stated - w->left));
    else
        return true;
    return false;
}

static uint64_t wav_expected(const void *decoder, uint32_t *ret_rate_hz)
{
    const struct wav *w = decoder;

    *ret_rate_hz = w->rate_hz;
    return w->frames && !w->is_open ? w->stated / raw_frame_bytes(&w->raw) : 0;
}

const struct decoder_kind wav_decoder = {.name = "wav",
                                         .open = wav_open,
                                         .close = wav_close,
                                         .feed = wav_feed,
                                         .pull = wav_pull,
                                         .is_whole = wav_is_whole,
                                         .expected = wav_expected};
