/* job_queue.c - see job_queue.h. */
#include "job_queue.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECT_S 3
#define ANSWER_S  10
#define BLOCK_MS  1000

/* KEYS: stream, answer, done. ARGV: group, entry, id, body, seconds. */
#define FINISH                                                                                     \
    "if redis.call('SET', KEYS[2], ARGV[4], 'NX', 'EX', ARGV[5]) then "                            \
    "redis.call('XADD', KEYS[3], '*', 'id', ARGV[3]) end "                                         \
    "redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) redis.call('XDEL', KEYS[1], ARGV[2]) return 1"

/* KEYS: stream, dead. ARGV: group, entry, id, reason, and pairs of the job's fields. */
#define SET_ASIDE                                                                                  \
    "if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 1 then "                                  \
    "redis.call('XADD', KEYS[2], '*', 'id', ARGV[3], 'reason', ARGV[4], unpack(ARGV, 5)) end "     \
    "redis.call('XDEL', KEYS[1], ARGV[2]) return 1"

struct queue {
    struct queue_options options;
    redisContext *redis; /* NULL: not connected */
    char problem[200];
};

struct queue *queue_open(const struct queue_options *options)
{
    struct queue *q = calloc(1, sizeof *q);
    if (q)
        q->options = *options;
    return q;
}

static void hang_up(struct queue *q)
{
    if (q->redis)
        redisFree(q->redis);
    q->redis = NULL;
}

void queue_close(struct queue *q)
{
    if (!q)
        return;
    hang_up(q);
    free(q);
}

const char *queue_problem(const struct queue *q)
{
    return q->problem;
}

/* A command's answer, NULL after a note of what was wrong. Connections end with their first
 * failure; what the server itself refuses with an error is no reason to hang up. */
static redisReply *checked(struct queue *q, redisReply *reply)
{
    if (!reply) {
        snprintf(q->problem, sizeof q->problem, "%s", q->redis->errstr);
        hang_up(q);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(q->problem, sizeof q->problem, "%s", reply->str);
        freeReplyObject(reply);
        return NULL;
    }
    return reply;
}

static bool did(struct queue *q, redisReply *reply)
{
    reply = checked(q, reply);
    if (reply)
        freeReplyObject(reply);
    return reply != NULL;
}

static redisContext *call(const char *host)
{
    const struct timeval patience = {CONNECT_S, 0};
    char name[256];
    const char *colon = strrchr(host, ':');
    if (*host == '/')
        return redisConnectUnixWithTimeout(host, patience);
    snprintf(name, sizeof name, "%.*s", colon ? (int)(colon - host) : (int)strlen(host), host);
    return redisConnectWithTimeout(name, colon ? atoi(colon + 1) : 6379, patience);
}

static bool connected(struct queue *q)
{
    const struct timeval patience = {ANSWER_S, 0};
    const struct queue_options *o = &q->options;
    if (q->redis)
        return true;
    q->redis = call(o->host);
    if (!q->redis || q->redis->err) {
        snprintf(q->problem, sizeof q->problem, "%s",
                 q->redis ? q->redis->errstr : "out of memory");
        hang_up(q);
        return false;
    }
    redisSetTimeout(q->redis, patience);
    if (*o->password && !did(q, redisCommand(q->redis, "AUTH %s", o->password))) {
        hang_up(q);
        return false;
    }
    redisReply *made = redisCommand(q->redis, "XGROUP CREATE %s %s 0 MKSTREAM", o->name, o->group);
    if (made && made->type == REDIS_REPLY_ERROR && strncmp(made->str, "BUSYGROUP", 9) == 0) {
        freeReplyObject(made); /* another worker was first */
        return true;
    }
    if (did(q, made))
        return true;
    hang_up(q);
    return false;
}

/* [entry, [name, value, ...]] -> job. False: it is none, for a reason in q->problem. */
static bool read_entry(struct queue *q, const redisReply *entry, struct job *job)
{
    *job = (struct job){0};
    if (entry->type != REDIS_REPLY_ARRAY || entry->elements != 2 ||
        entry->element[0]->type != REDIS_REPLY_STRING)
        return false;
    snprintf(job->entry, sizeof job->entry, "%s", entry->element[0]->str);
    snprintf(job->id, sizeof job->id, "%s", job->entry);
    const redisReply *fields = entry->element[1];
    bool good = fields->type == REDIS_REPLY_ARRAY && fields->elements > 0;
    snprintf(q->problem, sizeof q->problem, "the job has no fields");
    for (size_t i = 0; good && i + 1 < fields->elements; i += 2)
        good = strlen(fields->element[i + 1]->str) == fields->element[i + 1]->len &&
               job_take(job, fields->element[i]->str, fields->element[i + 1]->str, q->problem,
                        sizeof q->problem);
    return good && job_check(job, q->problem, sizeof q->problem);
}

/* A job of the same id was done before. */
static bool is_answered(struct queue *q, const struct job *job)
{
    redisReply *reply =
        checked(q, redisCommand(q->redis, "EXISTS %s:answer:%s", q->options.name, job->id));
    const bool is = reply && reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
    if (reply)
        freeReplyObject(reply);
    return is;
}

