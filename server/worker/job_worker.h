/* job_worker.h - takes jobs from the queue, one at a time, and has a daemon do them.
 *
 * Where the daemon is full or away it waits, and the job with it; what the daemon refuses for good
 * is set aside with its words; what fails otherwise is left for another try, as is what was in hand
 * when a worker was killed. */
#ifndef JOB_WORKER_H
#define JOB_WORKER_H

#include <stdatomic.h>

#include "job_queue.h"

struct worker_options {
    struct queue_options queue;
    const char *server, *key; /* of the daemon */
    uint32_t patience_s;      /* of which an answer must come: it may hang */
    const char *folder;       /* where files of jobs lie; empty: nowhere */
    atomic_bool *stopping;    /* true: the job in hand is finished, and no other begun */
};

/* Until stopping. On any number of threads at once. */
void worker_run(const struct worker_options *options);

#endif
