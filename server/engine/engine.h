/* engine.h - audio bytes in, results out; knows no sockets and no dialects.
 *
 * The engine owns the worker threads, the queue and the audio decoding. Network threads only
 * hand over bytes and get called back. What is done first is scheduler.h's business, how deep it
 * goes depth.h's. A batch file is cut into segments at pauses and its segments are separate pieces
 * of work, so that a long upload never delays a caption by more than one segment.
 *
 * Callbacks run on worker threads, one at a time for one job or stream, and must not block.
 * What they are passed is borrowed for the call.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cost.h"
#include "fold.h"
#include "request_policy.h"
#include "result.h"

struct engine;
struct admission_report;

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
    const struct fold_prose *prose; /* for a first pass' text; NULL: lower case, no marks */
    bool plain;                     /* lower case and no marks, whatever can be written */
    uint32_t workers;               /* threads that compute; 0: one per CPU */
    uint32_t max_live;              /* live streams at once */
    uint32_t max_batch;             /* batch jobs queued or running at once */
    uint32_t max_segment_ms;        /* longest segment recognised in one piece, e.g. 20000 */
    uint64_t max_audio_ms;          /* longest recording accepted */
    const char *spool;              /* folder for live audio that waits; NULL: in memory only */
    uint64_t backlog_bytes;         /* of it for each stream, where there is a spool */
    enum engine_partials partials;  /* how they are heard */
    bool adaptive;                  /* under load give up depth, then refuse; else neither */
    const struct cost *cost;        /* copied; NULL: learned from what comes */
};

/* How a job ended. Rows: name, HTTP status, WebSocket close code, OpenAI error type, text. */
#define ENGINE_ENDS(X)                                                                             \
    X(ENGINE_OK, 200, 1000, "", "")                                                                \
    X(ENGINE_BUSY, 429, 1013, "rate_limit_error", "too many jobs are waiting")                     \
    X(ENGINE_DRAINING, 503, 1012, "server_error", "the server is shutting down")                   \
    X(ENGINE_NOT_AUDIO, 400, 1008, "invalid_request_error", "the file is not audio we know")       \
    X(ENGINE_EMPTY, 400, 1008, "invalid_request_error", "the file is empty")                       \
    X(ENGINE_TRUNCATED, 400, 1008, "invalid_request_error", "the audio file is cut short")         \
    X(ENGINE_TOO_LONG, 413, 1009, "invalid_request_error", "the recording is too long")            \
    X(ENGINE_CANCELLED, 499, 1000, "", "cancelled")                                                \
    X(ENGINE_FAILED, 500, 1011, "server_error", "internal error")

enum engine_end {
#define X(name, http, close, type, text) name,
    ENGINE_ENDS(X)
#undef X
};
int engine_end_http(enum engine_end end);
int engine_end_close(enum engine_end end);
const char *engine_end_type(enum engine_end end);
const char *engine_end_text(enum engine_end end);

/* 0 or a negative fold_err. The engine's threads start here. */
int engine_open(struct engine **ret_engine, const struct engine_options *options);
/* Refuses new work from now on; work in hand goes on. */
void engine_drain(struct engine *engine);
bool engine_is_idle(struct engine *engine);
/* Cancels what is left (callbacks are made), joins the threads. */
void engine_close(struct engine *engine);

/* ---- batch ------------------------------------------------------------------------------ */

struct engine_result {
    enum engine_end end;
    const char *detail;                         /* plain text for the client, may be NULL */
    const struct result_transcript *transcript; /* when end is ENGINE_OK */
    uint32_t channels;                          /* of the recording; 0: it was not opened */
    double queue_ms, compute_ms;
};

struct engine_batch_options {
    struct request_policy policy;
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
    void (*on_done)(void *user, const struct engine_result *result); /* exactly once */
    void *user;
};

struct engine_batch;

/* fd: an unlinked spool file with the whole upload; the engine takes it and closes it in all
 * cases. Returns ENGINE_OK and *ret_batch, or why not (then done is not called). The handle
 * is valid until done returns. */
enum engine_end engine_batch_start(struct engine *engine, int fd,
                                   const struct engine_batch_options *options,
                                   struct engine_batch **ret_batch);
/* Any thread. done still comes, with ENGINE_CANCELLED, unless it has already. Identified by the
 * user pointer given at start, so that a finished job is no error. */
void engine_batch_cancel(struct engine *engine, void *user);

/* ---- live ------------------------------------------------------------------------------- */

