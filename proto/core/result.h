/* result.h - what recognition says to a dialect: plain data, borrowed for one call.
 *
 * One clock for everything: samples at 16 kHz since the start of the stream. Dialects turn it
 * into seconds or milliseconds on the way out.
 */
#ifndef RESULT_H
#define RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESULT_RATE_HZ 16000

/* What decided how deep. Rows: name, text as every dialect says it. */
#define RESULT_REASONS(X)                                                                          \
    X(RESULT_BY_TIER, "tier")     /* nobody asked: as deep as the tier goes */                     \
    X(RESULT_BY_REQUEST, "asked") /* as deep as the client asked */                                \
    X(RESULT_BY_BUDGET, "budget") /* less deep, to be there in time */                             \
    X(RESULT_BY_LOAD, "load")     /* less deep, for there is much to do */

enum result_reason {
#define X(name, text) name,
    RESULT_REASONS(X)
#undef X
        RESULT_REASONS_COUNT
};
const char *result_reason_text(enum result_reason reason);

/* Which depth made a text, and why. */
struct result_depth {
    uint32_t used;  /* unfolds run */
    uint32_t asked; /* unfolds the client asked for; 0: it did not ask */
    enum result_reason reason;
    /* From audio received to text: live, of the audio that completed the segment; for a recording,
     * of its last byte. 0: not known, or for the budget none. */
    double budget_ms, predicted_ms, actual_ms;
};

struct result_word {
    const char *text; /* UTF-8, as it should be shown */
    int64_t start_samples, end_samples;
    float confidence; /* 0..1 */
};

/* Case and marks of words. */
enum result_written {
    RESULT_HEARD,     /* none */
    RESULT_WRITTEN,   /* their own, written as if a text began with them */
    RESULT_CONTINUED, /* their own, written behind the words before */
};

/* A segment: a stretch of the stream between endpoints. */
struct result_segment {
    int64_t start_samples, end_samples;
    const struct result_word *words; /* [words_count] */
    size_t words_count;
    float mean_logp;   /* mean log-probability of the best path a frame */
    float blank_share; /* mean probability of blank, 0..1 */
    struct result_depth depth;
    bool cut; /* the speech goes on behind it, and its text does not end with a mark */
    enum result_written written;
    /* [others_count] what else it may have been, the likeliest first: segments of the same time,
     * with no others of their own. Finals have them, where they were asked for. */
    const struct result_segment *others;
    size_t others_count;
};

/* One message of a live stream. */
struct result {
    struct result_segment segment;
    bool final;      /* immutable; else it replaces the last partial of the same segment */
    bool endpoint;   /* the speaker paused: an utterance ends here */
    bool from_flush; /* the client asked for this (Finalize) */
};

/* A finished recording. */
struct result_transcript {
    const struct result_segment *segments; /* [segments_count], in order, all final */
    size_t segments_count;
    int64_t duration_samples;
    struct result_depth depth;
    /* What the client should know of its recording though it was heard: that it is cut short, ...
     * [warnings_count] lines of plain text. */
    const char *const *warnings;
    size_t warnings_count;
};

#endif
