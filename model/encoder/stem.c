/* stem.c - conv k127 s64, tanh, group norm, conv k7 s3, gelu, conv k3 s2, gelu (Moonshine's stem).
 * The second convolution may be two factors, the second of them pointwise.
 *
 * Frames are kept time-major, [T, d], so the inputs of one output frame lie next to each other:
 * a convolution is a product whose input rows overlap (row stride = hop * width).
 *
 * The group norm has one group: its mean and variance are over all frames and channels of the
 * utterance, and nothing after it can begin before they are known. The first convolution makes six
 * times as many frames as the last. With int8 they are kept in 16 bits, in memory that the blocks
 * need later (it is a quarter of the stem's time); in 32 they would not fit, so it is run twice,
 * once for the mean and once for the rest. */
#include "stem.h"

#include <math.h>

#include "arena.h"
#include "matmul.h"
#include "sound.h"

/* Frames of the last convolution at a time. */
#define SLAB_INT8 STEM_CHUNK_MOST
#define SLAB_FP32 256

struct stem_frames stem_frames(size_t samples)
{
    struct stem_frames f = {0};
    if (samples < MODEL_STEM_KERNEL1)
        return f;
    f.conv1 = (samples - MODEL_STEM_KERNEL1) / MODEL_STEM_STRIDE1 + 1;
    if (f.conv1 < MODEL_STEM_KERNEL2)
        return (struct stem_frames){0};
    f.conv2 = (f.conv1 - MODEL_STEM_KERNEL2) / MODEL_STEM_STRIDE2 + 1;
    if (f.conv2 < MODEL_STEM_KERNEL3)
        return (struct stem_frames){0};
    f.conv3 = (f.conv2 - MODEL_STEM_KERNEL3) / MODEL_STEM_STRIDE3 + 1;
    return f;
}

struct scratch {
    float *pcm; /* [samples1(frames1(slab))] */
    float *h1;  /* [frames1(slab), d] */
    float *low; /* [frames2(slab), stem_rank], where the second convolution is factored */
    float *h2;  /* [frames2(slab), 2d] */
    struct matmul_rows rows;
};

/* Frames of the second convolution that so many of the third are made of, and of the first. */
static size_t frames2(size_t frames3)
{
    return MODEL_STEM_STRIDE3 * (frames3 - 1) + MODEL_STEM_KERNEL3;
}

static size_t frames1(size_t frames3)
{
    return MODEL_STEM_STRIDE2 * (frames2(frames3) - 1) + MODEL_STEM_KERNEL2;
}

/* Samples that so many frames of the first convolution are made of. */
static size_t samples1(size_t frames)
{
    return MODEL_STEM_STRIDE1 * (frames - 1) + MODEL_STEM_KERNEL1;
}

static size_t slab_frames(const struct fold_model *m)
{
    return m->info.precision == FOLD_INT8 ? SLAB_INT8 : SLAB_FP32;
}

static size_t lay_out(struct scratch *s, const struct fold_model *m, void *base)
{
    const size_t d = m->info.d, slab = slab_frames(m), rows = frames2(slab);
    const size_t widest = m->conv2.in > m->conv3.in ? m->conv2.in : m->conv3.in;
    struct arena at = {base, 0};
    s->pcm = arena_take(&at, samples1(frames1(slab)) * sizeof(float));
    s->h1 = arena_take(&at, frames1(slab) * d * sizeof(float));
    s->low = arena_take(&at, rows * m->stem_rank * sizeof(float));
    s->h2 = arena_take(&at, rows * 2 * d * sizeof(float));
    matmul_allocate(&s->rows, m, rows, widest, &at);
    return at.used;
}

size_t stem_bytes(const struct fold_model *m)
{
    struct scratch s;
    return lay_out(&s, m, NULL);
}

size_t stem_samples(size_t frames)
{
    return samples1(frames1(frames));
}

/* h1 [frames, d] of the first convolution, from frame t on. */
static void first_conv(const struct fold_model *m, const struct scratch *s, const float *pcm,
                       size_t t, size_t frames)
{
    const size_t samples = samples1(frames);
    pcm += t * MODEL_STEM_STRIDE1;
    for (size_t i = 0; i < samples; i++) {
        s->pcm[i] = sound_sample(pcm[i]);
    }
    matmul_float(s->h1, m->info.d, s->pcm, MODEL_STEM_STRIDE1, frames, &m->conv1);
    m->kernels->tanh(s->h1, frames * m->info.d);
}

/* y [frames, out] = a later convolution of x, width floats a frame, stride frames apart. */
static void later_conv(const struct fold_model *m, struct scratch *s, float *y, const float *x,
                       size_t frames, size_t stride, size_t width, const struct model_linear *lin)
{
    matmul_take(&s->rows, m, x, stride * width, frames, lin->in);
    matmul(y, lin->out, &s->rows, lin, m);
}

