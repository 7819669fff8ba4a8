/* pace.h - the entry of every fuzz target: an input must be dealt with, and in time in proportion
 * to its bytes. */
#ifndef PACE_H
#define PACE_H

#include <stddef.h>
#include <stdint.h>

/* Seconds of processor time that an input may take, under sanitizers too: so many, and so many for
 * each of its bytes. What takes longer is tried again, and broken if it always does. */
struct pace {
    double most_s, a_byte_s;
};

/* What a target is: its limit, and the test of one input, which aborts when something does not
 * hold. bytes may be NULL when count is 0. */
extern const struct pace pace_limit;
void pace_input(const uint8_t *bytes, size_t count);

/* How often what took too long is tried: a machine that is shared stands still now and then, for
 * longer than most parsers have. */
#define PACE_TIMES 3
/* Seconds of processor time of this thread. */
double pace_cpu_s(void);

#endif
