/* A quota holds for everything below the group that has it, so the least of all groups from the
 * process' own up to the root counts. Where groups are is said by two files: /proc/self/cgroup, the
 * path of the process' group in each hierarchy, and /proc/self/mountinfo, where a hierarchy is
 * mounted, and which of its groups that shows as its root: in a container often the container's
 * own, whose path then is no path below the mount.
 *
 *     v2  cpu.max: "50000 100000", or "max 100000"
 *     v1  cpu.cfs_quota_us: "50000", or "-1"; cpu.cfs_period_us: "100000" */
#include "cpus.h"

#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096
#define LINE_BYTES (3 * PATH_BYTES)
#define SET_MOST   (1 << 20) /* CPUs; the kernel has fewer */

static uint32_t count_allowed(void)
{
    for (int room = 1024; room <= SET_MOST; room *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)room);
        const size_t bytes = CPU_ALLOC_SIZE((size_t)room);
        if (!set)
            break;
        const bool known = sched_getaffinity(0, bytes, set) == 0;
        const int count = known ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (count > 0)
            return (uint32_t)count;
    }
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (uint32_t)online : 1;
}

/* The first line of a file of a group, without its end. */
static bool read_text(char *ret_text, size_t room, const char *folder, const char *name)
{
    char path[PATH_BYTES + 64];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    FILE *file = fopen(path, "re");
    const bool done = file && fgets(ret_text, (int)room, file);
    if (file)
        fclose(file);
    if (done)
        ret_text[strcspn(ret_text, "\n")] = '\0';
    return done;
}

static double share(double quota_us, double period_us)
{
    return quota_us > 0 && period_us > 0 ? quota_us / period_us : INFINITY;
}

/* What one group has for itself. */
static double quota_of(const char *folder, bool is_v2)
{
    char text[64], period[64];
    if (!is_v2)
        return read_text(text, sizeof text, folder, "cpu.cfs_quota_us") &&
                       read_text(period, sizeof period, folder, "cpu.cfs_period_us")
                   ? share(strtod(text, NULL), strtod(period, NULL))
                   : INFINITY;
    char *rest;
    if (!read_text(text, sizeof text, folder, "cpu.max") || strncmp(text, "max", 3) == 0)
        return INFINITY;
    const double quota_us = strtod(text, &rest);
    return share(quota_us, strtod(rest, NULL));
}

/* The least of a group and all above it that can be seen. */
static double quota_up(const char *mount, const char *group, bool is_v2)
{
    char folder[PATH_BYTES];
    const size_t top = strlen(mount);
    double least = INFINITY;

    if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= (int)sizeof folder)
        return least;
    for (;;) {
        least = fmin(least, quota_of(folder, is_v2));
        char *slash = strrchr(folder, '/');
        if (strlen(folder) <= top || !slash)
            return least;
        folder[(size_t)(slash - folder) < top ? top : (size_t)(slash - folder)] = '\0';
    }
}

/* One of a comma-separated list? */
static bool has_word(const char *list, const char *word)
{
    for (const char *at = list; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        const size_t length = strcspn(at, ",");
        if (length == strlen(word) && strncmp(at, word, length) == 0)
            return true;
    }
    return false;
}

/* The path of the process' group: in v2's hierarchy, or in that of v1 which has the CPUs' time. */
static bool find_group(char *ret_group, const char *root, bool is_v2)
{
    char line[LINE_BYTES], path[PATH_BYTES];
    bool found = false;

    snprintf(path, sizeof path, "%.4000s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':'), *group;
        if (!controllers || !(group = strchr(++controllers, ':')))
            continue;
        *group++ = '\0';
        found = is_v2 ? !*controllers : has_word(controllers, "cpu");
        if (found)
            snprintf(ret_group, PATH_BYTES, "%s", group);
    }
    if (file)
        fclose(file);
    return found;
}

/* mountinfo writes a space as \040, and so on. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; to++)
        if (at[0] == '\\' && at[1] && at[2] && at[3]) {
            *to = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
            at += 4;
        } else {
            *to = *at++;
        }
    *to = '\0';
}

/* Field number `wanted`, from 0, of a line; it is cut there. */
static char *field(char *line, size_t wanted)
{
    char *rest = line, *word = NULL;
    for (size_t i = 0; i <= wanted && rest; i++)
        word = strsep(&rest, " ");
    return word;
}

/* What the hierarchy on one line of mountinfo leaves the process. */
static double quota_on(const char *root, char *line)
{
    char group[PATH_BYTES], mount[PATH_BYTES];
    char *rest = strstr(line, " - ");
    if (!rest)
        return INFINITY;
    rest[0] = '\0';
    rest += 3;
    const char *kind = strsep(&rest, " "), *options = rest ? strchr(rest, ' ') : NULL;
    const bool is_v2 = strcmp(kind, "cgroup2") == 0;
    if (!is_v2 && (strcmp(kind, "cgroup") != 0 || !options || !has_word(options + 1, "cpu")))
        return INFINITY;
    char *shown = field(line, 3);
    char *point = shown ? field(shown + strlen(shown) + 1, 0) : NULL;
    if (!point || !find_group(group, root, is_v2))
        return INFINITY;
    unescape(shown);
    unescape(point);
    snprintf(mount, sizeof mount, "%.2000s%.2000s", root, point);
    /* Below the group that is shown as the mount's root; elsewhere all that is known is that root.
     */
    const size_t top = strcmp(shown, "/") == 0 ? 0 : strlen(shown);
    const bool below = strncmp(group, shown, top) == 0 && (group[top] == '/' || group[top] == '\0');
    const char *path = below ? group + top : "";
    return quota_up(mount, strcmp(path, "/") == 0 || strstr(path, "/..") ? "" : path, is_v2);
}

struct cpus cpus_read(const char *root)
{
    struct cpus cpus = {count_allowed(), INFINITY};
    char line[LINE_BYTES], path[PATH_BYTES];

    snprintf(path, sizeof path, "%.4000s/proc/self/mountinfo", root);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        cpus.quota = fmin(cpus.quota, quota_on(root, line));
    }
    if (file)
        fclose(file);
    return cpus;
}

double cpus_worth(const struct cpus *cpus)
{
    return fmin(cpus->allowed, cpus->quota);
}

uint32_t cpus_threads(const struct cpus *cpus)
{
    return (uint32_t)ceil(cpus_worth(cpus));
}
