/* Files as a kernel, a container engine and systemd make them, in a folder that stands for /. */
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpus.h"
#include "test.h"

static char root[] = "/tmp/test_cpus_XXXXXX";

static int make_root(void **state)
{
    memcpy(root + sizeof root - 7, "XXXXXX", 6);
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

/* A file below root, with the folders that it needs. */
static void put(const char *path, const char *text)
{
    char name[400];
    snprintf(name, sizeof name, "%s%s", root, path);
    for (char *slash = name + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(name, 0700);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

#define V2_MOUNT(shown)                                                                            \
    "31 23 0:28 " shown " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"

static void a_container_of_version_2_sees_its_quota_at_the_mount(void **state)
{
    put("/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda rw\n" V2_MOUNT("/"));
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/cpu.max", "50000 100000\n");
    const struct cpus cpus = cpus_read(root);
    assert_float_equal(cpus.quota, 0.5, 1e-9);
    assert_float_equal(cpus_worth(&cpus), 0.5, 1e-9);
    assert_int_equal(cpus_threads(&cpus), 1);
}

static void the_least_of_a_group_and_those_above_it_counts(void **state)
{
    put("/proc/self/mountinfo", V2_MOUNT("/"));
    put("/proc/self/cgroup", "0::/system.slice/foldscribed.service\n");
    put("/sys/fs/cgroup/system.slice/cpu.max", "150000 100000\n");
    put("/sys/fs/cgroup/system.slice/foldscribed.service/cpu.max", "400000 100000\n");
    assert_float_equal(cpus_read(root).quota, 1.5, 1e-9);
    put("/sys/fs/cgroup/system.slice/foldscribed.service/cpu.max", "20000 50000\n");
    assert_float_equal(cpus_read(root).quota, 0.4, 1e-9);
}

static void version_1_says_it_in_two_files_below_a_mount_of_the_containers_own_group(void **state)
{
    put("/proc/self/mountinfo",
        "40 31 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
        "41 31 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    put("/proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    assert_float_equal(cpus_read(root).quota, 2.5, 1e-9);
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    assert_true(isinf(cpus_read(root).quota));
}

static void a_mount_may_have_spaces_and_a_group_lie_elsewhere(void **state)
{
    put("/proc/self/mountinfo",
        "40 31 0:30 /other /sys/fs/control\\040groups ro - cgroup2 none rw\n");
    put("/proc/self/cgroup", "0::/otherwise/mine\n");
    put("/sys/fs/control groups/cpu.max", "75000 100000\n");
    assert_float_equal(cpus_read(root).quota, 0.75, 1e-9);
}

static void no_limit_and_nonsense_are_no_limit(void **state)
{
    static const char *const texts[] = {"max 100000\n", "\n",          "zero 0\n",
                                        "0 0\n",        "-5 100000\n", "7"};
    put("/proc/self/mountinfo", V2_MOUNT("/") "nonsense\n 1 2 - cgroup2\n - - -\n");
    put("/proc/self/cgroup", "0::/\nnonsense\n");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        put("/sys/fs/cgroup/cpu.max", texts[i]);
        assert_true(isinf(cpus_read(root).quota));
    }
}

static void without_any_files_affinity_is_all_there_is(void **state)
{
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(cpus_read(root).allowed, CPU_COUNT(&before));
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); cpu++)
        if (CPU_ISSET(cpu, &before))
            CPU_SET(cpu, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    const struct cpus cpus = cpus_read(root);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(cpus.allowed, 1);
    assert_true(isinf(cpus.quota));
    assert_int_equal(cpus_threads(&cpus), 1);
}

#define IN_A_ROOT(test) cmocka_unit_test_setup_teardown(test, make_root, remove_root)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_ROOT(a_container_of_version_2_sees_its_quota_at_the_mount),
        IN_A_ROOT(the_least_of_a_group_and_those_above_it_counts),
        IN_A_ROOT(version_1_says_it_in_two_files_below_a_mount_of_the_containers_own_group),
        IN_A_ROOT(a_mount_may_have_spaces_and_a_group_lie_elsewhere),
        IN_A_ROOT(no_limit_and_nonsense_are_no_limit),
        IN_A_ROOT(without_any_files_affinity_is_all_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
