/* cpus.h - how much computing this process may do: the CPUs that it may run on, and the time on
 * them that its control group leaves it. Read once, at start. */
#ifndef CPUS_H
#define CPUS_H

#include <stdint.h>

struct cpus {
    uint32_t allowed; /* CPUs that it may run on: its affinity, which cpusets are part of */
    double quota;     /* CPUs' worth of time that it may have; INFINITY: no limit */
};

/* Of this process. root: "", or a folder that stands for / where files are read (tests); the
 * affinity is the process' own in any case. What cannot be read limits nothing. */
struct cpus cpus_read(const char *root);

/* CPUs' worth of time: the lesser of both, above 0. */
double cpus_worth(const struct cpus *cpus);

/* Threads that can compute at once: the worth, rounded up. */
uint32_t cpus_threads(const struct cpus *cpus);

#endif