enum engine_encoding {
    ENGINE_LINEAR16,
    ENGINE_LINEAR32,
    ENGINE_FLOAT32,
    ENGINE_MULAW,
    ENGINE_ALAW,
    ENGINE_OPUS,      /* packets, each behind its length in two bytes, the lower one first */
    ENGINE_CONTAINER, /* as stream.h reads it; rate and channels are its own */
};

struct engine_live_options {
    enum engine_encoding encoding;
    uint32_t rate_hz;  /* 8000..192000 */
    uint32_t channels; /* 1..8, interleaved */
    uint32_t channel;  /* the one that is heard, from 1; 0: all, mixed */
    struct request_policy policy;
    bool partials;                       /* interim results wanted */
    uint32_t partial_every_ms;           /* audio between partials; 0: default */
    uint32_t endpointing_ms;             /* silence that ends a segment; 0: default */
    uint32_t high_ms;                    /* audio that may wait; 0: as the engine's options say */
    const struct fold_hotword *hotwords; /* copied */
    size_t hotwords_count;
    bool plain;            /* lower case and no marks, whatever the engine can write */
    uint32_t alternatives; /* other texts of every final, beside the best: at most so many */
    uint32_t gap_ms;       /* silence after a word that on_gap() tells; 0: none */
    void (*on_result)(void *user, const struct result *result);
    /* NULL or: a voice begins; it ends (a final follows, perhaps without words). */
    void (*on_voice)(void *user, bool begins, int64_t at_samples);
    /* NULL or: nobody has spoken for gap_ms; once after every last word. */
    void (*on_gap)(void *user, int64_t last_word_samples);
    /* NULL or: what waits has fallen below engine_live_low_bytes after having been above
     * engine_live_high_bytes. Silence makes no results, so a caller that stopped reading needs
     * this. */
    void (*on_ready)(void *user);
    /* All audio was dealt with, or the stream failed. Last call for this stream. */
    void (*on_end)(void *user, enum engine_end end, int64_t duration_samples);
    void *user;
};

struct engine_live;

enum engine_end engine_live_open(struct engine *engine, const struct engine_live_options *options,
                                 struct engine_live **ret_live);
/* Copies. Bytes may be cut anywhere. Returns bytes now waiting: above engine_live_high_bytes
 * the caller should stop reading from the client until on_ready() is called. */
uint64_t engine_live_push(struct engine_live *live, const void *bytes, size_t count);
uint64_t engine_live_waiting(struct engine_live *live);
uint64_t engine_live_high_bytes(const struct engine_live *live);
uint64_t engine_live_low_bytes(const struct engine_live *live);
/* Finalises what has been pushed so far; a result with from_flush (possibly of an empty segment)
 * follows. */
void engine_live_flush(struct engine_live *live);
/* From within on_end(): what was wrong with the sound, for the client; "" when nothing was. */
const char *engine_live_detail(const struct engine_live *live);
/* No more audio: finals, then on_end(). */
void engine_live_finish(struct engine_live *live);
/* Drops the stream: no callback after this returns (it waits for one in progress). The handle
 * is gone. Call it exactly once, also after on_end(); not from inside a callback. */
void engine_live_close(struct engine_live *live);

/* ---- numbers for /metrics ---------------------------------------------------------------- */

#define ENGINE_DEPTHS (COST_DEPTHS + 1)
#define ENGINE_DOUBTS (FOLD_DOUBT_SOUND + 1)
struct engine_stats {
    uint32_t live_streams, batch_jobs, queued_segments;
    uint64_t segments_by_depth[ENGINE_DEPTHS]; /* final segments, index = depth */
    uint64_t segments_lowered;                 /* of these, by load or budget */
    uint64_t partials_by_depth[ENGINE_DEPTHS];
    uint64_t partials_incremental;       /* of these, heard by a stream of the seed */
    uint64_t incremental_partials_bytes; /* that live streams hold for that */
    /* Work that was queued or running when its client had gone; how long it then went on. */
    uint64_t cancels;
    double cancel_seconds, cancel_worst_seconds;
    double audio_seconds, compute_seconds;
    double stem_seconds, unfold_seconds, decode_seconds, write_seconds;
    uint64_t written_segments; /* partials too: asked of the attention decoder */
    uint64_t
        doubted_segments[ENGINE_DOUBTS]; /* of these, left to the first pass; index: fold_doubt */
};
void engine_stats(struct engine *engine, struct engine_stats *ret_stats);
/* Load, costs and what fits: admission.h. */
void engine_report(struct engine *engine, struct admission_report *ret_report);

#endif
