/* MPEG audio as it arrives, by libmpg123. Rate and channels may change on the way.
 *
 * libmpg123 can cut off what an encoder adds in front and behind, but then ends where the head
 * says, and a live stream may go on; so that is done here, by the same head (a first frame without
 * sound, "Xing" or "Info", by LAME with delay and padding). */
#include <mpg123.h>
#include <stdlib.h>
#include <string.h>

#include "audio_decoder.h"

#define SEARCH_BYTES  (1u << 20) /* without a frame: pictures lie in tags between parts */
#define FRAMES        2304       /* decoded at a time */
#define FIRST_FRAMES  384        /* the first time: of one frame, of whatever layer */
#define HEAD_BYTES    256        /* of the first frame that are looked at */
#define DECODER_DELAY 529        /* samples that every decoder adds in front */
#define DELAY_MOST    4000

struct mp3 {
    mpg123_handle *handle;
    long rate_hz;
    int channels;
    bool is_new; /* the form of what comes next, perhaps */
    uint64_t fed_bytes;
    uint64_t frame_at; /* of these: where the last frame begins */
    uint8_t head[HEAD_BYTES];
    bool looked;          /* at the head */
    uint64_t total;       /* frames of sound by the head, delay and padding included; 0: unknown */
    uint64_t delay, kept; /* to be cut off in front; then that many are sound, then padding */
    uint64_t decoded;
    float frames[FRAMES * 2];
};

static void mp3_close(void *decoder)
{
    struct mp3 *mp3 = decoder;
    if (!mp3)
        return;
    if (mp3->handle) {
        mpg123_close(mp3->handle);
        mpg123_delete(mp3->handle);
    }
    free(mp3);
}

static void *mp3_open(const struct decoder_setting *setting)
{
    struct mp3 *mp3 = calloc(1, sizeof *mp3);
    (void)setting;
    if (!mp3)
        return NULL;
    mp3->handle = mpg123_new(NULL, NULL);
    if (mp3->handle &&
        mpg123_param(mp3->handle, MPG123_ADD_FLAGS, MPG123_QUIET | MPG123_FORCE_FLOAT, 0.0) ==
            MPG123_OK &&
        mpg123_param(mp3->handle, MPG123_REMOVE_FLAGS, MPG123_GAPLESS, 0.0) == MPG123_OK &&
        mpg123_param(mp3->handle, MPG123_RESYNC_LIMIT, -1, 0.0) == MPG123_OK &&
        mpg123_open_feed(mp3->handle) == MPG123_OK)
        return mp3;
    mp3_close(mp3);
    return NULL;
}

