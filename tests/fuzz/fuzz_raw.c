/* Byte 0: encoding, byte 1: channels, byte 2: cutting; the rest is sound. */
#include <math.h>
#include <stdlib.h>

#include "mix.h"
#include "pace.h"
#include "raw.h"

const struct pace pace_limit = {0.1, 1e-5};

void pace_input(const uint8_t *bytes, size_t count)
{
    struct raw raw;

    if (count < 3 || raw_init(&raw, bytes[0] % 8, bytes[1]) < 0)
        return;
    const size_t step = bytes[2] + 1u;
    struct mix mix;
    mix_init(&mix, raw.channels, bytes[2] % (raw.channels + 1));
    bytes += 3;
    count -= 3;
    while (count) {
        const size_t now = step < count ? step : count;
        const size_t most = raw_max_frames(&raw, now);
        float *frames = malloc((most + 1) * raw.channels * sizeof(*frames));
        float *mono = malloc((most + 1) * sizeof(*mono));
        if (!frames || !mono)
            abort();
        const size_t made = raw_push(&raw, bytes, now, frames);
        if (made != most)
            abort();
        mix_push(&mix, frames, made, mono);
        for (size_t i = 0; i < made; i++)
            if (!(fabsf(mono[i]) <= 1.0f))
                abort();
        free(frames);
        free(mono);
        bytes += now;
        count -= now;
    }
}
