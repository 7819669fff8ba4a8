#include "resample.h"

#include <soxr.h>
#include <stdlib.h>
#include <string.h>

struct resample {
    uint32_t rate_hz;
    soxr_t soxr;      /* NULL at 16 kHz */
    uint64_t in, out; /* samples so far, over all flushes */
};

int resample_open(struct resample **ret_resample, uint32_t rate_hz)
{
    if (rate_hz < RESAMPLE_MIN_HZ || rate_hz > RESAMPLE_MAX_HZ)
        return -1;
    struct resample *resample = calloc(1, sizeof(*resample));
    if (!resample)
        return -1;
    resample->rate_hz = rate_hz;
    if (rate_hz != RESAMPLE_RATE_HZ) {
        const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
        const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
        const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
        soxr_error_t error = NULL;
        resample->soxr = soxr_create(rate_hz, RESAMPLE_RATE_HZ, 1, &error, &io, &quality, &runtime);
        if (!resample->soxr || error) {
            resample_close(resample);
            return -1;
        }
    }
    *ret_resample = resample;
    return 0;
}

void resample_close(struct resample *resample)
{
    if (!resample)
        return;
    if (resample->soxr)
        soxr_delete(resample->soxr);
    free(resample);
}

/* round(in * 16000 / rate), exact in integers. */
static uint64_t due(const struct resample *resample)
{
    return (resample->in * RESAMPLE_RATE_HZ * 2 + resample->rate_hz) / (2ull * resample->rate_hz);
}

size_t resample_max_samples(const struct resample *resample, size_t count)
{
    const struct resample after = {.rate_hz = resample->rate_hz, .in = resample->in + count};
    return (size_t)(due(&after) - resample->out);
}

size_t resample_push(struct resample *resample, const float *in, size_t count, float *out)
{
    const size_t room = resample_max_samples(resample, count);

    resample->in += count;
    if (!resample->soxr) {
        memcpy(out, in, count * sizeof(*out));
        resample->out += count;
        return count;
    }
    size_t samples = 0;
    while (count) {
        size_t used = 0, made = 0;
        const soxr_error_t error =
            soxr_process(resample->soxr, in, count, &used, out + samples, room - samples, &made);
        if (error || (!used && !made))
            break;
        in += used;
        count -= used;
        samples += made;
    }
    resample->out += samples;
    return samples;
}

size_t resample_flush(struct resample *resample, float *out)
{
    const size_t room = resample_max_samples(resample, 0);
    size_t samples = 0;

    if (!resample->soxr)
        return 0;
    while (samples < room) {
        size_t made = 0;
        const soxr_error_t error =
            soxr_process(resample->soxr, NULL, 0, NULL, out + samples, room - samples, &made);
        if (error || !made)
            break;
        samples += made;
    }
    memset(out + samples, 0, (room - samples) * sizeof(*out));
    resample->out += room;
    soxr_clear(resample->soxr);
    return room;
}
