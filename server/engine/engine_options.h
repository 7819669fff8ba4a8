/* engine_options.h - what an engine is opened with. */
#ifndef ENGINE_OPTIONS_H
#define ENGINE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cost.h"
#include "fold.h"

/* Partials of live streams: runs over a window of the last seconds (windowed_partials.h), whose
 * text is better, or by a stream of the seed that hears each sound once (incremental_partials.h),
 * which costs less. */
enum engine_partials {
    ENGINE_PARTIALS_AUTO,    /* windows, and streams under load, where the seed was taught to */
    ENGINE_PARTIALS_WINDOWS, /* always */
    ENGINE_PARTIALS_STREAMS, /* always; engine_open fails where the seed was not */
};

struct engine_options {
    const struct fold_model *model; /* outlive the engine */
    const struct fold_lm *lm;       /* NULL: greedy decoding */
    const struct fold_punctuation
        *punctuation;              /* for a first pass' text; NULL: lower case, no marks */
    bool plain;                    /* lower case and no marks, whatever can be written */
    uint32_t workers;              /* threads that compute; 0: one per CPU */
    uint32_t max_live;             /* live streams at once */
    uint32_t max_batch;            /* batch jobs queued or running at once */
    uint32_t max_segment_ms;       /* longest segment recognised in one piece, e.g. 20000 */
    uint64_t max_audio_ms;         /* longest recording accepted */
    const char *spool;             /* folder for live audio that waits; NULL: in memory only */
    uint64_t backlog_bytes;        /* of it for each stream, where there is a spool */
    enum engine_partials partials; /* how they are heard */
    bool adaptive;                 /* under load give up depth, then refuse; else neither */
    const struct cost *cost;       /* copied; NULL: learned from what comes */
    /* Path of foldscribe-decode; copied. NULL: what is not decoded in this process is refused. */
    const char *decode_helper;
    uint32_t decode_stall_ms; /* without progress that end one of its decoders */
};

#endif
