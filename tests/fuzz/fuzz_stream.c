/* Byte 0: kind, byte 1: channels and channel, byte 2: cutting; the rest arrives bit by bit.
 * Whatever it is: finite sound, no more than can be packed into so many bytes, and the same however
 * it is cut. */
#include <math.h>
#include <stdlib.h>

#include "pace.h"
#include "stream.h"

/* Samples: an Opus packet of one byte may hold 1920, a FLAC frame of 12 bytes 65,535; and twice as
 * many where they are of 8 kHz. */
/* Seconds of processor time, under sanitizers too. */
#define MOST_S      0.5
#define A_BYTE_S    20e-6
#define A_SAMPLE_S  2e-6
#define MOST_A_BYTE 11000

const struct pace pace_limit = {1, 0.1};

/* Samples heard; *ret_sum is of their values. */
static size_t decode_all(const struct stream_format *format, const uint8_t *bytes, size_t count,
                         size_t step, double *ret_sum)
{
    struct recording_note note = {""};
    struct stream *stream;
    static float mono[STREAM_PULL_SAMPLES];
    size_t samples = 0;
    double sum = 0;
    long got = 0;

    if (stream_open(&stream, format, &note) < 0)
        return 0;
    for (size_t at = 0; at < count + step && got >= 0; at += step) {
        if (at >= count)
            stream_finish(stream);
        else if (stream_feed(stream, bytes + at, step < count - at ? step : count - at) < 0)
            break;
        while ((got = stream_pull(stream, mono, STREAM_PULL_SAMPLES, &note)) > 0) {
            for (long i = 0; i < got; i++) {
                if (!(fabsf(mono[i]) < 4.0f)) /* a resampler overshoots */
                    abort();
                sum += (double)mono[i];
            }
            samples += (size_t)got;
        }
    }
    if (got < 0 && !note.text[0])
        abort();
    stream_close(stream);
    *ret_sum = sum;
    return samples;
}

/* As decode_all; and its time is in proportion to the bytes and the sound. */
static size_t hear(const struct stream_format *format, const uint8_t *bytes, size_t count,
                   size_t step, double *ret_sum)
{
    for (int times = 0; times < PACE_TIMES; times++) {
        const double from_s = pace_cpu_s();
        const size_t samples = decode_all(format, bytes, count, step, ret_sum);

        if (pace_cpu_s() - from_s <=
            MOST_S + A_BYTE_S * (double)count + A_SAMPLE_S * (double)samples)
            return samples;
    }
    abort();
}

void pace_input(const uint8_t *bytes, size_t count)
{
    double whole = 0, cut = 0;

    if (count < 3)
        return;
    const struct stream_format format = {.kind = (enum stream_kind)(bytes[0] % 3),
                                         .encoding = (enum raw_encoding)(bytes[0] / 3 % 8),
                                         .rate_hz = 16000,
                                         .channels = bytes[1] % 4,
                                         .channel = bytes[1] / 4 % 4};
    const size_t samples = hear(&format, bytes + 3, count - 3, count, &whole);
    if (samples > (count + 1) * MOST_A_BYTE)
        abort();
    if (hear(&format, bytes + 3, count - 3, 1u + bytes[2], &cut) != samples ||
        !(fabs(whole - cut) < 1e-3))
        abort();
}
