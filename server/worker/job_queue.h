/* job_queue.h - jobs in a Redis stream with a consumer group; answers beside it.
 *
 *   NAME            the stream: XADD NAME * file talk.wav query model=foldscribe
 *   NAME:answer:ID  the answer of a job, JSON; kept for --keep-s
 *   NAME:done       a stream: id and status of each answer, in their order
 *   NAME:dead       a stream: id, reason and fields of what was set aside
 *
 * A job is a worker's for a lease, which it renews; whoever's lease ran out is taken over by
 * another. An answer is written, told and taken off the queue in one step, and only if the job had
 * none, so that a job which two have done has one. */
#ifndef JOB_QUEUE_H
#define JOB_QUEUE_H

#include <stdint.h>

#include "job.h"

struct queue;

struct queue_options {
    const char *host;     /* HOST:PORT, or a path of a socket */
    const char *password; /* empty: none */
    const char *name, *group, *consumer;
    uint32_t lease_ms, keep_s;
    uint32_t tries; /* deliveries after which a job is set aside */
};

enum queue_got {
    QUEUE_JOB,
    QUEUE_NONE, /* nothing came for a second */
    QUEUE_AWAY, /* no queue: it was tried once */
};

/* One connection, for one thread. Nothing is sent before it is used; NULL when out of memory. */
struct queue *queue_open(const struct queue_options *options);
void queue_close(struct queue *queue);

/* The next job: one whose worker is gone first. What cannot be done is set aside on the way. */
enum queue_got queue_take(struct queue *queue, struct job *ret_job);
/* The job is still in hand. False: the queue is away. */
bool queue_renew(struct queue *queue, const struct job *job);
/* All three: false when the queue is away, and the job stays this worker's until the lease ends. */
bool queue_answer(struct queue *queue, const struct job *job, const char *body, size_t bytes);
bool queue_set_aside(struct queue *queue, const struct job *job, const char *reason);
/* Times that the job was given out, this one included; 0: unknown. */
long queue_deliveries(struct queue *queue, const struct job *job);
/* {"waiting":..,"in_hand":..,"done":..,"dead":..}, to be freed; NULL: the queue is away. */
char *queue_status(struct queue *queue);
/* What was wrong when the queue was away. */
const char *queue_problem(const struct queue *queue);

#endif
