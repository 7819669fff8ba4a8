/* pace.c - see pace.h. What libFuzzer and replay.c call. */
#include "pace.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    const double from_s = cpu_s();
    pace_input(bytes, count);
    const double took_s = cpu_s() - from_s;
    if (took_s > pace_limit.most_s + pace_limit.a_byte_s * (double)count) {
        fprintf(stderr, "%zu bytes took %.3f s\n", count, took_s);
        abort();
    }
    return 0;
}
