/* realtime.h - OpenAI's Realtime dialect for transcription: the session's settings and the client's
 * events. What the server says is in realtime_say.h. Pure functions.
 *
 * Two shapes of the same settings exist: nested (GA) and flat (beta); both are read at any time,
 * and a session answers in the one it was opened in. */
#ifndef REALTIME_H
#define REALTIME_H

#include "catalog.h"
#include "hotword_list.h"
#include "notices.h"

#define REALTIME_TEXT_MAX (21u << 20) /* of one event: 15 MiB of audio in base64 */
#define REALTIME_ID       80
#define REALTIME_BOOST    4.0f /* of keywords */

enum realtime_audio { REALTIME_PCM, REALTIME_PCMU, REALTIME_PCMA };

enum realtime_turns { REALTIME_MANUAL, REALTIME_SERVER_VAD, REALTIME_SEMANTIC_VAD };

/* Plain data but for its keywords. */
struct realtime_config {
    const struct catalog *catalog; /* borrowed */
    bool beta;                     /* answers in the flat shape */
    enum realtime_audio audio;
    uint32_t rate_hz; /* 24000; of PCM also 8000, 16000, 48000. G.711: 8000 */
    char model[CATALOG_NAME], language[32], prompt[1024], delay[8],
        noise_reduction[16]; /* empty: not given */
    struct hotword_list keywords;
    enum realtime_turns turns;
    double threshold;
    uint32_t prefix_padding_ms, silence_ms;
    char eagerness[8];
    bool logprobs;
    uint32_t depth;         /* of finals, by the model's name or delay; 0: not asked */
    struct notices notices; /* what of the last settings that came has no effect */
};

struct realtime_error {
    const char *code; /* static, may be NULL */
    char param[64];   /* empty: none */
    char message[512];
};

enum realtime_kind {
    REALTIME_UPDATE,
    REALTIME_APPEND,
    REALTIME_COMMIT,
    REALTIME_CLEAR,
    REALTIME_RETRIEVE,
    REALTIME_DELETE
};

struct realtime_event {
    enum realtime_kind kind;
    bool beta_type;                                   /* transcription_session.update */
    char event_id[REALTIME_ID], item_id[REALTIME_ID]; /* as sent; empty: none */
    uint8_t *audio;                                   /* owned: REALTIME_APPEND */
    size_t audio_bytes;
    struct realtime_config *changed; /* owned: REALTIME_UPDATE: what the settings are to become */
};

/* catalog outlives the settings. */
void realtime_config_init(struct realtime_config *config, const struct catalog *catalog);
void realtime_config_finish(struct realtime_config *config);
/* A copy of its own; -1 without memory. */
int realtime_config_copy(struct realtime_config *to, const struct realtime_config *from);

/* A pair of the URL's query, decoded; the model may be named there, with a depth or without, or one
 * of OpenAI's for conversations, as the JavaScript SDK has to: what is heard is transcribed. 0, or
 * -1 with *err. */
int realtime_query(struct realtime_config *config, const char *key, const char *value,
                   struct realtime_error *err);

/* One event of the client, to a session with that config. 0: *ret_event, to be finished. -1: *err,
 * and ret_event->event_id for the answer. */
int realtime_recv(const struct realtime_config *config, const char *text, size_t length,
                  struct realtime_event *ret_event, struct realtime_error *err);
/* REALTIME_UPDATE: config becomes what was asked for; event->changed is what it was. */
void realtime_event_settle(struct realtime_event *event, struct realtime_config *config);
void realtime_event_finish(struct realtime_event *event);

/* The body of a request for an ephemeral key: settings (GA: under "session", beta: flat) and how
 * long it holds. 0, or -1 with *err. */
int realtime_secret(struct realtime_config *config, const char *text, size_t length, bool beta,
                    uint32_t *ret_seconds, struct realtime_error *err);

#endif
