/* vosk.h - the dialect of vosk-server: JSON and samples in, exactly one JSON text for each message
 * of samples out. Pure; what was heard but not said yet is kept in struct vosk. */
#ifndef VOSK_H
#define VOSK_H

#include "catalog.h"
#include "hotword_list.h"
#include "notices.h"
#include "result.h"

#define VOSK_BOOST 4.0f /* of phrases */

struct vosk_config {
    const struct catalog *catalog; /* borrowed */
    uint32_t rate_hz;              /* 8000, as the reference server, unless said otherwise */
    bool words;                    /* with times and confidences */
    uint32_t alternatives;         /* texts for each result; 0: one, in the plain form */
    uint32_t depth;                /* 0: not asked. An extension: "depth", or the model's NAME@r */
    struct hotword_list phrases;   /* a grammar is taken as words to favour */
    struct notices notices;        /* what has no effect */
};

struct vosk_error {
    char message[512];
};

enum vosk_message { VOSK_CONFIG, VOSK_RESET, VOSK_EOF, VOSK_BAD };

/* catalog outlives the configuration. */
void vosk_config_init(struct vosk_config *config, const struct catalog *catalog);
void vosk_config_finish(struct vosk_config *config);
/* A text message [length]. VOSK_CONFIG: config was changed where the message says so. VOSK_BAD:
 * nothing was changed, *err says why. */
enum vosk_message vosk_recv(struct vosk_config *config, const char *text, size_t length,
                            struct vosk_error *err);

struct vosk_text;

struct vosk {
    bool words;
    uint32_t alternatives;           /* as in vosk_config */
    struct notices notices;          /* as in vosk_config; told with the next reply, */
    bool has_told;                   /* if they were not, and with the last */
    char *partial;                   /* text of the segment that is not final; NULL: none */
    struct vosk_text *first, **last; /* finals not said yet, in order */
};

void vosk_init(struct vosk *vosk);
void vosk_finish(struct vosk *vosk);
/* Takes in a final or a partial; a final without words says nothing. 0, or -1 without memory. */
int vosk_hear(struct vosk *vosk, const struct result *result);
/* What a message of samples is answered with: the oldest final, else the latest partial. To be
 * freed; NULL when out of memory. */
char *vosk_reply(struct vosk *vosk);
/* What a reset or the end is answered with: all finals as one result, however many there are. */
char *vosk_rest(struct vosk *vosk);

#endif
