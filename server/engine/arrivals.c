#include "arrivals.h"

#include <string.h>

void arrivals_push(struct arrivals *a, uint64_t end_bytes, double now_ms)
{
    if (a->count < ARRIVALS_MOST)
        a->list[a->count++].at_ms = now_ms;
    a->list[a->count - 1].end_bytes = end_bytes;
}

double arrivals_take(struct arrivals *a, uint64_t end_bytes)
{
    size_t last = 0, gone;

    while (last + 1 < a->count && a->list[last].end_bytes < end_bytes)
        last++;
    const double at_ms = a->list[last].at_ms;
    gone = a->count && a->list[last].end_bytes <= end_bytes ? last + 1 : last;
    a->count -= gone;
    memmove(a->list, a->list + gone, a->count * sizeof(a->list[0]));
    return at_ms;
}

double arrivals_oldest_ms(const struct arrivals *a, double otherwise_ms)
{
    return a->count ? a->list[0].at_ms : otherwise_ms;
}