/* The first entry of a list of them. QUEUE_NONE: there is none, or it was set aside. */
static enum queue_got first_of(struct queue *q, const redisReply *entries, struct job *job)
{
    if (entries->type != REDIS_REPLY_ARRAY || !entries->elements)
        return QUEUE_NONE;
    if (read_entry(q, entries->element[0], job)) {
        const long times = queue_deliveries(q, job);
        if (is_answered(q, job))
            return queue_answer(q, job, "", 0) ? QUEUE_NONE : QUEUE_AWAY;
        if (times <= (long)q->options.tries)
            return QUEUE_JOB;
        snprintf(q->problem, sizeof q->problem, "given out %ld times without an answer", times - 1);
    }
    char reason[sizeof q->problem];
    memcpy(reason, q->problem, sizeof reason);
    return !*job->entry || queue_set_aside(q, job, reason) ? QUEUE_NONE : QUEUE_AWAY;
}

/* Whose worker is gone. */
static enum queue_got take_over(struct queue *q, struct job *job)
{
    const struct queue_options *o = &q->options;
    redisReply *reply = checked(q, redisCommand(q->redis, "XAUTOCLAIM %s %s %s %u 0 COUNT 1",
                                                o->name, o->group, o->consumer, o->lease_ms));
    if (!reply)
        return QUEUE_AWAY;
    const enum queue_got got = reply->type == REDIS_REPLY_ARRAY && reply->elements >= 2
                                   ? first_of(q, reply->element[1], job)
                                   : QUEUE_NONE;
    freeReplyObject(reply);
    return got;
}

static enum queue_got take_next(struct queue *q, struct job *job)
{
    const struct queue_options *o = &q->options;
    redisReply *reply =
        checked(q, redisCommand(q->redis, "XREADGROUP GROUP %s %s COUNT 1 BLOCK %d STREAMS %s >",
                                o->group, o->consumer, BLOCK_MS, o->name));
    enum queue_got got = QUEUE_NONE;
    if (!reply)
        return QUEUE_AWAY;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
        reply->element[0]->type == REDIS_REPLY_ARRAY && reply->element[0]->elements == 2)
        got = first_of(q, reply->element[0]->element[1], job);
    freeReplyObject(reply);
    return got;
}

enum queue_got queue_take(struct queue *q, struct job *ret_job)
{
    if (!connected(q))
        return QUEUE_AWAY;
    enum queue_got got = take_over(q, ret_job);
    if (got == QUEUE_NONE)
        got = take_next(q, ret_job);
    if (got == QUEUE_AWAY)
        hang_up(q); /* also where the group is gone: it is made anew */
    return got;
}

bool queue_renew(struct queue *q, const struct job *job)
{
    const struct queue_options *o = &q->options;
    return connected(q) && did(q, redisCommand(q->redis, "XCLAIM %s %s %s 0 %s JUSTID", o->name,
                                               o->group, o->consumer, job->entry));
}

bool queue_answer(struct queue *q, const struct job *job, const char *body, size_t bytes)
{
    const struct queue_options *o = &q->options;
    char answer[512], done[256];
    snprintf(answer, sizeof answer, "%s:answer:%s", o->name, job->id);
    snprintf(done, sizeof done, "%s:done", o->name);
    return connected(q) && did(q, redisCommand(q->redis, "EVAL %s 3 %s %s %s %s %s %s %b %u",
                                               FINISH, o->name, answer, done, o->group, job->entry,
                                               job->id, body, bytes, o->keep_s));
}

bool queue_set_aside(struct queue *q, const struct job *job, const char *reason)
{
    const struct queue_options *o = &q->options;
    char dead[256];
    snprintf(dead, sizeof dead, "%s:dead", o->name);
    return connected(q) &&
           did(q, redisCommand(q->redis, "EVAL %s 2 %s %s %s %s %s %s url %s file %s query %s",
                               SET_ASIDE, o->name, dead, o->group, job->entry, job->id, reason,
                               job->url, job->file, job->query));
}

long queue_deliveries(struct queue *q, const struct job *job)
{
    const struct queue_options *o = &q->options;
    redisReply *reply = checked(q, redisCommand(q->redis, "XPENDING %s %s %s %s 1", o->name,
                                                o->group, job->entry, job->entry));
    long times = 0;
    if (!reply)
        return 0;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
        reply->element[0]->elements == 4)
        times = (long)reply->element[0]->element[3]->integer;
    freeReplyObject(reply);
    return times;
}

/* An integer that a command answers; -1: none. For XPENDING, the first of its summary. */
static long long number(struct queue *q, const char *command, const char *key, const char *more)
{
    redisReply *reply = checked(q, redisCommand(q->redis, command, key, more));
    long long n = -1;
    if (!reply)
        return n;
    if (reply->type == REDIS_REPLY_INTEGER)
        n = reply->integer;
    else if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0)
        n = reply->element[0]->integer;
    freeReplyObject(reply);
    return n;
}

char *queue_status(struct queue *q)
{
    const struct queue_options *o = &q->options;
    char done[256], dead[256], *text = NULL;
    snprintf(done, sizeof done, "%s:done", o->name);
    snprintf(dead, sizeof dead, "%s:dead", o->name);
    if (!connected(q))
        return NULL;
    const long long all = number(q, "XLEN %s", o->name, "");
    const long long in_hand = all < 0 ? -1 : number(q, "XPENDING %s %s", o->name, o->group);
    const long long finished = in_hand < 0 ? -1 : number(q, "XLEN %s", done, "");
    const long long aside = finished < 0 ? -1 : number(q, "XLEN %s", dead, "");
    if (aside < 0 ||
        asprintf(&text, "{\"waiting\":%lld,\"in_hand\":%lld,\"done\":%lld,\"dead\":%lld}",
                 all - in_hand, in_hand, finished, aside) < 0)
        return NULL;
    return text;
}
