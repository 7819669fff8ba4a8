/* run.h - the inside of a run, for those that fill one: run.c with a recording, stream.c with a
 * chunk of a stream. */
#ifndef RUN_H
#define RUN_H

#include "block.h"

struct fold_run {
    const struct fold_model *model;
    size_t max_samples;
    uint32_t depth;
    bool begun, exited; /* exited: logp is that of the present depth */
    bool read;          /* from a stream's memory: nothing more can be unfolded */
    struct block_stream stream;
    float *logp;      /* [T, V] */
    float *heard;     /* [T, d]: x behind the letters' block; NULL where there is none */
    float *start;     /* [T, d]: x0, where unfolds begin anew from there, else NULL */
    float *cos, *sin; /* [T, rope_dims / 2] */
    void *scratch;    /* of the stem, of the blocks, of an exit: in turn */
    /* Of a chunk: the stream's caches, one a logical layer; keeps as in block.h. Else NULL. */
    struct cache *caches;
    bool keeps;
    bool (*stop)(const void *user);
    const void *stop_user;
};

/* Caches, one a logical layer of the model, that hold what is before the run's chunk, or NULL: the
 * run is whole. */
void run_caches(struct fold_run *run, struct cache *caches, bool keeps);

/* The prelude of runs [count], whose stems' frames are there. */
int run_begin(struct fold_run *const *runs, size_t count);

/* The exit's log-probabilities into run->logp, unless they are there already. */
void run_exit(struct fold_run *run);

#endif
