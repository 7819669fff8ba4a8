/* worker.h - a thread that computes: owns runs, decoders and scratch. */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "batcher.h"
#include "endpointer.h"
#include "fold.h"
#include "hotwords.h"
#include "incremental_partials.h"
#include "queue.h"
#include "result.h"

/* Silence before every segment; without it the first sound is heard badly. */
#define WORKER_LEAD_SAMPLES 3200

/* What computing took; added up. Seconds of wall-clock on this worker. */
struct worker_cost {
    double audio_seconds; /* of which there is text */
    double stem_seconds, unfold_seconds, exit_seconds, decode_seconds, write_seconds;
    double new_seconds;    /* of audio, that a stream heard; 0: a run heard audio_seconds, */
    double hear_seconds;   /* and what that took, the exit included */
    double others_seconds; /* for alternatives; no part of what a depth is learned to cost */
    bool drafted;          /* from what was written before */
    bool written;          /* the attention decoder was asked */
    enum fold_doubt doubt; /* and what it made of it */
};

double worker_cost_ms(const struct worker_cost *cost);

/* Unfolding ends before the next pass when that would end too late. */
struct worker_limit {
    uint32_t floor;            /* unfolds in any case */
    double due_ms;             /* clock_now_ms by which words shall be there; INFINITY: whenever */
    double unfold_ms, tail_ms; /* what one more pass, and exit, decoding and writing, should take */
};

#define WORKER_PLACES (1 + BATCHER_PIECES)

/* A segment that was copied, with the silence around it that the model wants, and what is heard of
 * it.
 */
struct worker_place {
    struct fold_run *run;
    float *pcm;  /* [max_samples] */
    float *logp; /* [frames of max_samples, V] */
    /* Where the seed has an attention decoder; else NULL. */
    struct fold_writer *writer;
    uint64_t writer_hot_id; /* whose hotwords it has; 0: none */
    char *draft;            /* [draft_bytes] */
    size_t draft_bytes;
    size_t max_samples, loaded_samples;
    int64_t first_samples;              /* stream time of pcm[0] */
    int64_t start_samples, end_samples; /* of the segment */
    bool cut;                           /* it ends without a pause */
};

/* Seconds of sound that it holds. */
double worker_place_s(const struct worker_place *place);

enum worker_end { WORKER_DONE, WORKER_CANCELLED, WORKER_FAILED };

/* What is to be recognised, and who wants to know. */
struct worker_piece {
    struct result_depth depth; /* used: unfolds; fewer within limit */
    struct worker_limit limit;
    const struct hotwords *hotwords;
    bool search;           /* for a likelier text than the greedy one */
    uint32_t alternatives; /* other texts wanted beside the best, at most so many */
    /* [before_count] What was written of this sound before, as far as it went; a draft for the
     * attention decoder, whose text does not depend on it. Left alone until on_result(). */
    const struct result_word *before;
    size_t before_count;
    struct incremental_partials *incremental; /* INCREMENTAL_PARTIALS_READY: it hears; NULL: a run
                                                 does. Left alone until on_result() */
    const atomic_bool *cancelled;             /* looked at between unfolds and while decoding */
    double cost_ms;                           /* what it should take, of those that are batched */
    /* Exactly once, on the worker's thread. *segment is the callee's when end is WORKER_DONE. */
    void (*on_result)(struct worker_piece *piece, enum worker_end end,
                      struct result_segment *segment);
    void *user;
    struct worker_cost cost; /* what it took; all zero before */
    /* The worker's: */
    struct worker_place *place;
    struct scheduler_ticket ticket;
    double spent_ms; /* on the way here */
};

struct worker {
    pthread_t thread;
    bool started;
    struct queue *queue;
    const struct fold_model *model;
    const struct fold_lm *lm;
    struct fold_decoder *decoder;     /* without hotwords */
    struct fold_decoder *hot_decoder; /* with those of hot_id; NULL: none yet */
    uint64_t hot_id;
    struct fold_decoder *drafts;                /* a beam that is good enough for a draft */
    struct worker_place places[WORKER_PLACES];  /* the first has room for the longest segment */
    struct worker_piece pieces[BATCHER_PIECES]; /* batched, not recognised yet */
    struct batcher batcher;
    struct scheduler_ticket ticket; /* of the work that runs, */
    double due_ms;                  /* when it is due, */
    double others_ms;               /* spent meanwhile on pieces batched before, */
    bool submitted;                 /* and whether it has left a piece */
};

/* The worker takes work from queue until it is stopped. queue NULL: no thread is started, and the
 * caller is it. max_segment_ms: longest segment it will be given. 0 or a negative fold_err; then
 * worker_close is still due. */
int worker_open(struct worker *worker, struct queue *queue, const struct fold_model *model,
                const struct fold_lm *lm, uint32_t max_segment_ms);
/* Joins the thread, which ends once the queue is stopped. */
void worker_close(struct worker *worker);

/* ---- one segment, now ------------------------------------------------------------------------ */

/* Copies a segment into the worker. What was batched is recognised before. */
void worker_load(struct worker *worker, const struct endpointer_segment *segment);

/* Of the segment that was loaded. */
double worker_audio_ms(const struct worker *worker);

/* Recognises what was loaded, depth.used unfolds deep, or less deep within limit; the segment says
 * how deep it went. Where there is an attention decoder it writes the words, with a search for
 * a likelier text if wanted, and the beam over language model and lexicon is left for what it must
 * not be trusted with. *ret_segment is released
 * with transcript_release, and has up to so many alternatives as others. Looks at cancelled between
 * unfolds and while decoding. cost is added to in every case. */
enum worker_end worker_recognise(struct worker *worker, struct result_depth depth,
                                 const struct worker_limit *limit, const struct hotwords *hotwords,
                                 bool search, uint32_t alternatives, const atomic_bool *cancelled,
                                 struct result_segment *ret_segment, struct worker_cost *cost);

/* ---- short ones together ------------------------------------------------------------------ */

/* Copies segment and piece (of an incremental piece: the segment so far, as
 * incremental_partials_aim had it; limit does not shorten it, and one whose hearing failed is
 * forgotten). on_result() comes soon, perhaps with other pieces, perhaps before this returns. At
 * most one piece for each run() of a work, which then counts as running until on_result() is over.
 */
void worker_submit(struct worker *worker, const struct endpointer_segment *segment,
                   const struct worker_piece *piece);
/* Recognises what was batched. */
void worker_flush(struct worker *worker);

#endif
