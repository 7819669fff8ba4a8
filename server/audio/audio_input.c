/* audio_input.c - see audio_input.h. */
#include "audio_input.h"

#include <stdlib.h>

#define PACKED_BYTES_S 16000 /* of compressed sound, for sizes only */

struct audio_input {
    struct stream *stream;
    struct endpointer *endpointer;
    float pcm[STREAM_PULL_SAMPLES]; /* from pcm_at on not yet with the endpointer */
    size_t pcm_at, pcm_count;
    bool fed; /* the stream may hold sound that was not decoded */
};

int audio_input_open(struct audio_input **ret_input, const struct stream_format *format,
                     uint32_t pause_ms, uint32_t max_segment_ms, struct recording_note *note)
{
    struct audio_input *input = calloc(1, sizeof(*input));

    if (!input)
        return RECORDING_FAILED;
    int error = stream_open(&input->stream, format, note);
    if (!error && endpointer_open(&input->endpointer, pause_ms, max_segment_ms) < 0)
        error = RECORDING_FAILED;
    if (error) {
        audio_input_close(input);
        return error;
    }
    *ret_input = input;
    return 0;
}

void audio_input_close(struct audio_input *input)
{
    if (!input)
        return;
    endpointer_close(input->endpointer);
    stream_close(input->stream);
    free(input);
}

size_t audio_input_bytes_a_second(const struct stream_format *format)
{
    struct raw raw;

    if (format->kind != STREAM_RAW || raw_init(&raw, format->encoding, format->channels) < 0)
        return PACKED_BYTES_S;
    return format->rate_hz * raw_frame_bytes(&raw);
}

int audio_input_feed(struct audio_input *input, const uint8_t *bytes, size_t count)
{
    input->fed = true;
    return stream_feed(input->stream, bytes, count);
}

/* Decodes of what was fed to pcm, which is empty. */
static enum audio_input_heard decode(struct audio_input *input, struct recording_note *note)
{
    const long samples = stream_pull(input->stream, input->pcm, STREAM_PULL_SAMPLES, note);

    if (samples == RECORDING_WAITS)
        return AUDIO_INPUT_WAITS;
    if (samples <= 0) {
        input->fed = false;
        return samples < 0 ? AUDIO_INPUT_FAILED : AUDIO_INPUT_NOTHING;
    }
    input->pcm_at = 0;
    input->pcm_count = (size_t)samples;
    return AUDIO_INPUT_SOUND;
}

enum audio_input_heard audio_input_listen(struct audio_input *input, struct recording_note *note)
{
    struct endpointer_segment segment;

    if (endpointer_segment(input->endpointer, &segment))
        return AUDIO_INPUT_SEGMENT;
    if (input->pcm_at == input->pcm_count) {
        const enum audio_input_heard heard = decode(input, note);
        if (heard != AUDIO_INPUT_SOUND)
            return heard;
    }
    const long taken = endpointer_push(input->endpointer, input->pcm + input->pcm_at,
                                       input->pcm_count - input->pcm_at);
    if (taken < 0)
        return AUDIO_INPUT_FAILED;
    input->pcm_at += (size_t)taken;
    return endpointer_segment(input->endpointer, &segment) ? AUDIO_INPUT_SEGMENT
                                                           : AUDIO_INPUT_SOUND;
}

bool audio_input_is_busy(const struct audio_input *input)
{
    return input->fed || input->pcm_at < input->pcm_count;
}

bool audio_input_drain(struct audio_input *input)
{
    input->fed = true;
    return stream_flush(input->stream) == 0;
}

void audio_input_finish(struct audio_input *input)
{
    input->fed = true;
    stream_finish(input->stream);
}

void audio_input_await(struct audio_input *input, void (*ready)(void *user), void *user)
{
    stream_await(input->stream, ready, user);
}

struct endpointer *audio_input_endpointer(struct audio_input *input)
{
    return input->endpointer;
}
