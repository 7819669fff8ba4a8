/* live_options.h - what a live stream is opened with: its sound, what is wanted of it, and whom to
 * call back. */
#ifndef LIVE_OPTIONS_H
#define LIVE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine_end.h"
#include "fold.h"
#include "request_policy.h"
#include "result.h"

enum live_encoding {
    LIVE_LINEAR16,
    LIVE_LINEAR32,
    LIVE_FLOAT32,
    LIVE_MULAW,
    LIVE_ALAW,
    LIVE_OPUS,      /* packets, each behind its length in two bytes, the lower one first */
    LIVE_CONTAINER, /* as stream.h reads it; rate and channels are its own */
};

struct live_options {
    enum live_encoding encoding;
    uint32_t rate_hz;  /* 8000..192000 */
    uint32_t channels; /* 1..8, interleaved */
    uint32_t channel;  /* the one that is heard, from 1; 0: all, mixed */
    struct request_policy policy;
    bool partials;                       /* interim results wanted */
    uint32_t partial_depth;              /* of partials, wanted, 1..R; 0: the tier's */
    uint32_t partial_every_ms;           /* audio between partials; 0: default */
    uint32_t endpointing_ms;             /* silence that ends a segment; 0: default */
    uint32_t high_ms;                    /* audio that may wait; 0: as the engine's options say */
    const struct fold_hotword *hotwords; /* copied */
    size_t hotwords_count;
    bool plain;            /* lower case and no marks, whatever the engine can write */
    uint32_t alternatives; /* other texts of every final, beside the best: at most so many */
    uint32_t gap_ms;       /* silence after a word that on_gap() tells first; 0: none */
    void (*on_result)(void *user, const struct result *result);
    /* NULL or: a voice begins; it ends (a final follows, perhaps without words). */
    void (*on_voice)(void *user, bool begins, int64_t at_samples);
    /* NULL or: nobody has spoken for so long behind a last word that is final. Returns the silence
     * after which to tell again; 0: not before there is another word. */
    uint32_t (*on_gap)(void *user, int64_t last_word_samples, uint32_t silent_ms);
    /* NULL or: what waits has fallen below live_low_bytes after having been above
     * live_high_bytes. Silence makes no results, so a caller that stopped reading needs
     * this. */
    void (*on_ready)(void *user);
    /* All audio was dealt with, or the stream failed. Last call for this stream. */
    void (*on_end)(void *user, enum engine_end end, int64_t duration_samples);
    void *user;
};

/* How an open stream is heard from now on; zeros as in live_options and request_policy. */
struct live_dials {
    uint32_t depth, partial_depth;
    uint32_t latency_ms, partial_every_ms;
};

#endif
