/* follow.h - a stream of the seed that hears a segment while it grows, so that a partial need not
 * run anew what the one before it has heard. Plain data around a struct fold_stream.
 *
 *     follow_aim(follow, sound, window_start)    what a partial would hear and read now
 *     worker_gather(worker, sound, piece)        with piece.follow: hears and reads it
 *     follow_forget(follow)                      the segment is over
 *
 * Samples are those of the live stream's clock. One thread at a time. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "endpointer.h"
#include "fold.h"
#include "window.h"

/* Silence that is heard for the time being behind the last chunk: a text that ends within speech
 * ends better so. */
#define FOLLOW_TAIL_SAMPLES 1600

struct follow {
    struct fold_stream *stream;   /* NULL: it cannot follow */
    const struct fold_info *info; /* the seed's */
    size_t bytes;                 /* that the stream holds */
    size_t memory_samples;        /* that can be read again */
    bool begun;                   /* else the stream is fresh, or good for nothing */
    int64_t begun_samples;        /* clock of the stream's first sample: silence before the sound */
    int64_t from_samples;         /* what is read begins here, */
    int64_t until_samples;        /* and ends here, */
    size_t unheard_samples;       /* and so many at its end are new to the stream */
};

/* Bytes that follow_open allocates, exactly, and notes; 0: the seed was not taught to hear streams.
 */
size_t follow_bytes(const struct fold_model *model, uint32_t depth);
/* Samples that a run must be open for to hear and be read into. */
size_t follow_run_samples(const struct fold_model *model);

/* For partials of up to a depth, 1..R. 0, FOLD_ERR_MEMORY, or FOLD_ERR_ARGUMENT where follow_bytes
 * is 0. The model must outlive it. */
int follow_open(struct follow *follow, const struct fold_model *model, uint32_t depth);
void follow_close(struct follow *follow); /* zero is fine */

/* The segment is over, or hearing failed: what comes next is another sound. */
void follow_forget(struct follow *follow);

enum follow_aim {
    FOLLOW_READY,   /* hear and read it */
    FOLLOW_WAIT,    /* no chunk is whole that was not heard */
    FOLLOW_TOO_FAR, /* from_samples is further back than is remembered: a run must hear that */
};

/* sound: the segment so far, from its beginning; what window.h has of it. */
enum follow_aim follow_aim(struct follow *follow, const struct endpointer_segment *sound,
                           const struct window *window);

/* After FOLLOW_READY, of the same sound: copies what is unheard, and the silence behind it, to pcm
 * [unheard_samples + FOLLOW_TAIL_SAMPLES]. */
void follow_copy(const struct follow *follow, const struct endpointer_segment *sound, float *pcm);

/* After it was heard: makes run hold what is to be read. *ret_first_samples: clock of the run's
 * first sample. 0 or a negative fold_err. */
int follow_read(const struct follow *follow, struct fold_run *run, int64_t *ret_first_samples);

#endif
