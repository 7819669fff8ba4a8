/* audio_input.c - see audio_input.h. */
#include "audio_input.h"

#include <stdlib.h>

#include "resample.h"

#define PACKED_BYTES_S 16000 /* of compressed sound, for sizes only */

struct audio_input {
    struct stream *stream;
    struct resample *resample; /* NULL until the stream knows its rate */
    struct endpointer *endpointer;
    float mono[STREAM_PULL_SAMPLES];
    float *pcm; /* [pcm_room] 16 kHz; from pcm_at on not yet with the endpointer */
    size_t pcm_at, pcm_count, pcm_room;
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
    resample_close(input->resample);
    stream_close(input->stream);
    free(input->pcm);
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

/* Room for what the resampler gives for so many samples. */
static bool make_room(struct audio_input *input, size_t samples)
{
    const size_t room = resample_max_samples(input->resample, samples);

    if (room <= input->pcm_room)
        return true;
    float *pcm = realloc(input->pcm, room * sizeof(*pcm));
    if (!pcm)
        return false;
    input->pcm = pcm;
    input->pcm_room = room;
    return true;
}

/* Decodes of what was fed to pcm, which is empty. */
static enum audio_input_heard decode(struct audio_input *input, struct recording_note *note)
{
    const long samples = stream_pull(input->stream, input->mono, STREAM_PULL_SAMPLES, note);

    if (samples <= 0) {
        input->fed = false;
        return samples < 0 ? AUDIO_INPUT_FAILED : AUDIO_INPUT_NOTHING;
    }
    if (!input->resample && resample_open(&input->resample, stream_rate_hz(input->stream)) < 0)
        return AUDIO_INPUT_FAILED;
    if (!make_room(input, (size_t)samples))
        return AUDIO_INPUT_FAILED;
    input->pcm_at = 0;
    input->pcm_count = resample_push(input->resample, input->mono, (size_t)samples, input->pcm);
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
    if (!input->resample)
        return true;
    if (!make_room(input, 0))
        return false;
    input->pcm_at = 0;
    input->pcm_count = resample_flush(input->resample, input->pcm);
    return true;
}

int audio_input_end(const struct audio_input *input, struct recording_note *note)
{
    return stream_end(input->stream, false, note);
}

struct endpointer *audio_input_endpointer(struct audio_input *input)
{
    return input->endpointer;
}
