/* deepgram.h - the Deepgram live dialect: query and control messages in, Results out. Pure
 * functions. */
#ifndef DEEPGRAM_H
#define DEEPGRAM_H

#include "catalog.h"
#include "hotword_list.h"
#include "notices.h"
#include "result.h"

enum deepgram_encoding {
    DEEPGRAM_LINEAR16,
    DEEPGRAM_LINEAR32, /* floating point, as Deepgram has it */
    DEEPGRAM_MULAW,
    DEEPGRAM_ALAW,
    DEEPGRAM_OPUS,      /* a packet a message */
    DEEPGRAM_CONTAINER, /* no encoding given, ogg-opus or flac */
};

#define DEEPGRAM_CHANNELS     8
#define DEEPGRAM_EVERY_LEAST  100 /* ms between interim results */
#define DEEPGRAM_EVERY_MOST   10000
#define DEEPGRAM_TAGS         16 /* and as many extras */
#define DEEPGRAM_TAG_BYTES    128
#define DEEPGRAM_ALTERNATIVES 10
/* endpointing=false: no segment is longer, so no pause ends one. */
#define DEEPGRAM_ENDPOINTING_OFF_MS 60000

/* What the query of GET /v1/listen asks for. */
struct deepgram_config {
    const struct catalog *catalog; /* borrowed */
    enum deepgram_encoding encoding;
    uint32_t rate_hz, channels; /* 0, 1 when not given */
    bool multichannel;          /* each channel is heard by itself */
    bool interim_results;
    bool vad_events;             /* SpeechStarted */
    uint32_t endpointing_ms;     /* 0: not given */
    uint32_t utterance_end_ms;   /* 0: no UtteranceEnd */
    bool utterances, paragraphs; /* of a recording */
    bool punctuate, smart_format;
    bool profanity_filter; /* swear words become stars */
    uint32_t alternatives; /* texts of each final, 1 when not given */
    double utt_split_s;
    char *callback;    /* owned: the url that the answer goes to; NULL: on this connection */
    bool callback_put; /* else it is posted */
    char *tags[DEEPGRAM_TAGS]; /* [tags_count] owned */
    size_t tags_count;
    char *extras[DEEPGRAM_TAGS]; /* [extras_count] owned, "key:value" */
    size_t extras_count;
    uint32_t named_depth;         /* by the model's name; 0: none */
    uint32_t depth;               /* asked; 0: not */
    uint32_t latency_ms;          /* budget asked; 0: not */
    uint32_t partial_depth;       /* of interim results, asked; 0: not */
    uint32_t partial_every_ms;    /* of audio between them, asked; 0: not */
    char tier[64];                /* asked; empty: not */
    struct hotword_list hotwords; /* keyterm and keywords */
    struct notices notices;       /* what has no effect */
    uint64_t misplaced[2];        /* rows of deepgram_config.c: for live streams, for recordings */
};

struct deepgram_error {
    int status;
    char message[512];
};

/* Who answers: for metadata. Strings are borrowed. */
struct deepgram_source {
    const char *request_id; /* UUID */
    const char *model_id;   /* UUID-like, of the seed */
    const char *model;      /* name */
    const char *version;
    uint32_t channel, channels;           /* of a live stream: which of how many */
    const struct deepgram_config *config; /* NULL: nothing was asked for */
    bool is_first;                        /* message of a live stream: it tells the notices */
};

/* catalog outlives the configuration. */
void deepgram_config_init(struct deepgram_config *config, const struct catalog *catalog);
void deepgram_config_finish(struct deepgram_config *config);
/* One decoded pair of the query string. 0, or -1 with *err. */
int deepgram_config_query(struct deepgram_config *config, const char *key, const char *value,
                          struct deepgram_error *err);
/* After the last pair: is it complete, for a live stream or a recording? */
int deepgram_config_check_live(struct deepgram_config *config, struct deepgram_error *err);
int deepgram_config_check_recording(struct deepgram_config *config, struct deepgram_error *err);
/* What a field's judge said, in this dialect. Returns -1. */
int deepgram_fail_field(struct deepgram_error *err, const struct field_error *wrong);

/* Is readable text wanted? Else words in lower case, without marks. */
bool deepgram_is_readable(const struct deepgram_config *config);

enum deepgram_message {
    DEEPGRAM_KEEP_ALIVE,
    DEEPGRAM_FINALIZE,
    DEEPGRAM_CLOSE_STREAM,
    DEEPGRAM_CONFIGURE, /* ours, in the way of Flux: deepgram_configure reads it */
    DEEPGRAM_UNKNOWN
};
/* A text frame [length]; DEEPGRAM_UNKNOWN for anything that is not a control message. *ret_channel:
 * the channel a Finalize names, or -1. */
enum deepgram_message deepgram_recv(const char *text, size_t length, int *ret_channel);

/* A Configure, {"type": "Configure", "depth", "partial_depth", "latency_ms", "partial_every_ms"}:
 * what it names is changed in config, null is as if it had never been asked for. 0; or -1 with
 * *err, and nothing is changed. */
int deepgram_configure(struct deepgram_config *config, const char *text, size_t length,
                       struct deepgram_error *err);

/* JSON texts, to be freed; NULL when out of memory. */
/* The answer to a Configure: what holds now, or why nothing has changed (failed, else NULL). */
char *deepgram_configured(const struct deepgram_config *config, const struct deepgram_error *failed,
                          const char *request_id);
char *deepgram_results(const struct result *result, const struct deepgram_source *source);
char *deepgram_speech_started(int64_t at_samples, const struct deepgram_source *source);
char *deepgram_utterance_end(int64_t last_word_samples, const struct deepgram_source *source);
char *deepgram_metadata(int64_t duration_samples, uint32_t channels, const char *created,
                        const struct deepgram_source *source);
/* What live results and answers to recordings have in common; a new reference. */
struct json_t *deepgram_alternative(const struct result_word *words, size_t count);
/* Adds tags, extra and warnings, where there are any, to metadata. */
void deepgram_add_asked(struct json_t *metadata, const struct deepgram_config *config);

/* err's message as a header's value: without what may not stand in one. Always terminates. */
void deepgram_error_header(const struct deepgram_error *err, char *ret_text, size_t room);
/* What a recording with a callback is answered at once. */
char *deepgram_accepted(const char *request_id);
char *deepgram_error_body(const struct deepgram_error *err, const char *request_id);

#endif
