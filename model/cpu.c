/* cpu.c - which OpenBLAS kernels this CPU deserves.
 *
 * OpenBLAS picks its kernels from the CPU's family and model when it is loaded. Version 0.3.21
 * does not know every AVX-512 CPU (AMD family 26 gets AVX2 kernels, at less than half the speed),
 * so where AVX-512 is there and the choice is not an AVX-512 core, the program restarts itself
 * with OPENBLAS_CORETYPE set. A user's own setting is respected. */
#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fold.h"

const char *fold_cpu_kernel(void)
{
    return openblas_get_corename();
}

const char *fold_cpu_coretype(void)
{
#if defined(__x86_64__)
    const char *now = fold_cpu_kernel();
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (avx512 && strcmp(now, "SkylakeX") != 0 && strcmp(now, "Cooperlake") != 0 &&
        strcmp(now, "Sapphirerapids") != 0)
        return "SkylakeX";
#endif
    return NULL;
}

void fold_cpu_prepare(char **argv)
{
    const char *wanted = getenv("OPENBLAS_CORETYPE") ? NULL : fold_cpu_coretype();
    const char *threads = getenv("OPENBLAS_NUM_THREADS");
    if (!wanted && threads && strcmp(threads, "1") == 0)
        return;
    if (getenv("FOLDSCRIBE_RESTARTED"))
        return;
    setenv("FOLDSCRIBE_RESTARTED", "1", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    if (wanted)
        setenv("OPENBLAS_CORETYPE", wanted, 1);
    execv("/proc/self/exe", argv);
}
