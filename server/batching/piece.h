/* piece.h - one segment on its way through a worker: what is wanted of it, and what came of it. */
#ifndef PIECE_H
#define PIECE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "cost.h"
#include "hotwords.h"
#include "incremental_partials.h"
#include "result.h"
#include "scheduler.h"
#include "slot.h"

/* What computing took; added up. Seconds that the worker had a CPU, but for wall_seconds. */
struct piece_cost {
    double audio_seconds; /* of which there is text */
    double stem_seconds, unfold_seconds, exit_seconds, decode_seconds, write_seconds;
    double new_seconds;    /* of audio, that a stream heard; 0: a run heard audio_seconds, */
    double hear_seconds;   /* and what that took, the exit included */
    double others_seconds; /* for alternatives; no part of what a depth is learned to cost */
    double wall_seconds;   /* of all that, by the clock */
    bool drafted;          /* from what was written before */
    bool written;          /* the attention decoder was asked */
    enum fold_doubt doubt; /* and what it made of it */
};

double piece_cost_ms(const struct piece_cost *cost);
/* Adds a share of what was spent to one of the times of cost, and to its time by the clock. */
void piece_cost_add(struct piece_cost *cost, double *seconds, struct clock_spent spent,
                    double share);

/* Unfolding ends before the next pass when that would end too late. */
struct piece_limit {
    uint32_t floor; /* unfolds in any case */
    double due_ms;  /* clock_now_ms by which words shall be there; INFINITY: whenever */
    struct cost_ahead ahead;
};

enum piece_end { PIECE_DONE, PIECE_CANCELLED, PIECE_FAILED };
/* Of a fold_err. */
enum piece_end piece_end_of(int error);

/* For fold_run_set_abort: reads an atomic_bool. */
bool piece_is_cancelled(const void *cancelled);

struct piece {
    /* What is wanted: who submits it says so. */
    struct result_depth depth; /* used: unfolds; fewer within limit */
    struct piece_limit limit;
    const struct hotwords *hotwords;
    bool alone;            /* not in a batch with others, e.g. of a recording */
    bool search;           /* for a likelier text than the greedy one */
    uint32_t alternatives; /* other texts wanted beside the best, at most so many */
    /* NULL or what was said of the sound before slot.fresh_samples, as fold_writing.prefix: its
     * text goes on behind that. Left alone until on_result(). */
    const char *prefix;
    /* [before_count] What was written of this sound before, as far as it went; a draft for the
     * attention decoder, whose text does not depend on it. Left alone until on_result(). */
    const struct result_word *before;
    size_t before_count;
    /* INCREMENTAL_PARTIALS_READY: its stream hears; NULL: a run does. Left alone until on_result()
     */
    struct incremental_partials *incremental;
    const atomic_bool *cancelled; /* looked at between unfolds and while decoding */
    double cost_ms;               /* what it should take, of those that are batched */
    /* Exactly once, by the worker's loop: end, segment and cost say what came of it. The segment is
     * the callee's where the end is PIECE_DONE: transcript_release. */
    void (*on_result)(struct piece *piece);
    void *user;
    size_t index; /* the user's */

    /* What came of it. */
    enum piece_end end;
    struct result_segment segment;
    struct piece_cost cost; /* all zero before */

    /* The worker's. */
    struct slot *slot;
    struct scheduler_ticket ticket;
    size_t frames;       /* that it is to the batcher, */
    double due_ms;       /* and when it is due */
    double submitted_ms; /* when: clock.h */
    double spent_ms;     /* by the step that submitted it */
};

#endif
