/* Earliest deadline first, with three corrections.
 *
 * Live before batch. A caption is due within a fraction of a second and a recording is not, so a
 * worker takes a piece of a recording only when no live work waits. Pieces are segments, seconds of
 * compute at most, so a long recording delays a caption by one piece. When live streams fill
 * most of the machine even that is too much: then one worker is kept free of recordings, and when
 * live streams have to give up depth, all are. But recordings never starve: where live
 * work took all workers for FULL_MS, or they are held back, they have BATCH_SHARE of the workers'
 * time, one piece at once. It is counted as time, since a recording is many pieces, most of
 * them short: were it pieces, a few recordings would wait for minutes. Among recordings the one
 * whose piece is due first goes first, and one without a deadline is due BATCH_PATIENCE_MS after it
 * began to wait, so jobs take turns.
 *
 * Fair by key. Deadlines alone favour whoever pushes most: fifty streams of one client have fifty
 * early deadlines, and the later they get the earlier they are. So what a key has used in the last
 * seconds, as a share of all workers, is added to its deadlines. While there is room for all,
 * pieces hardly wait and the order matters little. Under overload the greedy key's pieces move
 * behind those of the modest. The addition is MEMORY_MS at most, so a piece is never delayed
 * without end: its deadline stands still while those of newcomers lie ever later.
 *
 * Premium before free. Each priority is worth PRIORITY_MS of earlier deadline, which orders pieces
 * that are late together and changes nothing when none is; and it makes what its key has used
 * count for a quarter, since a tier that is paid for is expected to use much.
 *
 * Finding the best is a walk over what waits. Streams wait at most once each, so the list is short,
 * and what keys have used changes all the time, which no heap would like.
 *
 * A worker that runs several pieces through the blocks at once (batcher.h) pops them one by one,
 * live ones only and none when it is a recording's turn, so order and accounts are the same as if
 * it had run one after the other.
 */
#include "scheduler.h"

#include <math.h>

#define FULL_MS           1000.0
#define BATCH_SHARE       0.1
#define BATCH_CREDIT_MS   200.0 /* at most, of what was not used */
#define BATCH_DEBT_MS     500.0 /* at most, a worker, for what ran while there was room */
#define BATCH_PATIENCE_MS 30000.0
#define MEMORY_MS         8000.0
#define PRIORITY_MS       500.0
#define PRIORITY_USE      0.25

void scheduler_init(struct scheduler *s, uint32_t workers)
{
    *s = (struct scheduler){.workers = workers, .faded_ms = -INFINITY};
}

/* ---- accounts ------------------------------------------------------------------------------ */

/* Lets what was used fade; keys that have used next to nothing lose their account. */
static void fade(struct scheduler *s, double now_ms)
{
    const double keep = fmin(exp((s->faded_ms - now_ms) / MEMORY_MS), 1);

    s->faded_ms = now_ms;
    for (uint32_t i = 0; i < s->accounts_count;) {
        s->accounts[i].used_ms *= keep;
        if (s->accounts[i].used_ms < 1)
            s->accounts[i] = s->accounts[--s->accounts_count];
        else
            i++;
    }
}

/* What is added to the deadlines of a key. */
static double penalty_ms(const struct scheduler *s, const struct scheduler_terms *terms)
{
    for (uint32_t i = 0; i < s->accounts_count; i++)
        if (s->accounts[i].key == terms->key)
            return s->accounts[i].used_ms / s->workers * pow(PRIORITY_USE, terms->priority);
    return 0;
}

static void charge(struct scheduler *s, uint64_t key, double spent_ms, double now_ms)
{
    uint32_t i = 0;

    fade(s, now_ms);
    while (i < s->accounts_count && s->accounts[i].key != key)
        i++;
    if (i == SCHEDULER_ACCOUNTS) { /* whoever has used least is forgotten */
        i = 0;
        for (uint32_t k = 1; k < SCHEDULER_ACCOUNTS; k++)
            if (s->accounts[k].used_ms < s->accounts[i].used_ms)
                i = k;
        s->accounts[i] = (struct scheduler_account){.key = key};
    } else if (i == s->accounts_count) {
        s->accounts[s->accounts_count++] = (struct scheduler_account){.key = key};
    }
    s->accounts[i].used_ms = fmin(s->accounts[i].used_ms + spent_ms, MEMORY_MS * s->workers);
}

/* ---- what waits ----------------------------------------------------------------------------- */