static void sum(const struct fold_model *m, const float *h1, size_t frames, struct stem_sums *sums)
{
    const size_t d = m->info.d;
    for (size_t i = 0; i < frames; i++) {
        float row = 0, row_squares = 0;
        m->kernels->moments(h1 + i * d, d, &row, &row_squares);
        sums->total += (double)row;
        sums->squares += (double)row_squares;
    }
    sums->frames += frames;
}

/* Mean and 1 / standard deviation of what was summed. */
static void conclude(const struct stem_sums *sums, size_t d, float *ret_mean, float *ret_inverse)
{
    const double n = (double)sums->frames * (double)d, mean = sums->total / n;
    const double variance = fmax(sums->squares / n - mean * mean, 0);
    *ret_mean = (float)mean;
    *ret_inverse = (float)(1 / sqrt(variance + 1e-5));
}

/* h1 [frames, d], normalised, becomes x [count, d]. */
static void rest(const struct fold_model *m, struct scratch *s, float *x, size_t count, float mean,
                 float inverse)
{
    const size_t d = m->info.d, rows = frames2(count);
    m->kernels->standardise(s->h1, mean, inverse, m->stem_gain, m->stem_bias, frames1(count), d);
    later_conv(m, s, m->mix.out ? s->low : s->h2, s->h1, rows, MODEL_STEM_STRIDE2, d, &m->conv2);
    if (m->mix.out)
        later_conv(m, s, s->h2, s->low, rows, 1, m->stem_rank, &m->mix);
    m->kernels->gelu(s->h2, rows * 2 * d);
    later_conv(m, s, x, s->h2, count, MODEL_STEM_STRIDE3, 2 * d, &m->conv3);
    m->kernels->gelu(x, count * d);
}

size_t stem_kept(const struct fold_model *m, size_t T)
{
    return m->info.precision == FOLD_INT8 ? frames1(T) * m->info.d : 0;
}

/* h1 [frames, d], from frame t on, to kept, as far as the third convolution hears them. */
static void keep(const struct fold_model *m, int16_t *kept, const float *h1, size_t t,
                 size_t frames, size_t needed)
{
    const size_t d = m->info.d, count = t + frames < needed ? frames : needed - t;
    if (t < needed)
        m->kernels->to_shorts(kept + t * d, h1, count * d);
}

bool stem_run(const struct fold_model *m, float *x, const float *pcm, size_t samples, int16_t *kept,
              bool (*stop)(const void *user), const void *user, void *scratch)
{
    const struct stem_frames f = stem_frames(samples);
    const size_t d = m->info.d, slab = slab_frames(m), room = frames1(slab);
    const bool keeps = m->info.precision == FOLD_INT8;
    struct stem_sums sums = {0};
    struct scratch s;
    float mean, inverse;
    lay_out(&s, m, scratch);
    for (size_t t = 0; t < f.conv1; t += room) {
        const size_t rows = f.conv1 - t < room ? f.conv1 - t : room;
        first_conv(m, &s, pcm, t, rows);
        sum(m, s.h1, rows, &sums);
        if (keeps)
            keep(m, kept, s.h1, t, rows, frames1(f.conv3));
    }
    conclude(&sums, d, &mean, &inverse);
    for (size_t t = 0; t < f.conv3; t += slab) {
        const size_t frames = f.conv3 - t < slab ? f.conv3 - t : slab;
        const size_t first = t * MODEL_STEM_STRIDE3 * MODEL_STEM_STRIDE2;
        if (stop && stop(user))
            return false;
        if (keeps)
            m->kernels->from_shorts(s.h1, kept + first * d, frames1(frames) * d);
        else
            first_conv(m, &s, pcm, first, frames1(frames));
        rest(m, &s, x + t * d, frames, mean, inverse);
    }
    return true;
}

void stem_chunk(const struct fold_model *m, float *x, const float *pcm, size_t samples,
                struct stem_sums *sums, void *scratch)
{
    const struct stem_frames f = stem_frames(samples);
    /* Frames of the first convolution that the chunk before has heard too. */
    const size_t known = sums->frames ? frames1(1) - MODEL_STEM_STRIDE2 * MODEL_STEM_STRIDE3 : 0;
    struct scratch s;
    float mean, inverse;
    lay_out(&s, m, scratch);
    first_conv(m, &s, pcm, 0, f.conv1);
    sum(m, s.h1 + known * m->info.d, f.conv1 - known, sums);
    conclude(sums, m->info.d, &mean, &inverse);
    rest(m, &s, x, f.conv3, mean, inverse);
}
