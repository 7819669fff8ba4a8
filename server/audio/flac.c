/* FLAC as it arrives, by libFLAC, which pulls; and a frame does not say how long it is. But frames
 * do not depend on each other, so the decoder is given what there is of one: if it wants more
 * bytes, the frame was not whole, and it is asked again later. When? A frame ends with a checksum
 * over all of it, so wherever the sum over the bytes since its beginning is 0 it may have ended (by
 * chance once in 65,536 bytes); with the most bytes that a frame may have it is whole in any case.
 * Data made so that the sum is often 0 gets few tries, then only tries that are twice as long each
 * time: the work is in proportion to the bytes.
 *
 * A damaged frame is left out, as players do; many of them end the stream. */
#include <FLAC/stream_decoder.h>
#include <stdlib.h>
#include <string.h>

#include "audio_decoder.h"
#include "bytes.h"

#define HEAD_BYTES    4 /* of the file, of a block */
#define INFO_BYTES    34
#define LEAST_FRAME   10
#define FRAME_EXTRA   64 /* bytes of a frame beside its samples, and a few a channel */
#define SYNC_BYTES    2
#define TRIES         4   /* by the checksum, for a frame */
#define DAMAGED_MOST  100 /* frames of a stream that are left out before it is given up */
#define CHANNELS_MOST 8

enum state { IN_MAGIC, IN_BLOCKS, IN_FRAMES };

struct flac {
    FLAC__StreamDecoder *decoder;
    struct bytes bytes;
    enum state state;
    bool is_ended;       /* no more bytes will come */
    uint64_t skip_bytes; /* of a block that says nothing of use */
    bool is_last_block;
    uint32_t channels, rate_hz, most_samples;
    uint64_t total_samples, samples; /* by the head's word, 0: it does not say; decoded */
    size_t most_bytes;               /* of a frame */
    size_t summed;                   /* bytes of the frame in front that are in sum */
    uint32_t tries;                  /* at this frame */
    size_t next_try_bytes;           /* then, whatever the sum */
    uint32_t damaged;                /* frames */
    bool is_searching;               /* for a frame's beginning, behind a damaged one */
    uint16_t sum, table[256];
    const uint8_t *window; /* [window_bytes] what the decoder may read */
    size_t window_bytes, window_at;
    bool is_dry, is_damaged;
    float *frames; /* [most_samples, channels] */
    size_t frames_count;
};

/* ---- from libFLAC --------------------------------------------------------------------------- */

static FLAC__StreamDecoderReadStatus read_window(const FLAC__StreamDecoder *decoder,
                                                 FLAC__byte to[], size_t *count, void *user)
{
    struct flac *f = user;
    (void)decoder;
    const size_t left = f->window_bytes - f->window_at;
    *count = *count < left ? *count : left;
    f->is_dry = !*count;
    if (f->is_dry)
        return FLAC__STREAM_DECODER_READ_STATUS_ABORT;
    memcpy(to, f->window + f->window_at, *count);
    f->window_at += *count;
    return FLAC__STREAM_DECODER_READ_STATUS_CONTINUE;
}

/* With it, libFLAC tells where a frame ended. */
static FLAC__StreamDecoderTellStatus tell_window(const FLAC__StreamDecoder *decoder,
                                                 FLAC__uint64 *at, void *user)
{
    const struct flac *f = user;
    (void)decoder;
    *at = f->window_at;
    return FLAC__STREAM_DECODER_TELL_STATUS_OK;
}

