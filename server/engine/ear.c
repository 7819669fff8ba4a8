/* ear.c - see ear.h. */
#include "ear.h"

#include <stdlib.h>

#include "resample.h"

#define PACKED_BYTES_S 16000 /* of compressed sound, for sizes only */

struct ear {
    struct stream *stream;
    struct resample *resample; /* NULL until the stream knows its rate */
    struct endpoint *endpoint;
    float mono[STREAM_PULL_SAMPLES];
    float *pcm; /* [pcm_room] 16 kHz; from pcm_at on not yet with the endpoint */
    size_t pcm_at, pcm_count, pcm_room;
    bool fed; /* the stream may hold sound that was not decoded */
};

struct stream_format ear_format(const struct engine_live_options *options)
{
    static const struct {
        enum stream_kind kind;
        enum raw_encoding encoding;
    } forms[] = {
        [ENGINE_LINEAR16] = {STREAM_RAW, RAW_LINEAR16},
        [ENGINE_LINEAR32] = {STREAM_RAW, RAW_LINEAR32},
        [ENGINE_FLOAT32] = {STREAM_RAW, RAW_FLOAT32},
        [ENGINE_MULAW] = {STREAM_RAW, RAW_MULAW},
        [ENGINE_ALAW] = {STREAM_RAW, RAW_ALAW},
        [ENGINE_OPUS] = {STREAM_PACKETS, 0},
        [ENGINE_CONTAINER] = {STREAM_CONTAINER, 0},
    };

    return (struct stream_format){.kind = forms[options->encoding].kind,
                                  .encoding = forms[options->encoding].encoding,
                                  .rate_hz = options->rate_hz,
                                  .channels = options->channels,
                                  .channel = options->channel};
}

int ear_open(struct ear **ret_ear, const struct stream_format *format, uint32_t pause_ms,
             uint32_t max_span_ms, struct recording_note *note)
{
    struct ear *ear = calloc(1, sizeof(*ear));

    if (!ear)
        return RECORDING_FAILED;
    int error = stream_open(&ear->stream, format, note);
    if (!error && endpoint_open(&ear->endpoint, pause_ms, max_span_ms) < 0)
        error = RECORDING_FAILED;
    if (error) {
        ear_close(ear);
        return error;
    }
    *ret_ear = ear;
    return 0;
}

void ear_close(struct ear *ear)
{
    if (!ear)
        return;
    endpoint_close(ear->endpoint);
    resample_close(ear->resample);
    stream_close(ear->stream);
    free(ear->pcm);
    free(ear);
}

size_t ear_bytes_a_second(const struct stream_format *format)
{
    struct raw raw;

    if (format->kind != STREAM_RAW || raw_init(&raw, format->encoding, format->channels) < 0)
        return PACKED_BYTES_S;
    return format->rate_hz * raw_frame_bytes(&raw);
}

int ear_feed(struct ear *ear, const uint8_t *bytes, size_t count)
{
    ear->fed = true;
    return stream_feed(ear->stream, bytes, count);
}

/* Room for what the resampler gives for so many samples. */
static bool make_room(struct ear *ear, size_t samples)
{
    const size_t room = resample_max_samples(ear->resample, samples);

    if (room <= ear->pcm_room)
        return true;
    float *pcm = realloc(ear->pcm, room * sizeof(*pcm));
    if (!pcm)
        return false;
    ear->pcm = pcm;
    ear->pcm_room = room;
    return true;
}

/* Decodes of what was fed to pcm, which is empty. */
static enum ear_heard decode(struct ear *ear, struct recording_note *note)
{
    const long samples = stream_pull(ear->stream, ear->mono, STREAM_PULL_SAMPLES, note);

    if (samples <= 0) {
        ear->fed = false;
        return samples < 0 ? EAR_FAILED : EAR_NOTHING;
    }
    if (!ear->resample && resample_open(&ear->resample, stream_rate_hz(ear->stream)) < 0)
        return EAR_FAILED;
    if (!make_room(ear, (size_t)samples))
        return EAR_FAILED;
    ear->pcm_at = 0;
    ear->pcm_count = resample_push(ear->resample, ear->mono, (size_t)samples, ear->pcm);
    return EAR_SOUND;
}

enum ear_heard ear_listen(struct ear *ear, struct recording_note *note)
{
    struct endpoint_span span;

    if (endpoint_span(ear->endpoint, &span))
        return EAR_SPAN;
    if (ear->pcm_at == ear->pcm_count) {
        const enum ear_heard heard = decode(ear, note);
        if (heard != EAR_SOUND)
            return heard;
    }
    const long taken =
        endpoint_push(ear->endpoint, ear->pcm + ear->pcm_at, ear->pcm_count - ear->pcm_at);
    if (taken < 0)
        return EAR_FAILED;
    ear->pcm_at += (size_t)taken;
    return endpoint_span(ear->endpoint, &span) ? EAR_SPAN : EAR_SOUND;
}

bool ear_is_busy(const struct ear *ear)
{
    return ear->fed || ear->pcm_at < ear->pcm_count;
}

bool ear_drain(struct ear *ear)
{
    if (!ear->resample)
        return true;
    if (!make_room(ear, 0))
        return false;
    ear->pcm_at = 0;
    ear->pcm_count = resample_flush(ear->resample, ear->pcm);
    return true;
}

int ear_end(const struct ear *ear, struct recording_note *note)
{
    return stream_end(ear->stream, false, note);
}

struct endpoint *ear_endpoint(struct ear *ear)
{
    return ear->endpoint;
}
