/* worker.h - a thread that computes: owns one run, its decoders and its scratch. */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "endpoint.h"
#include "fold.h"
#include "hotwords.h"
#include "queue.h"
#include "update.h"

/* What computing took; added up. Seconds of wall-clock on this worker. */
struct worker_cost {
    double audio_seconds, stem_seconds, unfold_seconds, exit_seconds, decode_seconds, write_seconds;
    bool written;          /* the attention decoder was asked */
    enum fold_doubt doubt; /* and what it made of it */
};

/* Unfolding ends before the next pass when that would end too late. */
struct worker_limit {
    uint32_t floor;            /* unfolds in any case */
    double due_ms;             /* queue_now_ms by which words shall be there; INFINITY: whenever */
    double unfold_ms, tail_ms; /* what one more pass, and exit, decoding and writing, should take */
};

struct worker {
    pthread_t thread;
    bool started;
    struct queue *queue;
    const struct fold_model *model;
    const struct fold_lm *lm;
    struct fold_run *run;
    struct fold_decoder *decoder;     /* without hotwords */
    struct fold_decoder *hot_decoder; /* with those of hot_id; NULL: none yet */
    uint64_t hot_id;
    /* Where the seed has an attention decoder; else NULL. */
    struct fold_writer *writer;
    uint64_t writer_hot_id;      /* whose hotwords it has; 0: none */
    struct fold_decoder *drafts; /* what was heard, letter by letter: good enough for a draft */
    char *draft;                 /* [draft_bytes] */
    size_t draft_bytes;
    float *pcm;  /* [max_samples] the span with its padding */
    float *logp; /* [frames of max_samples, V] */
    size_t max_samples;
    size_t loaded_samples;              /* in pcm */
    int64_t first_samples;              /* stream time of pcm[0] */
    int64_t start_samples, end_samples; /* of the span */
    bool cut;                           /* it ends without a pause */
};

/* The worker takes work from queue until it is stopped. max_span_ms: longest span it will be
 * given. 0 or a negative fold_err; then worker_close is still due. */
int worker_open(struct worker *worker, struct queue *queue, const struct fold_model *model,
                const struct fold_lm *lm, uint32_t max_span_ms);
/* Joins the thread, which ends once the queue is stopped. */
void worker_close(struct worker *worker);

/* Copies a span into the worker, with the silence around it that the model wants. */
void worker_load(struct worker *worker, const struct endpoint_span *span);

/* Of the span that was loaded. */
double worker_audio_ms(const struct worker *worker);

enum worker_end { WORKER_DONE, WORKER_CANCELLED, WORKER_FAILED };

/* Recognises what was loaded, depth.used unfolds deep, or less deep within limit; the span says
 * how deep it went. Where there is an attention decoder it writes the words, and the search over
 * language model and lexicon is left for what it must not be trusted with. *ret_span is released
 * with transcript_release. Looks at cancelled between unfolds and while decoding. cost is added to
 * in every case. */
enum worker_end worker_recognise(struct worker *worker, struct update_depth depth,
                                 const struct worker_limit *limit, const struct hotwords *hotwords,
                                 const atomic_bool *cancelled, struct update_span *ret_span,
                                 struct worker_cost *cost);

#endif
