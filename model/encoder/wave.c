/* wave.c - (zero mean, unit variance) - convolutions, norms, gelu - norm, projection - positions -
 * (norm).
 *
 * Frames are kept time-major, as in stem.c, so a convolution is a product whose input rows overlap.
 * All convolutions of some frames of the last follow each other while what they make is in the
 * cache; what two neighbouring slabs hear both, 80 samples of the usual layout, is made twice.
 *
 * A norm over time needs the whole recording before anything behind it can begin. But mean and
 * variance of a channel of the first convolution follow from the sound's own: with w its taps, m
 * [K] the means of the samples under each tap and R [K, K] the means of their products, they are
 * w.m and w'Rw - (w.m)^2. That is a small matrix, for all channels alike, and the norm then is part
 * of the taps and the bias. */
#include "wave.h"

#include <math.h>
#include <string.h>

#include "arena.h"
#include "matmul.h"
#include "sound.h"

/* Frames of the last convolution at a time. */
#define SLAB_INT8 24
#define SLAB_FP32 64
#define PLACES    64 /* frames of the convolution of positions at a time */
#define TAPS_MOST 64 /* of the first convolution */

struct scratch {
    float *pcm;     /* [samples of a slab] */
    float *a, *b;   /* what a convolution hears and makes, in turn */
    float *first;   /* [taps, channels] and [channels]: the first convolution, its norm within */
    float *padded;  /* [PLACES + taps - 1, d / groups] */
    float *places;  /* [PLACES, d] */
    float *product; /* [PLACES, d / groups] */
    void *room;     /* of the rows of one product at a time: */
    struct matmul_rows rows;
};

static size_t slab_frames(const struct fold_model *m)
{
    return m->info.precision == FOLD_INT8 ? SLAB_INT8 : SLAB_FP32;
}

/* Frames that convolution i makes for so many frames of the last; samples for i = -1. */
static size_t frames_of(const struct model_wave *w, int i, size_t frames)
{
    for (int j = (int)w->convs_count - 1; j > i; j--)
        frames = (frames - 1) * w->convs[j].stride + w->convs[j].kernel;
    return frames;
}

size_t wave_frames(const struct fold_model *m, size_t samples)
{
    const struct model_wave *w = &m->wave;
    if (samples < m->info.min_samples)
        return 0;
    for (uint32_t i = 0; i < w->convs_count; i++)
        samples = (samples - w->convs[i].kernel) / w->convs[i].stride + 1;
    return samples;
}

