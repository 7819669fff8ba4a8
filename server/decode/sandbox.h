/* sandbox.h - what a process that decodes what strangers send may still do: compute, read and write
 * what is open. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdint.h>

struct sandbox_limits {
    uint64_t memory_bytes; /* of address space */
    uint64_t cpu_s;
};

/* For good: no new files, sockets, processes or programs, no growing of files, limited memory and
 * processor time. Needs no privilege. 0, or -1 where the system does not offer it; then nothing may
 * be decoded. */
int sandbox_enter(const struct sandbox_limits *limits);

#endif
