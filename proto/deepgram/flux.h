/* flux.h - Deepgram's conversations, /v2/listen: turns instead of utterances. What a client asks
 * for, what is said to it, and when a turn ends. Pure functions.
 *
 * A turn begins with its first words and ends when it is likely that no more will come: the longer
 * the silence behind the last word, the likelier, and sooner behind the end of a sentence than in
 * the middle of one (flux_confidence). What is heard is told to a struct flux, which says what is
 * to be sent; it numbers the messages of its connection. Not locked. */
#ifndef FLUX_H
#define FLUX_H

#include "deepgram.h"

#define FLUX_EOT_LEAST      0.5
#define FLUX_EAGER_LEAST    0.3
#define FLUX_THRESHOLD_MOST 0.9
#define FLUX_TIMEOUT_LEAST  500
#define FLUX_TIMEOUT_MOST   10000
#define FLUX_PAUSE_MS       200 /* silence that makes words final, for the turn to be judged */

struct flux_config {
    struct deepgram_config base; /* sound, words to favour, depth, ... */
    double eot_threshold;        /* a turn ends when it is as sure */
    double eager_threshold;      /* it may have ended; 0: is not told */
    uint32_t eot_timeout_ms;     /* it ends in any case */
};

struct flux_error {
    const char *code; /* static */
    struct deepgram_error said;
};

void flux_config_init(struct flux_config *config, const struct catalog *catalog);
void flux_config_finish(struct flux_config *config);
/* One decoded pair of the query string; after the last, is it complete? 0, or -1 with *err. */
int flux_config_query(struct flux_config *config, const char *key, const char *value,
                      struct deepgram_error *err);
int flux_config_check(struct flux_config *config, struct deepgram_error *err);

enum flux_message { FLUX_KEEP_ALIVE, FLUX_CONFIGURE, FLUX_FORCE_END, FLUX_CLOSE, FLUX_UNKNOWN };
enum flux_message flux_recv(const char *text, size_t length);
/* A Configure: {"thresholds": {...}, "keyterms": [...]}. What it names is changed, all or nothing;
 * *ret_keyterms: the words are others now. 0, or -1 with *err. */
int flux_config_change(struct flux_config *config, const char *text, size_t length,
                       bool *ret_keyterms, struct deepgram_error *err);

/* How sure it is that no more comes behind text, after so much silence: 0..1. */
double flux_confidence(const char *text, double silent_ms);
/* The silence behind text after which it is as sure as that. */
double flux_silence_ms(const char *text, double confidence);

/* One connection. */
struct flux {
    const struct flux_config *config; /* borrowed; may change between calls */
    const char *request_id;           /* borrowed */
    uint32_t sequence, turn_index;
    struct result_word *words; /* [final_count] of finals, then [partial_count] of the last
                                * partial, texts owned */
    size_t final_count, partial_count, room;
    bool in_turn, is_eager;             /* an EagerEndOfTurn was sent, and nothing since */
    bool is_short;                      /* of words, for want of memory */
    int64_t start_samples, end_samples; /* heard in this turn */
};

void flux_init(struct flux *flux, const struct flux_config *config, const char *request_id);
void flux_finish(struct flux *flux);

/* What is to be sent; JSON texts, in order, to be freed. */
struct flux_said {
    char *texts[4]; /* NULL: out of memory */
    size_t count;
};

void flux_connected(struct flux *flux, struct flux_said *said);
/* A partial or a final was heard. */
void flux_hear(struct flux *flux, const struct result *result, struct flux_said *said);
/* Nobody has spoken for so long behind the last word. Returns the silence after which to tell
 * again, 0: not before there are new words. */
uint32_t flux_wait(struct flux *flux, uint32_t silent_ms, struct flux_said *said);
/* The client says that the turn is over, and all of it was heard. */
void flux_force(struct flux *flux, struct flux_said *said);
/* The answer to a Configure; failed: NULL, or why nothing has changed. */
void flux_configured(struct flux *flux, const struct deepgram_error *failed,
                     struct flux_said *said);
/* The end, for a reason. code: static, like "INTERNAL_SERVER_ERROR". */
void flux_failed(struct flux *flux, const char *code, const char *description,
                 struct flux_said *said);

#endif