static size_t greater(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t rows_bytes(const struct fold_model *m, size_t T, size_t n)
{
    struct matmul_rows rows;
    struct arena at = {NULL, 0};
    matmul_allocate(&rows, m, T, n, &at);
    return at.used;
}

static size_t lay_out(struct scratch *s, const struct fold_model *m, void *base)
{
    const struct model_wave *w = &m->wave;
    const size_t slab = slab_frames(m), d = m->info.d, width = d / w->groups;
    const struct model_linear *first = &w->convs[0].lin;
    size_t floats = 0, bytes = 0;
    struct arena at = {base, 0};
    for (uint32_t i = 0; i < w->convs_count; i++)
        floats = greater(floats, frames_of(w, (int)i, slab) * w->convs[i].lin.out);
    s->pcm = arena_take(&at, frames_of(w, -1, slab) * sizeof(float));
    s->a = arena_take(&at, floats * sizeof(float));
    s->b = arena_take(&at, floats * sizeof(float));
    s->first = arena_take(&at, (size_t)first->out * (first->in + 1) * sizeof(float));
    s->padded = arena_take(&at, (PLACES + w->taps - 1) * width * sizeof(float));
    s->places = arena_take(&at, PLACES * d * sizeof(float));
    s->product = arena_take(&at, PLACES * width * sizeof(float));
    for (uint32_t i = 1; i < w->convs_count; i++)
        bytes = greater(bytes, rows_bytes(m, frames_of(w, (int)i, slab), w->convs[i].lin.in));
    bytes = greater(bytes, rows_bytes(m, slab, w->project.in));
    bytes = greater(bytes, rows_bytes(m, PLACES, w->taps * width));
    s->room = arena_take(&at, bytes);
    return at.used;
}

/* Makes x [T, n], rows ldx apart, the rows of products. */
static void take(struct scratch *s, const struct fold_model *m, const float *x, size_t ldx,
                 size_t T, size_t n)
{
    struct arena at = {s->room, 0};
    matmul_allocate(&s->rows, m, T, n, &at);
    matmul_take(&s->rows, m, x, ldx, T, n);
}

size_t wave_bytes(const struct fold_model *m)
{
    struct scratch s;
    return lay_out(&s, m, NULL);
}

size_t wave_kept(const struct fold_model *m, size_t T)
{
    return T * m->info.d;
}

/* Mean and 1 / standard deviation that the samples are to lose; 0 and 1 where they stay. */
static void measure(const struct fold_model *m, const float *pcm, size_t samples, float *ret_mean,
                    float *ret_inverse)
{
    double sum = 0, squares = 0;
    *ret_mean = 0;
    *ret_inverse = 1;
    if (!m->wave.normalises)
        return;
    for (size_t i = 0; i < samples; i++) {
        const double x = (double)sound_sample(pcm[i]);
        sum += x;
        squares += x * x;
    }
    const double mean = sum / (double)samples;
    *ret_mean = (float)mean;
    *ret_inverse = (float)(1 / sqrt(fmax(squares / (double)samples - mean * mean, 0) + 1e-7));
}

/* The first convolution as it is, into s->first, or with its norm over time within. */
static void fold_first(const struct fold_model *m, const struct scratch *s, const float *pcm,
                       size_t samples, float loss, float gain)
{
    const struct model_conv *conv = &m->wave.convs[0];
    const size_t K = conv->kernel, C = conv->lin.out;
    const size_t frames = (samples - K) / conv->stride + 1;
    double means[TAPS_MOST] = {0}, products[TAPS_MOST][TAPS_MOST] = {{0}};
    float *w = s->first, *b = s->first + C * K;
    for (size_t c = 0; c < C; c++)
        for (size_t k = 0; k < K; k++)
            w[k * C + c] = conv->lin.w[c * K + k];
    memset(b, 0, C * sizeof *b);
    if (conv->lin.b)
        memcpy(b, conv->lin.b, C * sizeof *b);
    if (!m->wave.over_time)
        return;
    for (size_t t = 0; t < frames; t++) {
        float under[TAPS_MOST];
        for (size_t k = 0; k < K; k++)
            under[k] = (sound_sample(pcm[t * conv->stride + k]) - loss) * gain;
        for (size_t k = 0; k < K; k++) {
            means[k] += (double)under[k];
            for (size_t j = 0; j <= k; j++)
                products[k][j] += (double)under[k] * (double)under[j];
        }
    }
    for (size_t c = 0; c < C; c++) {
        double mean = 0, square = 0;
        for (size_t k = 0; k < K; k++) {
            const double tap = (double)w[k * C + c];
            mean += tap * means[k];
            square += tap * tap * products[k][k];
            for (size_t j = 0; j < k; j++)
                square += 2 * tap * (double)w[j * C + c] * products[k][j];
        }
        mean /= (double)frames;
        const double variance = fmax(square / (double)frames - mean * mean, 0);
        const double scale = (double)conv->gain[c] / sqrt(variance + 1e-5);
        for (size_t k = 0; k < K; k++)
            w[k * C + c] = (float)((double)w[k * C + c] * scale);
        b[c] = (float)((double)conv->bias[c] - mean * scale); /* a bias of its own makes no odds */
    }
}

/* What all convolutions make of a slab of the sound: [frames, channels of the last], in s->a. */
static void convolve(const struct fold_model *m, struct scratch *s, size_t frames)
{
    const struct model_wave *w = &m->wave;
    for (uint32_t i = 0; i < w->convs_count; i++) {
        const struct model_conv *conv = &w->convs[i];
        const size_t T = frames_of(w, (int)i, frames), C = conv->lin.out;
        if (i) {
            const size_t width = w->convs[i - 1].lin.out;
            take(s, m, s->a, conv->stride * width, T, conv->lin.in);
            matmul(s->b, C, &s->rows, &conv->lin, m);
        } else {
            m->kernels->slide(s->b, s->pcm, conv->stride, s->first, s->first + C * conv->kernel, T,
                              C, conv->kernel);
        }
        float *made = s->b;
        if (conv->gain && !w->over_time) {
            m->kernels->norm(s->a, s->b, conv->gain, conv->bias, T, C);
            made = s->a;
        }
        m->kernels->gelu(made, T * C);
        s->b = made == s->a ? s->b : s->a;
        s->a = made;
    }
}

/* x [frames, d] from s->a. */
static void project(const struct fold_model *m, struct scratch *s, float *x, size_t frames)
{
    const struct model_wave *w = &m->wave;
    const size_t C = w->project.in;
    const float *from = s->a;
    if (w->project_norm.gain) {
        m->kernels->norm(s->b, s->a, w->project_norm.gain, w->project_norm.bias, frames, C);
        from = s->b;
    }
    take(s, m, from, C, frames, C);
    matmul(x, m->info.d, &s->rows, &w->project, m);
}

/* to [rows, d] <- norm(x + gelu(positions of x)), from frame first on of x [T, d]. */
static void place(const struct fold_model *m, struct scratch *s, float *to, const float *x,
                  size_t first, size_t rows, size_t T)
{
    const struct model_wave *w = &m->wave;
    const size_t d = m->info.d, width = d / w->groups, left = w->taps / 2;
    for (uint32_t g = 0; g < w->groups; g++) {
        for (size_t i = 0; i < rows + w->taps - 1; i++) {
            const size_t t = first + i - left; /* wraps before the beginning */
            if (t < T)
                memcpy(s->padded + i * width, x + t * d + g * width, width * sizeof *x);
            else
                memset(s->padded + i * width, 0, width * sizeof *x);
        }
        take(s, m, s->padded, width, rows, w->taps * width);
        matmul(s->product, width, &s->rows, &w->positions[g], m);
        for (size_t t = 0; t < rows; t++)
            memcpy(s->places + t * d + g * width, s->product + t * width, width * sizeof *x);
    }
    m->kernels->gelu(s->places, rows * d);
    m->kernels->residual(s->places, x + first * d, NULL, rows, d);
    if (w->last_norm.gain)
        m->kernels->norm(to, s->places, w->last_norm.gain, w->last_norm.bias, rows, d);
    else
        memcpy(to, s->places, rows * d * sizeof *to);
}

bool wave_run(const struct fold_model *m, float *x, const float *pcm, size_t samples, float *kept,
              bool (*stop)(const void *user), const void *user, void *scratch)
{
    const struct model_wave *w = &m->wave;
    const size_t T = wave_frames(m, samples), d = m->info.d, slab = slab_frames(m);
    float loss, gain;
    struct scratch s;
    lay_out(&s, m, scratch);
    measure(m, pcm, samples, &loss, &gain);
    fold_first(m, &s, pcm, samples, loss, gain);
    for (size_t t = 0; t < T; t += slab) {
        const size_t frames = T - t < slab ? T - t : slab, needs = frames_of(w, -1, frames);
        const float *from = pcm + t * m->info.hop_samples;
        if (stop && stop(user))
            return false;
        for (size_t i = 0; i < needs; i++)
            s.pcm[i] = (sound_sample(from[i]) - loss) * gain;
        convolve(m, &s, frames);
        project(m, &s, kept + t * d, frames);
    }
    for (size_t t = 0; t < T; t += PLACES) {
        if (stop && stop(user))
            return false;
        place(m, &s, x + t * d, kept, t, T - t < PLACES ? T - t : PLACES, T);
    }
    return true;
}
