/* cpu_time.h - how long the calling thread has computed: what else the machine does does not count.
 */
#ifndef CPU_TIME_H
#define CPU_TIME_H

#include <time.h>

static inline double cpu_time_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#endif
