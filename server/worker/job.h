/* job.h - a job as it lies in the queue: fields of text. Pure functions.
 *
 *   id        whose answer this is; empty: the entry's own id. A second job of the same id is
 * answered with the first one's answer url       where the daemon fetches the recording (it must be
 * allowed to: --fetch), or file      a path below the worker's folder query     parameters of POST
 * /v1/listen, like "model=foldscribe&smart_format=true" deadline  Unix time in seconds by which the
 * answer is wanted: what is left is its budget, and so its depth */
#ifndef JOB_H
#define JOB_H

#include <stdbool.h>
#include <stddef.h>

#define JOB_TEXT 2048

struct job {
    char entry[64]; /* of the queue */
    char id[256];
    char url[JOB_TEXT], file[JOB_TEXT], query[JOB_TEXT];
    double deadline_unix_s; /* 0: none */
};

/* A field of the entry into job. False: problem [room] says what is wrong with it. */
bool job_take(struct job *job, const char *name, const char *value, char *problem, size_t room);
/* After the last field: is it one that can be done? */
bool job_check(struct job *job, char *problem, size_t room);
/* The query of the request, with the budget that the deadline leaves at now_unix_s: 100 ms at
 * least, as a late answer is better than none. */
void job_query(const struct job *job, double now_unix_s, char *ret_query, size_t room);
/* The file of the job as one that lies below folder, links followed: true, and its path [room]. */
bool job_path(const struct job *job, const char *folder, char *ret_path, size_t room, char *problem,
              size_t problem_room);

#endif