static FLAC__StreamDecoderWriteStatus write_frame(const FLAC__StreamDecoder *decoder,
                                                  const FLAC__Frame *frame,
                                                  const FLAC__int32 *const channels[], void *user)
{
    struct flac *f = user;
    const FLAC__FrameHeader *head = &frame->header;
    (void)decoder;
    f->is_damaged |= head->channels != f->channels || head->sample_rate != f->rate_hz ||
                     head->blocksize > f->most_samples || head->bits_per_sample < 4;
    if (f->is_damaged)
        return FLAC__STREAM_DECODER_WRITE_STATUS_ABORT;
    const float scale = 1.0f / (float)(1u << (head->bits_per_sample - 1));
    for (uint32_t c = 0; c < f->channels; c++)
        for (size_t i = 0; i < head->blocksize; i++)
            f->frames[i * f->channels + c] = (float)channels[c][i] * scale;
    f->frames_count = head->blocksize;
    return FLAC__STREAM_DECODER_WRITE_STATUS_CONTINUE;
}

static void note_error(const FLAC__StreamDecoder *decoder, FLAC__StreamDecoderErrorStatus status,
                       void *user)
{
    struct flac *f = user;
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
static enum decoder_got read_info(struct flac *f, const uint8_t *info, struct recording_note *note)
{
    uint8_t head[2 * HEAD_BYTES + INFO_BYTES] = {'f', 'L', 'a', 'C', 0x80, 0, 0, INFO_BYTES};
    const uint32_t bits = ((info[12] & 1u) << 4 | info[13] >> 4) + 1;
    f->most_samples = (uint32_t)info[2] << 8 | info[3];
    f->rate_hz = (uint32_t)info[10] << 12 | (uint32_t)info[11] << 4 | info[12] >> 4;
    f->channels = (info[12] >> 1 & 7u) + 1;
    f->total_samples = (uint64_t)(info[13] & 0x0f) << 32 | (uint64_t)info[14] << 24 |
                       (uint64_t)info[15] << 16 | (uint64_t)info[16] << 8 | info[17];
    if (!f->rate_hz || f->most_samples < 16 || bits > 32)
        return audio_decoder_note(DECODER_DAMAGED, note,
                                  "the FLAC stream's rate, depth or block size is out of range");
    const size_t plain = (size_t)f->most_samples * f->channels * (bits + 1) / 8;
    f->most_bytes = plain + FRAME_EXTRA * (1 + f->channels);
    f->next_try_bytes = f->most_bytes;
    f->frames = malloc((size_t)f->most_samples * f->channels * sizeof *f->frames);
    memcpy(head + 2 * HEAD_BYTES, info, 13);
    head[2 * HEAD_BYTES + 13] = info[13] & 0xf0;
    f->window = head;
    f->window_bytes = sizeof head;
    f->window_at = 0;
    if (!f->frames ||
        FLAC__stream_decoder_init_stream(f->decoder, read_window, NULL, tell_window, NULL, NULL,
                                         write_frame, NULL, note_error,
                                         f) != FLAC__STREAM_DECODER_INIT_STATUS_OK ||
        !FLAC__stream_decoder_process_until_end_of_metadata(f->decoder))
        return audio_decoder_note(DECODER_FAILED, note, "out of memory");
    return DECODER_SOUND;
}

/* SOUND: went on. HUNGRY: more bytes are needed. */
static enum decoder_got read_block(struct flac *f, struct recording_note *note)
{
    const uint8_t *at = bytes_front(&f->bytes);
    if (f->bytes.count < HEAD_BYTES)
        return DECODER_HUNGRY;
    const size_t length = (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
    const bool is_info = !f->frames;
    if (is_info && ((at[0] & 0x7f) != 0 || length != INFO_BYTES))
        return audio_decoder_note(DECODER_DAMAGED, note,
                                  "the FLAC stream does not begin with its STREAMINFO");
    if (is_info && f->bytes.count < HEAD_BYTES + INFO_BYTES)
        return DECODER_HUNGRY;
    f->is_last_block = at[0] & 0x80;
    f->skip_bytes = HEAD_BYTES + length;
    return is_info ? read_info(f, at + HEAD_BYTES, note) : DECODER_SOUND;
}

/* As read_block. */
static enum decoder_got read_head(struct flac *f, struct recording_note *note)
{
    const size_t now = f->skip_bytes < f->bytes.count ? (size_t)f->skip_bytes : f->bytes.count;
    bytes_take(&f->bytes, now);
    f->skip_bytes -= now;
    if (f->skip_bytes)
        return DECODER_HUNGRY;
    if (f->is_last_block) {
        f->state = IN_FRAMES;
        return DECODER_SOUND;
    }
    if (f->state == IN_BLOCKS)
        return read_block(f, note);
    if (f->bytes.count < HEAD_BYTES)
        return DECODER_HUNGRY;
    if (memcmp(bytes_front(&f->bytes), "fLaC", HEAD_BYTES) != 0)
        return audio_decoder_note(DECODER_REFUSES, note, "this is no FLAC stream");
    f->skip_bytes = HEAD_BYTES;
    f->state = IN_BLOCKS;
    return DECODER_SOUND;
}

/* ---- frames --------------------------------------------------------------------------------- */

static void begin_frame(struct flac *f)
{
    f->summed = 0;
    f->sum = 0;
    f->tries = 0;
    f->next_try_bytes = f->most_bytes;
}

/* Does the next frame end within so many bytes? Then it is in frames, and its bytes are taken. */
static bool try_frame(struct flac *f, size_t bytes)
{
    FLAC__uint64 end = 0;
    f->window = bytes_front(&f->bytes);
    f->window_bytes = bytes;
    f->window_at = 0;
    f->frames_count = 0;
    f->is_dry = f->is_damaged = false;
    FLAC__stream_decoder_process_single(f->decoder);
    const bool is_whole = !f->is_dry && !f->is_damaged && f->frames_count &&
                          FLAC__stream_decoder_get_decode_position(f->decoder, &end) && end &&
                          end <= bytes;
    FLAC__stream_decoder_flush(f->decoder); /* what it has read ahead is given again */
    if (!is_whole) {
        f->is_damaged &= !f->is_dry;
        f->frames_count = 0;
        return false;
    }
    bytes_take(&f->bytes, (size_t)end);
    begin_frame(f);
    return true;
}

/* The frame in front is none: looks for the next one behind its first bytes. */
static enum decoder_got leave_out(struct flac *f, struct recording_note *note)
{
    if (++f->damaged > DAMAGED_MOST)
        return audio_decoder_note(DECODER_DAMAGED, note,
                                  "the FLAC stream is damaged: %u frames are not "
                                  "what their checksums say",
                                  f->damaged);
    bytes_take(&f->bytes, 1);
    f->is_searching = true;
    f->is_damaged = false;
    begin_frame(f);
    return DECODER_SOUND;
}

/* Up to where a frame may begin. False: more bytes are needed. */
static bool find_frame(struct flac *f)
{
    const uint8_t *at = bytes_front(&f->bytes);
    size_t skipped = 0;
    while (skipped + SYNC_BYTES <= f->bytes.count &&
           (at[skipped] != 0xff || (at[skipped + 1] & 0xfe) != 0xf8))
        skipped++;
    bytes_take(&f->bytes, skipped);
    f->is_searching = f->bytes.count < SYNC_BYTES;
    return !f->is_searching;
}

/* SOUND: a frame is in frames, or one was left out. HUNGRY: more bytes are needed. */
static enum decoder_got next_frame(struct flac *f, struct recording_note *note)
{
    if (f->is_searching && !find_frame(f))
        return DECODER_HUNGRY;
    const uint8_t *at = bytes_front(&f->bytes);
    if (f->bytes.count < SYNC_BYTES)
        return DECODER_HUNGRY;
    if (at[0] != 0xff || (at[1] & 0xfe) != 0xf8)
        return leave_out(f, note);
    while (f->summed < f->bytes.count && f->tries < TRIES && f->bytes.count < f->most_bytes) {
        f->sum = (uint16_t)(f->sum << 8 ^ f->table[f->sum >> 8 ^ at[f->summed++]]);
        if (f->summed < LEAST_FRAME || f->sum)
            continue;
        if (try_frame(f, f->summed))
            return DECODER_SOUND;
        if (f->is_damaged)
            return leave_out(f, note);
        if (++f->tries == TRIES)
            f->next_try_bytes = 2 * f->summed;
    }
    if (f->bytes.count >= f->next_try_bytes || f->is_ended) {
        const size_t most = f->bytes.count < f->most_bytes ? f->bytes.count : f->most_bytes;
        if (try_frame(f, most))
            return DECODER_SOUND;
        if (f->is_damaged || most == f->most_bytes)
            return leave_out(f, note);
        f->next_try_bytes = 2 * most < f->most_bytes ? 2 * most : f->most_bytes;
    }
    return DECODER_HUNGRY;
}

/* ---- as a decoder --------------------------------------------------------------------------- */

static void flac_close(void *decoder)
{
    struct flac *f = decoder;
    if (!f)
        return;
    if (f->decoder)
        FLAC__stream_decoder_delete(f->decoder);
    bytes_finish(&f->bytes);
    free(f->frames);
    free(f);
}

static void *flac_open(const struct decoder_setting *setting)
{
    struct flac *f = calloc(1, sizeof *f);
    (void)setting;
    if (!f)
        return NULL;
    make_table(f->table);
    f->decoder = FLAC__stream_decoder_new();
    if (f->decoder)
        return f;
    flac_close(f);
    return NULL;
}

static int flac_feed(void *decoder, const uint8_t *bytes, size_t count)
{
    return bytes_push(&((struct flac *)decoder)->bytes, bytes, count);
}

static void flac_end(void *decoder)
{
    ((struct flac *)decoder)->is_ended = true;
}

static enum decoder_got flac_pull(void *decoder, struct decoder_sound *ret_sound,
                                  struct recording_note *note)
{
    struct flac *f = decoder;
    f->frames_count = 0;
    while (!f->frames_count) {
        const enum decoder_got got =
            f->state == IN_FRAMES ? next_frame(f, note) : read_head(f, note);
        if (got != DECODER_SOUND)
            return got;
    }
    f->samples += f->frames_count;
    *ret_sound = (struct decoder_sound){f->frames, f->frames_count, f->channels, f->rate_hz};
    return DECODER_SOUND;
}

static bool flac_is_whole(const void *decoder, struct recording_note *note)
{
    const struct flac *f = decoder;
    const double rate = f->rate_hz ? f->rate_hz : 1, have_s = (double)f->samples / rate;
    if (f->state != IN_FRAMES)
        audio_decoder_note(DECODER_END, note,
                           "the flac file is cut short: it ends before its sound begins");
    else if (f->samples < f->total_samples)
        audio_decoder_note(
            DECODER_END, note,
            "the flac file is cut short or damaged: it holds %.2f s of the %.2f s that its "
            "header promises",
            have_s, (double)f->total_samples / rate);
    else if (f->damaged && !f->total_samples)
        audio_decoder_note(DECODER_END, note, "%u damaged places of the flac file were left out",
                           f->damaged);
    else if (f->bytes.count && !f->total_samples)
        audio_decoder_note(
            DECODER_END, note,
            "the flac file is cut short: its last frame, behind %.2f s, is not whole", have_s);
    else
        return true;
    return false;
}

static uint64_t flac_expected(const void *decoder, uint32_t *ret_rate_hz)
{
    const struct flac *f = decoder;
    *ret_rate_hz = f->rate_hz;
    return f->total_samples;
}

const struct decoder_kind flac_decoder = {.name = "flac",
                                          .open = flac_open,
                                          .close = flac_close,
                                          .feed = flac_feed,
                                          .end = flac_end,
                                          .pull = flac_pull,
                                          .is_whole = flac_is_whole,
                                          .expected = flac_expected};