static int mp3_feed(void *decoder, const uint8_t *bytes, size_t count)
{
    struct mp3 *mp3 = decoder;
    for (size_t i = 0; i < count && mp3->fed_bytes + i < HEAD_BYTES; i++)
        mp3->head[mp3->fed_bytes + i] = bytes[i];
    mp3->fed_bytes += count;
    return !count || mpg123_feed(mp3->handle, bytes, count) == MPG123_OK ? 0 : -1;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What the first frame says, if it is one that says something (layer III only); sound begins with
 * the frame at a byte behind it. */
static void look_at_head(struct mp3 *mp3, uint64_t sound_at)
{
    const uint8_t *h = mp3->head, *end = h + (sound_at < HEAD_BYTES ? sound_at : HEAD_BYTES);
    const bool is_first_version = (h[1] >> 3 & 3) == 3, is_mono = h[3] >> 6 == 3;
    const size_t side = is_first_version ? (is_mono ? 17 : 32) : (is_mono ? 9 : 17);
    const uint8_t *at = h + 4 + side;
    uint64_t frames = 0, delay = 0, padding = 0;

    mp3->looked = true;
    if (at + 12 > end || h[0] != 0xff || (h[1] & 0xe6) != 0xe2 ||
        (memcmp(at, "Xing", 4) != 0 && memcmp(at, "Info", 4) != 0))
        return;
    const uint32_t flags = be32(at + 4);
    if (flags & 1)
        frames = be32(at + 8);
    at +=
        8 + (flags & 1 ? 4 : 0) + (flags & 2 ? 4 : 0) + (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0);
    if (at + 24 <= end && at[0]) { /* an encoder says its name and more */
        delay = (uint64_t)at[21] << 4 | at[22] >> 4;
        padding = (uint64_t)(at[22] & 15) << 8 | at[23];
    }
    mp3->total = frames * (is_first_version ? 1152 : 576);
    if (delay > DELAY_MOST || !delay || mp3->total <= delay + padding)
        return;
    mp3->delay = delay + DECODER_DELAY;
    mp3->kept = mp3->total - delay - padding;
}

/* To be decoded at a time: what is behind the end that the head knows comes apart from what is
 * before it. */
static size_t most_frames(const struct mp3 *mp3)
{
    if (!mp3->looked)
        return FIRST_FRAMES;
    return mp3->decoded < mp3->total && mp3->total - mp3->decoded < FRAMES
               ? (size_t)(mp3->total - mp3->decoded)
               : FRAMES;
}

/* Of frames [*count] just decoded: from where on, and how many, are sound. */
static size_t cut(struct mp3 *mp3, size_t *count)
{
    const uint64_t from = mp3->decoded, to = from + *count;
    const uint64_t end = mp3->delay + mp3->kept;
    uint64_t first = from, last = to;

    mp3->decoded = to;
    if (!mp3->kept)
        return 0;
    if (first < mp3->delay)
        first = mp3->delay < to ? mp3->delay : to;
    if (to <= mp3->total && last > end) /* behind that it is another recording's */
        last = end > first ? end : first;
    *count = (size_t)(last - first);
    return (size_t)(first - from);
}

static enum decoder_got refuse(const struct mp3 *mp3, struct recording_note *note)
{
    return mp3->channels ? audio_decoder_note(DECODER_DAMAGED, note,
                                              "the MP3 data is damaged: no frame follows")
                         : audio_decoder_note(DECODER_REFUSES, note, "no MPEG audio frame found");
}

/* At the first frame, and wherever the form may have changed. */
static bool look_at_format(struct mp3 *mp3)
{
    int encoding = 0;
    return mpg123_getformat(mp3->handle, &mp3->rate_hz, &mp3->channels, &encoding) == MPG123_OK &&
           encoding == MPG123_ENC_FLOAT_32 && mp3->channels >= 1 && mp3->channels <= 2;
}

static enum decoder_got mp3_pull(void *decoder, struct decoder_sound *ret_sound,
                                 struct recording_note *note)
{
    struct mp3 *mp3 = decoder;
    for (;;) {
        if (mp3->is_new && !look_at_format(mp3))
            return refuse(mp3, note);
        mp3->is_new = false;
        const size_t frame_bytes = sizeof(float) * (mp3->channels ? (size_t)mp3->channels : 1);
        size_t got = 0;
        const int status = mpg123_read(mp3->handle, (unsigned char *)mp3->frames,
                                       most_frames(mp3) * frame_bytes, &got);
        const uint64_t at = got || status == MPG123_NEW_FORMAT
                                ? (uint64_t)mpg123_framepos(mp3->handle)
                                : mp3->fed_bytes;
        /* libmpg123 itself would search for a frame for ever. */
        if (at > mp3->frame_at + SEARCH_BYTES)
            return refuse(mp3, note);
        if (got) {
            if (!mp3->looked)
                look_at_head(mp3, at);
            mp3->is_new = status == MPG123_NEW_FORMAT; /* behind what was got */
            mp3->frame_at = at;
            size_t count = got / frame_bytes;
            const size_t first = cut(mp3, &count);
            if (!count)
                continue;
            *ret_sound = (struct decoder_sound){mp3->frames + first * (size_t)mp3->channels, count,
                                                (uint32_t)mp3->channels, (uint32_t)mp3->rate_hz};
            return DECODER_SOUND;
        }
        if (status == MPG123_NEW_FORMAT && !look_at_format(mp3))
            return refuse(mp3, note);
        if (status == MPG123_NEED_MORE)
            return DECODER_HUNGRY;
        if (status != MPG123_NEW_FORMAT && status != MPG123_OK)
            return mp3->channels ? audio_decoder_note(DECODER_DAMAGED, note,
                                                      "the MP3 data is damaged: %.100s",
                                                      mpg123_strerror(mp3->handle))
                                 : refuse(mp3, note);
    }
}

static bool mp3_is_whole(const void *decoder, struct recording_note *note)
{
    const struct mp3 *mp3 = decoder;
    if (!mp3->channels) {
        audio_decoder_note(DECODER_END, note, "the mp3 file is cut short: not one frame is whole");
        return false;
    }
    if (mp3->decoded + FRAMES >= mp3->total)
        return true;
    audio_decoder_note(
        DECODER_END, note,
        "the mp3 file is cut short or damaged: it holds %.2f s of the %.2f s that its header "
        "promises",
        (double)mp3->decoded / (double)mp3->rate_hz, (double)mp3->total / (double)mp3->rate_hz);
    return false;
}

static uint64_t mp3_expected(const void *decoder, uint32_t *ret_rate_hz)
{
    const struct mp3 *mp3 = decoder;
    *ret_rate_hz = (uint32_t)mp3->rate_hz;
    return mp3->total;
}

const struct decoder_kind mp3_decoder = {.name = "mp3",
                                         .open = mp3_open,
                                         .close = mp3_close,
                                         .feed = mp3_feed,
                                         .pull = mp3_pull,
                                         .is_whole = mp3_is_whole,
                                         .expected = mp3_expected};