void scheduler_push(struct scheduler *s, struct scheduler_item *item,
                    const struct scheduler_terms *terms, double now_ms)
{
    const enum scheduler_class class = terms->class;

    if (item->waiting)
        return;
    item->waiting = true;
    item->terms = *terms;
    if (class == SCHEDULER_BATCH && !(item->terms.due_ms < now_ms + BATCH_PATIENCE_MS))
        item->terms.due_ms = now_ms + BATCH_PATIENCE_MS;
    item->since_ms = now_ms;
    if (!s->waiting[SCHEDULER_LIVE] &&
        s->running[SCHEDULER_LIVE] + s->running[SCHEDULER_BATCH] < s->workers)
        s->room_ms = now_ms;
    item->next = NULL;
    item->before = s->last[class];
    if (item->before)
        item->before->next = item;
    else
        s->first[class] = item;
    s->last[class] = item;
    s->waiting[class]++;
}

bool scheduler_remove(struct scheduler *s, struct scheduler_item *item)
{
    const enum scheduler_class class = item->terms.class;

    if (!item->waiting)
        return false;
    if (item->before)
        item->before->next = item->next;
    else
        s->first[class] = item->next;
    if (item->next)
        item->next->before = item->before;
    else
        s->last[class] = item->before;
    item->waiting = false;
    s->waiting[class]--;
    return true;
}

/* The list is in order of waiting, so of equals the oldest is found first. */
static struct scheduler_item *best(const struct scheduler *s, enum scheduler_class class)
{
    struct scheduler_item *found = NULL;
    double least = INFINITY;

    for (struct scheduler_item *item = s->first[class]; item; item = item->next) {
        const double due =
            item->terms.due_ms - PRIORITY_MS * item->terms.priority + penalty_ms(s, &item->terms);
        if (!found || due < least) {
            found = item;
            least = due;
        }
    }
    return found;
}

/* Adds to what recordings may spend the share of the time that went by. */
static void credit(struct scheduler *s, double now_ms)
{
    const double gone_ms = fmax(now_ms - s->credited_ms, 0);

    s->credit_ms = fmin(s->credit_ms + BATCH_SHARE * s->workers * gone_ms, BATCH_CREDIT_MS);
    s->credited_ms = now_ms;
}

/* Whether a recording's piece may begin now; if not, *ret_again_ms says when it may. */
static bool batch_may_begin(struct scheduler *s, double now_ms, double *ret_again_ms)
{
    const bool live_waits = s->waiting[SCHEDULER_LIVE];
    const uint32_t running = s->running[SCHEDULER_BATCH];
    const bool room = !live_waits && (s->hold == SCHEDULER_FREE ||
                                      (s->hold == SCHEDULER_ASIDE && running + 1 < s->workers));

    *ret_again_ms = INFINITY;
    credit(s, now_ms);
    if (!live_waits)
        s->room_ms = now_ms;
    if (room || !s->waiting[SCHEDULER_BATCH])
        return s->waiting[SCHEDULER_BATCH];
    if (running || (live_waits && now_ms - s->room_ms < FULL_MS))
        return false;
    if (s->credit_ms > 0)
        return true;
    *ret_again_ms = now_ms + 1 - s->credit_ms / (BATCH_SHARE * s->workers);
    return false;
}

static struct scheduler_item *pop(struct scheduler *s, enum scheduler_class class, double now_ms,
                                  struct scheduler_ticket *ret_ticket)
{
    fade(s, now_ms);
    struct scheduler_item *item = best(s, class);
    if (!item)
        return NULL;
    scheduler_remove(s, item);
    s->running[class]++;
    *ret_ticket = (struct scheduler_ticket){class, item->terms.key};
    return item;
}

struct scheduler_item *scheduler_pop(struct scheduler *s, double now_ms,
                                     struct scheduler_ticket *ret_ticket, double *ret_again_ms)
{
    const bool batch = batch_may_begin(s, now_ms, ret_again_ms);

    return pop(s, batch ? SCHEDULER_BATCH : SCHEDULER_LIVE, now_ms, ret_ticket);
}

struct scheduler_item *scheduler_pop_live(struct scheduler *s, double now_ms,
                                          struct scheduler_ticket *ret_ticket)
{
    double again_ms;

    if (s->waiting[SCHEDULER_LIVE] && batch_may_begin(s, now_ms, &again_ms))
        return NULL;
    return pop(s, SCHEDULER_LIVE, now_ms, ret_ticket);
}

void scheduler_done(struct scheduler *s, const struct scheduler_ticket *ticket, double spent_ms,
                    double now_ms)
{
    s->running[ticket->class]--;
    if (ticket->class == SCHEDULER_BATCH)
        s->credit_ms = fmax(s->credit_ms - spent_ms, -BATCH_DEBT_MS * s->workers);
    charge(s, ticket->key, spent_ms, now_ms);
}
