/* mel.c - a Fourier transform as a product, power, mels, log; less each mel's mean; two
 * convolutions over time and mels, channels last; a projection. All in floats, but for the last: it
 * is next to the sound, and little beside the blocks. */
#include "mel.h"

#include <math.h>
#include <string.h>

#include "arena.h"
#include "matmul.h"
#include "sound.h"

#define SLAB   32 /* frames of 40 ms at a time */
#define HALF   (MODEL_MELS / 2)
#define FOURTH (MODEL_MELS / 4)

struct scratch {
    float *pcm;      /* [samples of 4 * SLAB windows] */
    float *spectrum; /* [4 * SLAB, 2 * bins] */
    float *power;    /* [4 * SLAB, bins] */
    float *half;     /* [2 * SLAB + 1, HALF, channels] */
    float *fourth;   /* [FOURTH, channels] */
    float *flat;     /* [SLAB, channels * FOURTH] */
    struct matmul_rows rows;
};

static size_t lay_out(struct scratch *s, const struct fold_model *m, void *base)
{
    const size_t c = m->mel.channels, windows = 4 * SLAB;
    struct arena at = {base, 0};
    s->pcm = arena_take(&at, ((windows - 1) * MODEL_MEL_HOP + MODEL_MEL_WINDOW) * sizeof(float));
    s->spectrum = arena_take(&at, windows * 2 * MODEL_MEL_BINS * sizeof(float));
    s->power = arena_take(&at, windows * MODEL_MEL_BINS * sizeof(float));
    s->half = arena_take(&at, (2 * SLAB + 1) * HALF * c * sizeof(float));
    s->fourth = arena_take(&at, FOURTH * c * sizeof(float));
    s->flat = arena_take(&at, SLAB * FOURTH * c * sizeof(float));
    matmul_allocate(&s->rows, m, SLAB, m->mel.out.in, &at);
    return at.used;
}

size_t mel_frames(size_t samples)
{
    return (samples / MODEL_MEL_HOP + 3) / 4;
}

size_t mel_bytes(const struct fold_model *m)
{
    struct scratch s;
    return lay_out(&s, m, NULL);
}

size_t mel_kept(size_t T)
{
    return 4 * T * MODEL_MELS;
}

/* mels [count, MODEL_MELS] of the windows from first on, in logs. */
static void windows(const struct fold_model *m, const struct scratch *s, float *mels,
                    const float *pcm, size_t samples, size_t first, size_t count)
{
    const size_t bins = MODEL_MEL_BINS, needs = (count - 1) * MODEL_MEL_HOP + MODEL_MEL_WINDOW;
    for (size_t i = 0; i < needs; i++) {
        /* Windows are centred, with silence around the sound; this wraps before it. */
        const size_t at = first * MODEL_MEL_HOP + i - MODEL_MEL_WINDOW / 2;
        s->pcm[i] = at < samples ? sound_sample(pcm[at]) : 0;
    }
    matmul_float(s->spectrum, 2 * bins, s->pcm, MODEL_MEL_HOP, count, &m->mel.fourier);
    for (size_t t = 0; t < count; t++)
        for (size_t k = 0; k < bins; k++) {
            const float *row = s->spectrum + t * 2 * bins;
            s->power[t * bins + k] = row[k] * row[k] + row[bins + k] * row[bins + k];
        }
    matmul_float(mels, MODEL_MELS, s->power, bins, count, &m->mel.filters);
    for (size_t i = 0; i < count * MODEL_MELS; i++)
        mels[i] = logf(mels[i] + 1e-6f);
}

/* Each mel of mels [count, MODEL_MELS] less its mean. */
static void centre(float *mels, size_t count)
{
    double sums[MODEL_MELS] = {0};
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < MODEL_MELS; i++)
            sums[i] += (double)mels[t * MODEL_MELS + i];
    for (size_t i = 0; i < MODEL_MELS; i++)
        sums[i] /= (double)count;
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < MODEL_MELS; i++)
            mels[t * MODEL_MELS + i] -= (float)sums[i];
}

/* y [bands / 2, out] = gelu of one frame of a convolution of stride 2 over rows [3] of [bands, in],
 * NULL where there is silence. w [3, 3, in, out] */
static void convolve(const struct fold_model *m, float *restrict y, const float *const rows[3],
                     const float *w, const float *bias, size_t bands, size_t in, size_t out)
{
    for (size_t band = 0; band < bands / 2; band++) {
        float *to = y + band * out;
        memcpy(to, bias, out * sizeof *to);
        for (size_t tap = 0; tap < 9; tap++) {
            const size_t at = 2 * band + tap % 3 - 1; /* wraps before the first */
            const float *row = rows[tap / 3];
            if (!row || at >= bands)
                continue;
            for (size_t i = 0; i < in; i++) {
                const float x = row[at * in + i], *taps = w + (tap * in + i) * out;
                for (size_t o = 0; o < out; o++)
                    to[o] += x * taps[o];
            }
        }
    }
    m->kernels->gelu(y, bands / 2 * out);
}

/* The rows around t of x [count, width]; row 0 of x is frame first of all. */
static void around(const float *rows[3], const float *x, size_t t, size_t first, size_t count,
                   size_t width)
{
    for (size_t i = 0; i < 3; i++) {
        const size_t at = t + i - 1 - first; /* wraps */
        rows[i] = t + i >= 1 && at < count ? x + at * width : NULL;
    }
}

bool mel_run(const struct fold_model *m, float *x, const float *pcm, size_t samples, float *kept,
             bool (*stop)(const void *user), const void *user, void *scratch)
{
    const struct model_mel *mel = &m->mel;
    const size_t mels = samples / MODEL_MEL_HOP, halves = (mels + 1) / 2, T = (halves + 1) / 2;
    const size_t c = mel->channels, d = m->info.d;
    const float *rows[3];
    struct scratch s;
    lay_out(&s, m, scratch);
    for (size_t t = 0; t < mels; t += 4 * SLAB) {
        if (stop && stop(user))
            return false;
        windows(m, &s, kept + t * MODEL_MELS, pcm, samples, t,
                mels - t < 4 * SLAB ? mels - t : 4 * SLAB);
    }
    centre(kept, mels);
    for (size_t t = 0; t < T; t += SLAB) {
        const size_t count = T - t < SLAB ? T - t : SLAB, first = t ? 2 * t - 1 : 0;
        const size_t end = 2 * (t + count) < halves ? 2 * (t + count) : halves;
        if (stop && stop(user))
            return false;
        for (size_t h = first; h < end; h++) {
            around(rows, kept, 2 * h, 0, mels, MODEL_MELS);
            convolve(m, s.half + (h - first) * HALF * c, rows, mel->conv1, mel->bias1, MODEL_MELS,
                     1, c);
        }
        for (size_t i = 0; i < count; i++) {
            around(rows, s.half, 2 * (t + i), first, end - first, HALF * c);
            convolve(m, s.fourth, rows, mel->conv2, mel->bias2, HALF, c, c);
            for (size_t band = 0; band < FOURTH; band++)
                for (size_t o = 0; o < c; o++)
                    s.flat[(i * c + o) * FOURTH + band] = s.fourth[band * c + o];
        }
        matmul_take(&s.rows, m, s.flat, mel->out.in, count, mel->out.in);
        matmul(x + t * d, d, &s.rows, &mel->out, m);
    }
    return true;
}
