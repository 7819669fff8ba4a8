/* batch.h - recordings: a file in, a transcript out. Any thread; callbacks as engine.h says. */
#ifndef BATCH_H
#define BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine_end.h"
#include "fold.h"
#include "live_options.h"
#include "request_policy.h"
#include "result.h"

struct engine;

struct batch_result {
    enum engine_end end;
    const char *detail;                         /* plain text for the client, may be NULL */
    const struct result_transcript *transcript; /* when end is ENGINE_OK */
    uint32_t channels;                          /* of the recording; 0: it was not opened */
    double queue_ms, compute_ms;
};

struct batch_options {
    struct request_policy policy;
    /* How its samples are, where it has no header; all zero: a container. rate_hz: 0 is a
     * container. */
    enum live_encoding encoding;
    uint32_t rate_hz, channels;
    uint32_t channel;                    /* the one that is heard, from 1; 0: all, mixed */
    uint32_t endpointing_ms;             /* silence that ends a segment; 0: default */
    const struct fold_hotword *hotwords; /* copied */
    size_t hotwords_count;
    bool plain;            /* lower case and no marks, whatever the engine can write */
    uint32_t alternatives; /* other texts of every segment, beside the best: at most so many */
    /* NULL or: the whole recording at the tier's partial depth, before any on_segment() and however
     * long it takes; borrowed. Left out where the answer is no deeper, or has a budget to keep. */
    void (*on_draft)(void *user, const struct result_transcript *transcript);
    /* NULL or: every segment in order, as soon as it and all before it are recognised. */
    void (*on_segment)(void *user, const struct result_segment *segment);
    void (*on_done)(void *user, const struct batch_result *result); /* exactly once */
    void *user;
};

struct batch;

/* fd: an unlinked spool file with the whole upload; the engine takes it and closes it in all
 * cases. Returns ENGINE_OK and *ret_batch, or why not (then done is not called). The handle
 * is valid until done returns. */
enum engine_end batch_start(struct engine *engine, int fd, const struct batch_options *options,
                            struct batch **ret_batch);
/* Any thread. done still comes, with ENGINE_CANCELLED, unless it has already. Identified by the
 * user pointer given at start, so that a finished job is no error. */
void batch_cancel(struct engine *engine, void *user);
/* Ends all jobs: each gets on_done() with ENGINE_DRAINING. */
void batch_abort_all(struct engine *engine);

#endif
