#include "mix.h"

#include <math.h>
#include <stdio.h>

#define STRETCH      320  /* frames between looks at the energies: 20 ms at 16 kHz */
#define FADE         0.9  /* of an energy from stretch to stretch */
#define CANCELS      0.15 /* of what the mean of unrelated channels would have */
#define NO_LONGER    0.4
#define INTEGERS     8     /* beyond 1, and no fractions: somebody's integers */
#define OUT_OF_RANGE 16.0f /* louder than any float recording that is meant to be in [-1, 1] */

void mix_init(struct mix *mix, uint32_t channels, uint32_t channel)
{
    *mix = (struct mix){.channels = channels, .channel = channel, .scale = 1.0f};
}

/* Unrelated channels of energies e have a mean of energy sum(e) / n^2; alike ones more, opposed
 * ones less. Decided at the end of a stretch, for the next one. */
static void look_at_energies(struct mix *mix)
{
    const uint32_t n = mix->channels;
    double all = 0;
    uint32_t loudest = 0;

    for (uint32_t c = 0; c < n; c++) {
        mix->energies[c] = FADE * mix->energies[c] + mix->sums[c];
        all += mix->energies[c];
        if (mix->energies[c] > mix->energies[loudest])
            loudest = c;
        mix->sums[c] = 0;
    }
    mix->energy = FADE * mix->energy + mix->sum;
    mix->sum = 0;
    mix->filled = 0;
    const double unrelated = all / ((double)n * n);
    if (unrelated <= 0)
        return;
    if (!mix->alone && mix->energy < CANCELS * unrelated)
        mix->alone = loudest + 1;
    else if (mix->alone && mix->energy > NO_LONGER * unrelated)
        mix->alone = 0;
}

/* Samples of 16 bits written as floats, or of 24 or 32: integers beyond 1, or far beyond. */
static void find_scale(struct mix *mix, float sample)
{
    const float x = fabsf(sample);

    if (x > mix->peak)
        mix->peak = x;
    if (x <= OUT_OF_RANGE) {
        mix->fractions |= x != rintf(x);
        mix->integers += x == rintf(x);
        if (mix->fractions || mix->integers < INTEGERS)
            return;
    }
    const float full = mix->peak <= 40000.0f ? 32768.0f
                       : mix->peak <= 1e7f   ? 8388608.0f
                                             : 2147483648.0f;
    if (1.0f / full < mix->scale)
        mix->scale = 1.0f / full;
}

void mix_push(struct mix *mix, const float *frames, size_t count, float *mono)
{
    const uint32_t n = mix->channels;

    for (size_t i = 0; i < count; i++) {
        const float *frame = frames + i * n;
        float x[MIX_MAX_CHANNELS], mean = 0;
        for (uint32_t c = 0; c < n; c++) {
            x[c] = isfinite(frame[c]) ? frame[c] : 0.0f;
            if (fabsf(x[c]) > 1.0f)
                find_scale(mix, x[c]);
            x[c] *= mix->scale;
            mean += x[c];
        }
        mean /= (float)n;
        const float y = mix->channel ? x[mix->channel - 1] : mix->alone ? x[mix->alone - 1] : mean;
        mono[i] = y > 1.0f ? 1.0f : y < -1.0f ? -1.0f : y;
        if (n == 1 || mix->channel)
            continue;
        for (uint32_t c = 0; c < n; c++)
            mix->sums[c] += (double)x[c] * (double)x[c];
        mix->sum += (double)mean * (double)mean;
        if (++mix->filled == STRETCH)
            look_at_energies(mix);
    }
}

bool mix_note(const struct mix *mix, char *text, size_t room)
{
    if (mix->scale == 1.0f)
        return false;
    snprintf(
        text, room,
        "the samples are floats of up to %.0f where [-1, 1] is meant; they were divided by %.0f",
        (double)mix->peak, 1.0 / (double)mix->scale);
    return true;
}
