/* clock.h - the process' clocks: one that only goes forward, and the calendar's. Any thread. */
#ifndef CLOCK_H
#define CLOCK_H

#include <pthread.h>
#include <stdint.h>

/* Milliseconds of a clock that only goes forward: CLOCK_MONOTONIC. */
double clock_now_ms(void);
void clock_sleep_ms(unsigned ms);
/* A condition variable whose waits are measured with that clock. 0, or an error as
 * pthread_cond_init has it. */
int clock_cond_init(pthread_cond_t *cond);
/* Waits for a signal, or until that time of clock_now_ms; INFINITY: for a signal alone. */
void clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, double until_ms);
/* Work of the calling thread: how long it took, and how much of that the thread had a CPU. */
struct clock_lap {
    double wall_ms, cpu_ms;
};
struct clock_spent {
    double cpu_s, wall_s;
};
struct clock_lap clock_lap_begin(void);
/* Since it began, or since the last call. Of one thread alone. */
struct clock_spent clock_lap_next(struct clock_lap *lap);

/* Seconds since 1970. */
int64_t clock_unix_s(void);

#define CLOCK_UTC_BYTES 32
/* The calendar's time now, as "2026-01-31T12:34:56.789Z". */
void clock_utc(char ret_text[CLOCK_UTC_BYTES]);

#endif
