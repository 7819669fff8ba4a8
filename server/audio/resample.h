/* resample.h - any rate to 16 kHz, without losing or shifting a sample.
 *
 * soxr compensates its own delay; what it still holds comes out with flush. Samples out are
 * exactly round(samples in * 16000 / rate) once flushed, however the input was cut and however
 * often it was flushed on the way. 16 kHz input passes through untouched.
 */
#ifndef RESAMPLE_H
#define RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#define RESAMPLE_RATE_HZ 16000
#define RESAMPLE_MIN_HZ  8000
#define RESAMPLE_MAX_HZ  192000

struct resample;

/* 0, or -1: rate outside RESAMPLE_MIN_HZ..RESAMPLE_MAX_HZ or no memory. */
int resample_open(struct resample **ret_resample, uint32_t rate_hz);
void resample_close(struct resample *resample); /* NULL is fine */

/* Most samples the next push of `count` samples, or flush (count 0), can give. */
size_t resample_max_samples(const struct resample *resample, size_t count);

/* in [count] -> out (room for resample_max_samples(count)). Returns samples written. */
size_t resample_push(struct resample *resample, const float *in, size_t count, float *out);

/* What is still held; the total is then exact. More input may follow: it continues the same
 * clock, from a filter at rest. */
size_t resample_flush(struct resample *resample, float *out);

#endif
