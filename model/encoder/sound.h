/* sound.h - a sample as the front ends take it. */
#ifndef SOUND_H
#define SOUND_H

#include <math.h>

/* NaN and Inf count as 0, what is beyond -1 and 1 as those. */
static inline float sound_sample(float x)
{
    const float clipped = x < -1 ? -1 : x > 1 ? 1 : x;
    return isfinite(x) ? clipped : 0;
}

#endif
