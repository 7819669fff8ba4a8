/* mp3feed.c - see mp3feed.h. What a head says of padding is not heeded, unlike in mp3.c: by it
 * libmpg123 would end the stream where the head does, and a live one may go on. So the sound begins
 * some 70 ms at 16 kHz (25 at 44.1) late, by the encoder's delay. */
#include "mp3feed.h"

#include <mpg123.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

#define SEARCH_BYTES 65536 /* without a frame, but for a tag in front */
#define TAG_HEAD     10
#define FRAMES       2304 /* decoded at a time */

struct mp3feed {
    mpg123_handle *handle;
    uint32_t channel;
    long rate_hz;
    int channels;
    bool is_new; /* the form of what comes next, perhaps */
    uint64_t fed_bytes;
    uint64_t frame_at; /* of these: where the last frame begins */
    uint8_t head[TAG_HEAD];
    float frames[FRAMES * 2];
};

struct mp3feed *mp3feed_open(uint32_t channel)
{
    struct mp3feed *mp3 = calloc(1, sizeof *mp3);
    if (!mp3)
        return NULL;
    mp3->channel = channel;
    mp3->handle = mpg123_new(NULL, NULL);
    if (mp3->handle &&
        mpg123_param(mp3->handle, MPG123_ADD_FLAGS, MPG123_QUIET | MPG123_FORCE_FLOAT, 0.0) ==
            MPG123_OK &&
        mpg123_param(mp3->handle, MPG123_REMOVE_FLAGS, MPG123_GAPLESS, 0.0) == MPG123_OK &&
        mpg123_param(mp3->handle, MPG123_RESYNC_LIMIT, -1, 0.0) == MPG123_OK &&
        mpg123_open_feed(mp3->handle) == MPG123_OK)
        return mp3;
    mp3feed_close(mp3);
    return NULL;
}

void mp3feed_close(struct mp3feed *mp3)
{
    if (!mp3)
        return;
    if (mp3->handle) {
        mpg123_close(mp3->handle);
        mpg123_delete(mp3->handle);
    }
    free(mp3);
}

int mp3feed_feed(struct mp3feed *mp3, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count && mp3->fed_bytes + i < TAG_HEAD; i++)
        mp3->head[mp3->fed_bytes + i] = bytes[i];
    mp3->fed_bytes += count;
    return !count || mpg123_feed(mp3->handle, bytes, count) == MPG123_OK ? 0 : -1;
}

/* libmpg123 itself would search for a frame for ever, or give up sooner or later depending on how
 * the bytes are cut. Is `at` too far behind the last frame, or the beginning? */
static bool is_lost(const struct mp3feed *mp3, uint64_t at)
{
    uint64_t tag_bytes = 0;
    if (memcmp(mp3->head, "ID3", 3) == 0)
        for (size_t i = 6; i < TAG_HEAD; i++)
            tag_bytes = tag_bytes << 7 | (mp3->head[i] & 0x7f);
    return at > (mp3->channels ? mp3->frame_at : TAG_HEAD + tag_bytes) + SEARCH_BYTES;
}

static int refuse(const struct mp3feed *mp3, struct recording_note *note)
{
    snprintf(note->text, sizeof note->text, "%s",
             mp3->channels
                 ? "the MP3 stream is damaged, or goes on in another form: no frame follows"
                 : "no MPEG audio frame found");
    return RECORDING_UNKNOWN;
}

/* At the first frame, and wherever the form may have changed. */
static int look_at_format(struct mp3feed *mp3, struct recording_note *note)
{
    long rate_hz = 0;
    int channels = 0, encoding = 0;
    if (mpg123_getformat(mp3->handle, &rate_hz, &channels, &encoding) != MPG123_OK ||
        encoding != MPG123_ENC_FLOAT_32 || channels < 1 || channels > 2)
        return refuse(mp3, note);
    if (mp3->channels && (rate_hz != mp3->rate_hz || channels != mp3->channels)) {
        snprintf(note->text, sizeof note->text,
                 "the MP3 stream is no longer of %ld Hz and %d channels, as it began", mp3->rate_hz,
                 mp3->channels);
        return RECORDING_UNKNOWN;
    }
    if (mp3->channel > (uint32_t)channels) {
        snprintf(note->text, sizeof note->text, "there is no channel %u: the stream has %d",
                 mp3->channel, channels);
        return RECORDING_UNKNOWN;
    }
    mp3->rate_hz = rate_hz;
    mp3->channels = channels;
    return 0;
}

long mp3feed_pull(struct mp3feed *mp3, float *mono, size_t room, struct recording_note *note)
{
    const size_t most = room < FRAMES ? room : FRAMES;
    for (;;) {
        const int error = mp3->is_new ? look_at_format(mp3, note) : 0;
        if (error)
            return error;
        mp3->is_new = false;
        const size_t frame_bytes = sizeof(float) * (mp3->channels ? (size_t)mp3->channels : 1);
        size_t got = 0;
        const int status =
            mpg123_read(mp3->handle, (unsigned char *)mp3->frames, most * frame_bytes, &got);
        const uint64_t at = got || status == MPG123_NEW_FORMAT
                                ? (uint64_t)mpg123_framepos(mp3->handle)
                                : mp3->fed_bytes;
        if (is_lost(mp3, at))
            return refuse(mp3, note);
        mp3->is_new = status == MPG123_NEW_FORMAT; /* behind what was got */
        if (got) {
            mp3->frame_at = at;
            got /= frame_bytes;
            raw_mix(mp3->frames, got, (uint32_t)mp3->channels, mp3->channel, mono);
            return (long)got;
        }
        if (status == MPG123_NEED_MORE)
            return 0;
        if (status != MPG123_NEW_FORMAT && status != MPG123_OK) {
            snprintf(note->text, sizeof note->text, "the MP3 stream is damaged: %.100s",
                     mpg123_strerror(mp3->handle));
            return RECORDING_UNKNOWN;
        }
    }
}

uint32_t mp3feed_rate_hz(const struct mp3feed *mp3)
{
    return (uint32_t)mp3->rate_hz;
}

uint32_t mp3feed_channels(const struct mp3feed *mp3)
{
    return (uint32_t)mp3->channels;
}
