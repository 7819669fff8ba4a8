/* Byte 0: encoding, byte 1: channels, byte 2: cutting; the rest is sound. */
#include <math.h>
#include <stdlib.h>

#include "raw.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct raw raw;

    if (count < 3 || raw_init(&raw, bytes[0] % 5, bytes[1]) < 0)
        return 0;
    const size_t step = bytes[2] + 1u;
    bytes += 3;
    count -= 3;
    while (count) {
        const size_t now = step < count ? step : count;
        const size_t most = raw_max_samples(&raw, now);
        float *mono = malloc((most + 1) * sizeof(*mono));
        if (!mono)
            return 0;
        const size_t made = raw_push(&raw, bytes, now, mono);
        if (made != most)
            abort();
        for (size_t i = 0; i < made; i++)
            if (!(fabsf(mono[i]) <= 1.0f))
                abort();
        free(mono);
        bytes += now;
        count -= now;
    }
    return 0;
}
