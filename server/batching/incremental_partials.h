/* incremental_partials.h - a stream of the seed that hears a segment while it grows, so that a
 * partial need not run anew what the one before it has heard. Plain data around a struct
 * fold_stream. For each partial:
 *
 *     incremental_partials_aim(incremental, sound, window)   what it would hear and read now
 *     worker_submit(worker, sound, piece)                    piece.incremental: hears and reads it
 *
 * and incremental_partials_forget when the segment is over.
 *
 * Samples are those of the live stream's clock. One thread at a time. */
#ifndef INCREMENTAL_PARTIALS_H
#define INCREMENTAL_PARTIALS_H

#include "endpointer.h"
#include "fold.h"
#include "windowed_partials.h"

/* Silence before the first sound, as before every segment: without it that is heard badly. */
#define INCREMENTAL_PARTIALS_LEAD_SAMPLES 3200
/* Silence that is appended, provisionally, behind the last chunk: the text of speech that goes on
 * ends better with it. */
#define INCREMENTAL_PARTIALS_TAIL_SAMPLES 1600

struct incremental_partials {
    struct fold_stream *stream;   /* NULL: partials are windows only */
    const struct fold_info *info; /* the seed's */
    size_t bytes;                 /* that the stream holds */
    size_t memory_samples;        /* that can be read again */
    bool begun;                   /* false: the stream has heard nothing of this segment */
    int64_t begun_samples;        /* clock of the stream's first sample: silence before the sound */
    int64_t from_samples;         /* what is read begins here, */
    int64_t until_samples;        /* and ends here, */
    size_t unheard_samples;       /* of these, at the end, what the stream has not heard */
};

/* Bytes that incremental_partials_open allocates, exactly; 0: the seed was not taught to hear
 * streams. */
size_t incremental_partials_bytes(const struct fold_model *model, uint32_t depth);
/* Samples that a run must be open for to hear and be read into. */
size_t incremental_partials_run_samples(const struct fold_model *model);

/* For partials of up to a depth, 1..R. 0, FOLD_ERR_MEMORY, or FOLD_ERR_ARGUMENT where
 * incremental_partials_bytes is 0. The model must outlive it. */
int incremental_partials_open(struct incremental_partials *incremental,
                              const struct fold_model *model, uint32_t depth);
void incremental_partials_close(struct incremental_partials *incremental); /* zero is fine */

/* The segment is over, or hearing failed: what comes next is another sound. */
void incremental_partials_forget(struct incremental_partials *incremental);

enum incremental_partials_aim {
    INCREMENTAL_PARTIALS_READY,   /* hear and read it */
    INCREMENTAL_PARTIALS_WAIT,    /* no chunk is whole that was not heard */
    INCREMENTAL_PARTIALS_TOO_FAR, /* from_samples is further back than is remembered: a run must
                                     hear that */
};

/* sound: the segment so far, from its beginning; what windowed_partials.h has of it. */
enum incremental_partials_aim incremental_partials_aim(struct incremental_partials *incremental,
                                                       const struct endpointer_segment *sound,
                                                       const struct windowed_partials *window);

/* After INCREMENTAL_PARTIALS_READY, of the same sound: copies what is unheard, and the silence
 * behind it, to pcm [unheard_samples + INCREMENTAL_PARTIALS_TAIL_SAMPLES]. */
void incremental_partials_copy(const struct incremental_partials *incremental,
                               const struct endpointer_segment *sound, float *pcm);

/* After it was heard: makes run hold what is to be read. *ret_first_samples: clock of the run's
 * first sample. 0 or a negative fold_err. */
int incremental_partials_read(const struct incremental_partials *incremental, struct fold_run *run,
                              int64_t *ret_first_samples);

#endif
