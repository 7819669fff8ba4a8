/* cpu.h - what this CPU can do. */
#ifndef CPU_H
#define CPU_H

#include "kernels.h"

/* The kernels that this CPU can run, best first; NULL after the last. */
const struct kernels *cpu_kernels(size_t index);

#endif
