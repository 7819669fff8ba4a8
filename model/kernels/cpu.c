/* cpu.c - which OpenBLAS kernels this CPU deserves.
 *
 * OpenBLAS picks its kernels from the CPU's family and model when it is loaded. Version 0.3.21
 * does not know every AVX-512 CPU (AMD family 26 gets AVX2 kernels, at less than half the speed),
 * so where AVX-512 is there and the choice is not an AVX-512 core, a program may restart itself
 * with OPENBLAS_CORETYPE set (restart.h). The library never does: the process is its host's. */
#include <cblas.h>
#include <string.h>

#include "cpu.h"
#include "fold.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
/* Leaf 7.1, EAX bit 4; compilers of 2022 have no name for it. AVX state is saved where avx2 is. */
static bool has_avxvnni(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 4);
}

/* Leaf 7, EDX bits 24 (tiles) and 25 (int8). Linux wants to be asked before tiles are used, because
 * their 8 KB of state make signal frames larger; it answers for all threads of the process, as
 * often as it is asked. */
static bool has_amx(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    const unsigned wanted = 1u << 24 | 1u << 25;
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & wanted) == wanted &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#endif

#if defined(__aarch64__)
#include <sys/auxv.h>
/* Bits of Linux' auxiliary vector. */
#define HAS_DOT  (getauxval(AT_HWCAP) & 1ul << 20)
#define HAS_I8MM (getauxval(AT_HWCAP2) & 1ul << 13)
#endif

const struct kernels *cpu_kernels(size_t index)
{
    const struct kernels *usable[6] = {NULL};
    size_t count = 0;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512vnni")) {
        if (has_amx())
            usable[count++] = &kernels_amx;
        usable[count++] = &kernels_avx512;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        if (has_avxvnni())
            usable[count++] = &kernels_avxvnni;
        usable[count++] = &kernels_avx2;
    }
#endif
#if defined(__aarch64__)
    if (HAS_DOT && HAS_I8MM)
        usable[count++] = &kernels_i8mm;
    if (HAS_DOT)
        usable[count++] = &kernels_sdot;
#endif
    usable[count++] = &kernels_baseline;
    return index < count ? usable[index] : NULL;
}

const char *fold_cpu_level(void)
{
    return cpu_kernels(0)->name;
}

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
