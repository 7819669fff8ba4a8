/* Steps of 10 ms are quiet when they are nearer to the quietest tenth of the piece than to its
 * loudest tenth: a fifth of the way in decibels, so that a fan is a floor and a whisper is none. */
#include "pauses.h"

#include <math.h>
#include <stdlib.h>

#define STEP_MS  10
#define STEPS    6000 /* of a minute: no piece is longer */
#define PAUSE_MS 200
#define FLOOR_DB -90.0f
#define QUIET    0.2f /* of the way from the floor to speech */
#define FLAT_DB  6.0f /* less between floor and speech: all of it is one or the other */

static int by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static float level_db(const float *pcm, size_t samples)
{
    double sum = 0;
    for (size_t i = 0; i < samples; i++)
        sum += pcm[i] * pcm[i];
    const double mean = sum / (double)samples;
    return mean > 1e-9 ? 10 * (float)log10(mean) : FLOOR_DB;
}

size_t pauses_cut(const float *pcm, size_t samples, size_t most_samples, unsigned rate_hz,
                  bool *ret_pause)
{
    float levels[STEPS], sorted[STEPS];
    const size_t step = rate_hz * STEP_MS / 1000;
    size_t steps = most_samples / step, best = 0, longest = 0, run = 0;

    *ret_pause = true;
    if (samples <= most_samples)
        return samples;
    if (steps > STEPS)
        steps = STEPS;
    for (size_t i = 0; i < steps; i++)
        sorted[i] = levels[i] = level_db(pcm + i * step, step);
    qsort(sorted, steps, sizeof *sorted, by_size);
    const float low = sorted[steps / 10], high = sorted[steps - 1 - steps / 10];
    const float quiet = high - low < FLAT_DB ? FLOOR_DB + FLAT_DB : low + QUIET * (high - low);
    for (size_t i = steps / 3; i < steps; i++) {
        run = levels[i] <= quiet ? run + 1 : 0;
        if (run >= longest && run * STEP_MS >= PAUSE_MS) { /* the later of two alike */
            longest = run;
            best = i + 1 - run / 2;
        }
    }
    *ret_pause = longest > 0;
    return longest ? best * step : most_samples;
}
