/* One text message; then the words it left in the config, as a conversation. */
#include <stdlib.h>
#include <string.h>

#include "pace.h"
#include "vosk.h"

const struct pace pace_limit = {0.1, 1e-5};

void pace_input(const uint8_t *bytes, size_t count)
{
    struct vosk_config config;
    struct vosk_error err = {""};
    struct vosk vosk;

    const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};
    vosk_config_init(&config, &catalog);
    const enum vosk_message kind = vosk_recv(&config, (const char *)bytes, count, &err);
    if ((kind == VOSK_BAD) != (err.message[0] != '\0') || config.rate_hz < 8000 ||
        config.depth > 3 || config.phrases.count > HOTWORD_LIST_MOST)
        abort();
    vosk_init(&vosk);
    vosk.words = config.words;
    vosk.alternatives = config.alternatives;
    for (size_t i = 0; i < config.phrases.count; i++) {
        const struct result_word word = {config.phrases.texts[i], 0, 16000, 1};
        const struct result result = {.segment = {.words = &word, .words_count = 1},
                                      .final = i % 2};
        if (vosk_hear(&vosk, &result) != 0)
            abort();
    }
    char *reply = vosk_reply(&vosk), *rest = vosk_rest(&vosk);
    if (!reply || !rest)
        abort();
    free(reply);
    free(rest);
    vosk_finish(&vosk);
    vosk_config_finish(&config);
}
