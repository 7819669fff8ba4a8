/* clock.h - the process' clocks: one that only goes forward, and the calendar's. Any thread. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* Milliseconds of a clock that only goes forward: CLOCK_MONOTONIC, so that waits on a condition
 * variable may be measured with it. */
double clock_now_ms(void);
/* Moves a time of it on to now; returns the seconds between. */
double clock_lap_s(double *now_ms);

/* Seconds since 1970. */
int64_t clock_unix_s(void);

#define CLOCK_UTC_BYTES 32
/* The calendar's time now, as "2026-01-31T12:34:56.789Z". */
void clock_utc(char ret_text[CLOCK_UTC_BYTES]);

#endif
