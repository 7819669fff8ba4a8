/* Samples without a header, as a decoder. */
#include <stdlib.h>

#include "audio_decoder.h"
#include "bytes.h"

#define PULL_FRAMES 2048

struct raw_stream {
    struct raw raw;
    uint32_t rate_hz;
    struct bytes bytes;
    float *frames; /* [PULL_FRAMES, channels] */
};

static void raw_close(void *decoder)
{
    struct raw_stream *r = decoder;

    if (!r)
        return;
    bytes_finish(&r->bytes);
    free(r->frames);
    free(r);
}

static void *raw_open(const struct decoder_setting *setting)
{
    struct raw_stream *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->rate_hz = setting->rate_hz;
    if (raw_init(&r->raw, setting->encoding, setting->channels) == 0)
        r->frames = malloc(sizeof(float) * PULL_FRAMES * setting->channels);
    if (r->frames)
        return r;
    raw_close(r);
    return NULL;
}

static int raw_feed(void *decoder, const uint8_t *bytes, size_t count)
{
    return bytes_push(&((struct raw_stream *)decoder)->bytes, bytes, count);
}

static enum decoder_got raw_pull(void *decoder, struct decoder_sound *ret_sound,
                                 struct recording_note *note)
{
    struct raw_stream *r = decoder;
    const size_t most = (PULL_FRAMES - 1) * raw_frame_bytes(&r->raw);
    const size_t now = r->bytes.count < most ? r->bytes.count : most;

    (void)note;
    const size_t made = now ? raw_push(&r->raw, bytes_front(&r->bytes), now, r->frames) : 0;
    bytes_take(&r->bytes, now);
    *ret_sound = (struct decoder_sound){r->frames, made, r->raw.channels, r->rate_hz};
    return made ? DECODER_SOUND : DECODER_HUNGRY;
}

static bool raw_is_whole(const void *decoder, struct recording_note *note)
{
    (void)decoder, (void)note;
    return true; /* half a sample at the end is nobody's loss */
}

const struct decoder_kind raw_decoder = {.name = "raw",
                                         .open = raw_open,
                                         .close = raw_close,
                                         .feed = raw_feed,
                                         .pull = raw_pull,
                                         .is_whole = raw_is_whole};
