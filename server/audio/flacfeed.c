/* flacfeed.c - see flacfeed.h. libFLAC pulls, and a frame does not say how long it is. But it ends
 * with a checksum over all of it, so wherever the sum over the bytes since its beginning is 0 it
 * may have ended (by chance once in 65,536 bytes). Then those bytes are given to the decoder, which
 * stands before a frame, since frames do not depend on each other: if it wants more of them, the
 * frame was not over. */
#include "flacfeed.h"

#include <FLAC/stream_decoder.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "raw.h"
#include "resample.h"

#define HEAD_BYTES 4 /* of the file, of a block */
#define INFO_BYTES 34
/* Samples of a frame. FLAC allows 65,535, which may take no more than 12 bytes; those that stream
 * promise 16,384 (RFC 9639, 7). */
#define MOST_SAMPLES 16384
#define LEAST_FRAME  10
#define FRAME_EXTRA  64 /* bytes of a frame beside its samples, and a few a channel */
#define SYNC_BYTES   2

enum state { IN_MAGIC, IN_BLOCKS, IN_FRAMES };

struct flacfeed {
    FLAC__StreamDecoder *decoder;
    struct bytes bytes;
    enum state state;
    uint64_t skip_bytes; /* of a block that says nothing of use */
    bool is_last_block;
    uint32_t channel, channels, rate_hz, most_samples;
    size_t most_bytes; /* of a frame */
    size_t summed;     /* bytes of the frame in front that are in sum */
    uint16_t sum, table[256];
    const uint8_t *window; /* [window_bytes] what the decoder may read */
    size_t window_bytes;
    bool is_dry, is_damaged;
    float *ready; /* [most_samples], [ready_at, ready_count) to be pulled */
    size_t ready_at, ready_count;
};

static int fail(struct recording_note *note, const char *text)
{
    snprintf(note->text, sizeof note->text, "%s", text);
    return RECORDING_UNKNOWN;
}

/* ---- from libFLAC --------------------------------------------------------------------------- */

static FLAC__StreamDecoderReadStatus read_window(const FLAC__StreamDecoder *decoder,
                                                 FLAC__byte to[], size_t *count, void *user)
{
    struct flacfeed *f = user;
    (void)decoder;
    *count = *count < f->window_bytes ? *count : f->window_bytes;
    f->is_dry = !*count;
    if (f->is_dry)
        return FLAC__STREAM_DECODER_READ_STATUS_ABORT;
    memcpy(to, f->window, *count);
    f->window += *count;
    f->window_bytes -= *count;
    return FLAC__STREAM_DECODER_READ_STATUS_CONTINUE;
}

static FLAC__StreamDecoderWriteStatus write_frame(const FLAC__StreamDecoder *decoder,
                                                  const FLAC__Frame *frame,
                                                  const FLAC__int32 *const channels[], void *user)
{
    struct flacfeed *f = user;
    const FLAC__FrameHeader *head = &frame->header;
    float all[RAW_MAX_CHANNELS];
    (void)decoder;
    f->is_damaged |= head->channels != f->channels || head->sample_rate != f->rate_hz ||
                     head->blocksize > f->most_samples || head->bits_per_sample < 4;
    if (f->is_damaged)
        return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
    const float scale = 1.0f / (float)(1u << (head->bits_per_sample - 1));
    for (size_t i = 0; i < head->blocksize; i++) {
        for (uint32_t c = 0; c < f->channels; c++)
            all[c] = (float)channels[c][i] * scale;
        raw_mix(all, 1, f->channels, f->channel, &f->ready[i]);
    }
    f->ready_count = head->blocksize;
    return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
}

static void note_error(const FLAC__StreamDecoder *decoder, FLAC__StreamDecoderErrorStatus status,
                       void *user)
{
    struct flacfeed *f = user;
    (void)decoder;
    (void)status;
    f->is_damaged = true;
}

/* ---- the head ------------------------------------------------------------------------------- */

static void make_table(uint16_t table[256])
{
    for (unsigned i = 0; i < 256; i++) {
        unsigned sum = i << 8;
        for (int bit = 0; bit < 8; bit++)
            sum = (sum << 1) ^ (sum & 0x8000 ? 0x8005u : 0);
        table[i] = (uint16_t)sum;
    }
}

/* The first block [INFO_BYTES]: what all frames are like. It is given to the decoder without a
 * length and a checksum of the whole, which a live stream does not know. */
static int read_info(struct flacfeed *f, const uint8_t *info, struct recording_note *note)
{
    uint8_t head[2 * HEAD_BYTES + INFO_BYTES] = {'f', 'L', 'a', 'C', 0x80, 0, 0, INFO_BYTES};
    const uint32_t bits = ((info[12] & 1u) << 4 | info[13] >> 4) + 1;
    f->most_samples = (uint32_t)info[2] << 8 | info[3];
    f->rate_hz = (uint32_t)info[10] << 12 | (uint32_t)info[11] << 4 | info[12] >> 4;
    f->channels = (info[12] >> 1 & 7u) + 1;
    if (f->rate_hz < RESAMPLE_MIN_HZ || f->rate_hz > RESAMPLE_MAX_HZ || f->most_samples < 16 ||
        f->most_samples > MOST_SAMPLES || bits > 32)
        return fail(
            note, "the FLAC stream's rate or depth is out of range, or a block has more than 16384 "
                  "samples");
    if (f->channel > f->channels) {
        snprintf(note->text, sizeof note->text, "there is no channel %u: the stream has %u",
                 f->channel, f->channels);
        return RECORDING_UNKNOWN;
    }
    const size_t plain = (size_t)f->most_samples * f->channels * (bits + 1) / 8;
    f->most_bytes = plain + FRAME_EXTRA * (1 + f->channels);
    f->ready = malloc(f->most_samples * sizeof *f->ready);
    memcpy(head + 2 * HEAD_BYTES, info, 13);
    head[2 * HEAD_BYTES + 13] = info[13] & 0xf0;
    f->window = head;
    f->window_bytes = sizeof head;
    if (!f->ready ||
        FLAC__stream_decoder_init_stream(f->decoder, read_window, NULL, NULL, NULL, NULL,
                                         write_frame, NULL, note_error,
                                         f) != FLAC__STREAM_DECODER_INIT_STATUS_OK ||
        !FLAC__stream_decoder_process_until_end_of_metadata(f->decoder)) {
        snprintf(note->text, sizeof note->text, "out of memory");
        return RECORDING_FAILED;
    }
    return 1;
}

