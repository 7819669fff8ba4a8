/* job_worker.c - see job_worker.h. */
#include "job_worker.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "job_request.h"
#include "log.h"

#define AWAY_LEAST_MS 200
#define AWAY_MOST_MS  5000

struct hand {
    const struct worker_options *options;
    struct queue *queue;
    const struct job *job;
    double renew_at_ms;
};

/* The next pause of somebody who tries again and again. */
static uint32_t longer(uint32_t pause_ms)
{
    return pause_ms * 2 < AWAY_MOST_MS ? pause_ms * 2 : AWAY_MOST_MS;
}

/* Called from within a request: the lease is renewed when a third of it is over. A queue that is
 * away is no reason to stop working: the answer may find it back. */
static bool keep_lease(void *user)
{
    struct hand *h = user;
    const double now = clock_now_ms();
    if (now >= h->renew_at_ms) {
        h->renew_at_ms = now + h->options->queue.lease_ms / 3;
        (void)queue_renew(h->queue, h->job);
    }
    return true;
}

/* Waits, and keeps the lease. */
static void wait_with_lease(struct hand *h, double ms)
{
    const double until = clock_now_ms() + ms;
    while (clock_now_ms() < until && !atomic_load(h->options->stopping)) {
        keep_lease(h);
        clock_sleep_ms(50);
    }
}

/* Until the queue has it, or the lease is long over and somebody else does the job. */
static void insist(struct hand *h, bool (*say)(struct hand *h, const void *what), const void *what)
{
    const double until = clock_now_ms() + h->options->queue.lease_ms;
    uint32_t pause_ms = AWAY_LEAST_MS;
    while (!say(h, what) && clock_now_ms() < until) {
        log_warning("queue away", log_text("id", h->job->id),
                    log_text("reason", queue_problem(h->queue)));
        clock_sleep_ms(pause_ms);
        pause_ms = longer(pause_ms);
    }
}

static bool say_answer(struct hand *h, const void *what)
{
    const struct answer *answer = what;
    return queue_answer(h->queue, h->job, answer->body ? answer->body : "", answer->bytes);
}

static bool say_aside(struct hand *h, const void *what)
{
    return queue_set_aside(h->queue, h->job, what);
}

static void set_aside(struct hand *h, const char *reason)
{
    log_warning("set aside", log_text("id", h->job->id), log_text("reason", reason));
    insist(h, say_aside, reason);
}

/* The daemon is full (429, 503), or away. */
static bool is_for_later(const struct answer *answer)
{
    return answer->status == 0 || answer->status == 429 || answer->status == 503;
}

/* A refusal that another try would not change. */
static bool is_for_good(const struct answer *answer)
{
    return answer->status / 100 == 4 && answer->status != 408;
}

static void finish(struct hand *h, const struct answer *answer, double seconds)
{
    if (answer->status / 100 == 2) {
        insist(h, say_answer, answer);
        log_info("answered", log_text("id", h->job->id), log_real("seconds", seconds, 2));
        return;
    }
    const long times = queue_deliveries(h->queue, h->job);
    if (is_for_good(answer) || times >= (long)h->options->queue.tries) {
        set_aside(h, answer->problem);
        return;
    }
    /* Nobody renews the lease: when it ends, somebody tries again. */
    log_warning("failed", log_text("id", h->job->id), log_count("tries", times),
                log_text("reason", answer->problem));
}

static void work(struct hand *h)
{
    const struct worker_options *o = h->options;
    const struct request_options request = {.server = o->server,
                                            .key = o->key,
                                            .patience_s = (long)o->patience_s,
                                            .alive = keep_lease,
                                            .user = h};
    char path[PATH_MAX], query[JOB_TEXT + 64], problem[300];
    const bool is_file = *h->job->file != '\0';
    const double began = clock_now_ms();
    if (is_file && !job_path(h->job, o->folder, path, sizeof path, problem, sizeof problem)) {
        set_aside(h, problem);
        return;
    }
    for (uint32_t pause_ms = AWAY_LEAST_MS;;) {
        struct answer answer;
        job_query(h->job, (double)clock_unix_s(), query, sizeof query);
        request_send(&request, is_file ? path : NULL, h->job->url, query, &answer);
        const bool again = is_for_later(&answer) && !atomic_load(o->stopping);
        if (!is_for_later(&answer))
            finish(h, &answer, (clock_now_ms() - began) / 1e3);
        else
            log_warning("daemon full or away", log_text("id", h->job->id),
                        log_text("reason", answer.problem));
        const double told_ms = 1e3 * (double)answer.retry_after_s;
        free(answer.body);
        if (!again)
            return;
        wait_with_lease(h, fmax(told_ms, pause_ms));
        pause_ms = longer(pause_ms);
    }
}

void worker_run(const struct worker_options *o)
{
    struct queue *queue = queue_open(&o->queue);
    struct job *job = calloc(1, sizeof *job);
    uint32_t pause_ms = AWAY_LEAST_MS;
    bool away = false;
    while (queue && job && !atomic_load(o->stopping)) {
        struct hand hand = {.options = o, .queue = queue, .job = job};
        const enum queue_got got = queue_take(queue, job);
        if (got == QUEUE_AWAY) {
            if (!away)
                log_warning("queue away", log_text("reason", queue_problem(queue)));
            away = true;
            clock_sleep_ms(pause_ms);
            pause_ms = longer(pause_ms);
            continue;
        }
        if (away)
            log_info("queue back", log_none());
        away = false;
        pause_ms = AWAY_LEAST_MS;
        if (got == QUEUE_JOB) {
            hand.renew_at_ms = clock_now_ms() + o->queue.lease_ms / 3;
            work(&hand);
        }
    }
    if (!queue || !job)
        log_error("out of memory", log_none());
    free(job);
    queue_close(queue);
}
