#include "partial_window.h"

#include <math.h>

double partial_window_mean_ms(double segment_ms)
{
    const double steady_ms =
        (PARTIAL_WINDOW_LEAST_MS + PARTIAL_WINDOW_CONTEXT_MS + PARTIAL_WINDOW_MOST_MS) / 2.0;
    const double grown_ms = fmin(segment_ms, PARTIAL_WINDOW_MOST_MS);

    return (grown_ms * grown_ms / 2 + (segment_ms - grown_ms) * steady_ms) / fmax(segment_ms, 1);
}
