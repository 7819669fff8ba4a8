/* pace.c - see pace.h. What libFuzzer and replay.c call. */
#include "pace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

double pace_cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double took_s(const uint8_t *bytes, size_t count)
{
    const double from_s = pace_cpu_s();

    pace_input(bytes, count);
    return pace_cpu_s() - from_s;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    const double most_s = pace_limit.most_s + pace_limit.a_byte_s * (double)count;
    double least_s = took_s(bytes, count);

    for (int again = 1; again < PACE_TIMES && least_s > most_s; again++)
        least_s = fmin(least_s, took_s(bytes, count));
    if (least_s > most_s) {
        fprintf(stderr, "%zu bytes took %.3f s, each of %d times\n", count, least_s, PACE_TIMES);
        abort();
    }
    return 0;
}