/* 1: went on. 0: more bytes are needed. */
static int read_block(struct flacfeed *f, struct recording_note *note)
{
    const uint8_t *at = bytes_front(&f->bytes);
    if (f->bytes.count < HEAD_BYTES)
        return 0;
    const size_t length = (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    const bool is_info = !f->ready;
    if (is_info && ((at[0] & 0x7f) != 0 || length != INFO_BYTES))
        return fail(note, "the FLAC stream does not begin with its STREAMINFO");
    if (is_info && f->bytes.count < HEAD_BYTES + INFO_BYTES)
        return 0;
    f->is_last_block = at[0] & 0x80;
    f->skip_bytes = HEAD_BYTES + length;
    return is_info ? read_info(f, at + HEAD_BYTES, note) : 1;
}

/* 1: went on. 0: more bytes are needed. */
static int read_head(struct flacfeed *f, struct recording_note *note)
{
    const size_t now = f->skip_bytes < f->bytes.count ? (size_t)f->skip_bytes : f->bytes.count;
    bytes_take(&f->bytes, now);
    f->skip_bytes -= now;
    if (f->skip_bytes)
        return 0;
    if (f->is_last_block) {
        f->state = IN_FRAMES;
        return 1;
    }
    if (f->state == IN_BLOCKS)
        return read_block(f, note);
    if (f->bytes.count < HEAD_BYTES)
        return 0;
    if (memcmp(bytes_front(&f->bytes), "fLaC", HEAD_BYTES) != 0)
        return fail(note, "this is no FLAC stream");
    f->skip_bytes = HEAD_BYTES;
    f->state = IN_BLOCKS;
    return 1;
}

/* ---- frames --------------------------------------------------------------------------------- */

/* Is what was summed a whole frame? Then it is in ready, and its bytes are taken. */
static bool try_frame(struct flacfeed *f)
{
    f->window = bytes_front(&f->bytes);
    f->window_bytes = f->summed;
    f->ready_at = f->ready_count = 0;
    FLAC__stream_decoder_process_single(f->decoder);
    if (f->is_dry) {
        f->is_dry = false;
        f->ready_count = 0;
        FLAC__stream_decoder_flush(f->decoder);
        return false;
    }
    if (f->is_damaged) {
        f->ready_count = 0;
        return false;
    }
    bytes_take(&f->bytes, f->summed);
    f->summed = 0;
    f->sum = 0;
    return f->ready_count > 0;
}

/* 1: a frame is in ready. 0: more bytes are needed. */
static int next_frame(struct flacfeed *f, struct recording_note *note)
{
    const uint8_t *at = bytes_front(&f->bytes);
    if (f->bytes.count >= SYNC_BYTES && (at[0] != 0xff || (at[1] & 0xfe) != 0xf8))
        return fail(note, "the FLAC stream is damaged: a frame does not begin where one should");
    while (f->summed < f->bytes.count) {
        f->sum = (uint16_t)(f->sum << 8 ^ f->table[f->sum >> 8 ^ at[f->summed++]]);
        if (f->summed >= LEAST_FRAME && !f->sum && try_frame(f))
            return 1;
        if (f->is_damaged || f->summed > f->most_bytes)
            return fail(note, "the FLAC stream is damaged: a frame is not what its checksum says");
    }
    return 0;
}

/* ---- for everybody -------------------------------------------------------------------------- */

struct flacfeed *flacfeed_open(uint32_t channel)
{
    struct flacfeed *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->channel = channel;
    make_table(f->table);
    f->decoder = FLAC__stream_decoder_new();
    if (f->decoder)
        return f;
    flacfeed_close(f);
    return NULL;
}

void flacfeed_close(struct flacfeed *f)
{
    if (!f)
        return;
    if (f->decoder)
        FLAC__stream_decoder_delete(f->decoder);
    bytes_finish(&f->bytes);
    free(f->ready);
    free(f);
}

int flacfeed_feed(struct flacfeed *f, const uint8_t *bytes, size_t count)
{
    return bytes_push(&f->bytes, bytes, count);
}

long flacfeed_pull(struct flacfeed *f, float *mono, size_t room, struct recording_note *note)
{
    size_t given = 0;
    while (given < room) {
        const size_t left = f->ready_count - f->ready_at;
        const size_t now = left < room - given ? left : room - given;
        if (now) {
            memcpy(mono + given, f->ready + f->ready_at, now * sizeof *mono);
            f->ready_at += now;
            given += now;
            continue;
        }
        const int got = f->state == IN_FRAMES ? next_frame(f, note) : read_head(f, note);
        if (got <= 0 && given)
            break; /* it says so again */
        if (got <= 0)
            return got;
    }
    return (long)given;
}

uint32_t flacfeed_rate_hz(const struct flacfeed *f)
{
    return f->rate_hz;
}

uint32_t flacfeed_channels(const struct flacfeed *f)
{
    return f->channels;
}

bool flacfeed_is_between(const struct flacfeed *f)
{
    return f->state == IN_FRAMES && !f->bytes.count;
}
