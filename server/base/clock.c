#include "clock.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

double clock_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void clock_sleep_ms(unsigned ms)
{
    const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

int clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);

    if (error)
        return error;
    error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (!error)
        error = pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
    return error;
}

void clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, double until_ms)
{
    if (isinf(until_ms)) {
        pthread_cond_wait(cond, lock);
        return;
    }
    const time_t seconds = (time_t)(until_ms / 1e3);
    const struct timespec until = {seconds, (long)((until_ms - (double)seconds * 1e3) * 1e6)};
    pthread_cond_timedwait(cond, lock, &until);
}

struct clock_lap clock_lap_begin(void)
{
    struct timespec cpu;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    return (struct clock_lap){clock_now_ms(), (double)cpu.tv_sec * 1e3 + (double)cpu.tv_nsec / 1e6};
}

struct clock_spent clock_lap_next(struct clock_lap *lap)
{
    const struct clock_lap before = *lap;

    *lap = clock_lap_begin();
    return (struct clock_spent){(lap->cpu_ms - before.cpu_ms) / 1e3,
                                (lap->wall_ms - before.wall_ms) / 1e3};
}

int64_t clock_unix_s(void)
{
    return (int64_t)time(NULL);
}

void clock_utc(char ret_text[CLOCK_UTC_BYTES])
{
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    const size_t used =
        strftime(ret_text, CLOCK_UTC_BYTES, "%Y-%m-%dT%H:%M:%S", gmtime_r(&now.tv_sec, &utc));
    snprintf(ret_text + used, CLOCK_UTC_BYTES - used, ".%03dZ", (int)(now.tv_nsec / 1000000));
}
