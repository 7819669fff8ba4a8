/* job.c - see job.h. */
#include "job.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LEAST_MS 100.0

static bool say(char *problem, size_t room, const char *what, const char *name)
{
    snprintf(problem, room, "%s: %s", name, what);
    return false;
}

static bool copy(char *to, size_t room, const char *value)
{
    return (size_t)snprintf(to, room, "%s", value) < room;
}

bool job_take(struct job *job, const char *name, const char *value, char *problem, size_t room)
{
    static const char *const known = "unknown field; known are id, url, file, query and deadline";
    char *end;
    bool fits = true;
    for (const char *c = value; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return say(problem, room, "holds a control character", name);
    if (strcmp(name, "id") == 0)
        fits = copy(job->id, sizeof job->id, value);
    else if (strcmp(name, "url") == 0)
        fits = copy(job->url, sizeof job->url, value);
    else if (strcmp(name, "file") == 0)
        fits = copy(job->file, sizeof job->file, value);
    else if (strcmp(name, "query") == 0)
        fits = copy(job->query, sizeof job->query, value + (*value == '?'));
    else if (strcmp(name, "deadline") == 0) {
        job->deadline_unix_s = strtod(value, &end);
        if (end == value || *end || !isfinite(job->deadline_unix_s) || job->deadline_unix_s <= 0)
            return say(problem, room, "must be Unix time in seconds", name);
    } else
        return say(problem, room, known, name);
    return fits || say(problem, room, "is too long", name);
}

bool job_check(struct job *job, char *problem, size_t room)
{
    if (!*job->id)
        snprintf(job->id, sizeof job->id, "%s", job->entry);
    if (!*job->url == !*job->file)
        return say(problem, room, "exactly one of url and file must be given", "url, file");
    if (*job->url && strncmp(job->url, "http://", 7) != 0 && strncmp(job->url, "https://", 8) != 0)
        return say(problem, room, "must begin with http:// or https://", "url");
    if (strchr(job->query, ' ') || strchr(job->query, '#'))
        return say(problem, room, "must be encoded as in an address", "query");
    return true;
}

void job_query(const struct job *job, double now_unix_s, char *ret_query, size_t room)
{
    const double left_ms = fmax(1e3 * (job->deadline_unix_s - now_unix_s), LEAST_MS);
    if (job->deadline_unix_s > 0 && !strstr(job->query, "latency_ms="))
        snprintf(ret_query, room, "%s%slatency_ms=%.0f", job->query, *job->query ? "&" : "",
                 fmin(left_ms, 86400e3));
    else
        snprintf(ret_query, room, "%s", job->query);
}

bool job_path(const struct job *job, const char *folder, char *ret_path, size_t room, char *problem,
              size_t problem_room)
{
    char below[PATH_MAX], within[PATH_MAX], joined[2 * PATH_MAX];
    struct stat status;
    if (!*folder)
        return say(problem, problem_room, "this worker has no --folder", "file");
    snprintf(joined, sizeof joined, "%s/%s", folder, job->file);
    if (!realpath(folder, within) || !realpath(joined, below) || stat(below, &status) != 0)
        return say(problem, problem_room, strerror(errno), "file");
    const size_t length = strcmp(within, "/") == 0 ? 0 : strlen(within);
    if (strncmp(below, within, length) != 0 || below[length] != '/')
        return say(problem, problem_room, "leads out of the worker's folder", "file");
    if (!S_ISREG(status.st_mode))
        return say(problem, problem_room, "is no file", "file");
    return copy(ret_path, room, below) || say(problem, problem_room, "is too long", "file");
}
