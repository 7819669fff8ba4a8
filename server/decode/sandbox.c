#include "sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static int limit(int resource, uint64_t most)
{
    const struct rlimit limits = {most, most};

    return setrlimit((__rlimit_resource_t)resource, &limits);
}

/* Memory comes and goes, but nothing of it becomes executable. */
static int allow_memory(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp not_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    static const int maps[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};

    for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
        if (seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, maps[i], 1, &not_code) < 0 && i != 1)
            return -1; /* mmap2 is known to few machines */
    return 0;
}

static int load_filter(void)
{
    static const int allowed[] = {
        SCMP_SYS(read),
        SCMP_SYS(readv),
        SCMP_SYS(pread64),
        SCMP_SYS(write),
        SCMP_SYS(writev),
        SCMP_SYS(lseek),
        SCMP_SYS(fstat),
        SCMP_SYS(recvfrom),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(brk),
        SCMP_SYS(futex),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(getrandom),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(sched_yield),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(restart_syscall),
    };
    /* What a library may try and do without. Anything else kills. */
    static const int refused[] = {
        SCMP_SYS(open),      SCMP_SYS(openat),  SCMP_SYS(ioctl), SCMP_SYS(access),
        SCMP_SYS(faccessat), SCMP_SYS(close),   SCMP_SYS(fcntl), SCMP_SYS(newfstatat),
        SCMP_SYS(readlink),  SCMP_SYS(sysinfo),
    };
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int error = filter ? allow_memory(filter) : -1;

    for (size_t i = 0; !error && i < sizeof(allowed) / sizeof(allowed[0]); i++)
        error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
    for (size_t i = 0; !error && i < sizeof(refused) / sizeof(refused[0]); i++)
        error = seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EACCES), refused[i], 0, NULL);
    if (!error)
        error = seccomp_load(filter);
    if (filter)
        seccomp_release(filter);
    return error ? -1 : 0;
}

int sandbox_enter(const struct sandbox_limits *limits)
{
    if (limit(RLIMIT_CORE, 0) || limit(RLIMIT_FSIZE, 0) || limit(RLIMIT_NPROC, 0) ||
        limit(RLIMIT_NOFILE, 0) || limit(RLIMIT_AS, limits->memory_bytes) ||
        limit(RLIMIT_CPU, limits->cpu_s) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        return -1;
    return load_filter();
}
