/* First a line "key=value&key=value", as the query; the rest is one text frame, and a body. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "deepgram_recording.h"
#include "flux.h"
#include "pace.h"

const struct pace pace_limit = {0.1, 5e-6};

static int query(struct deepgram_config *config, char *text, struct deepgram_error *err)
{
    char *rest = NULL;

    for (char *pair = strtok_r(text, "&", &rest); pair; pair = strtok_r(NULL, "&", &rest)) {
        char *is = strchr(pair, '=');
        if (is)
            *is = '\0';
        if (deepgram_config_query(config, pair, is ? is + 1 : "", err) < 0)
            return -1;
    }
    return deepgram_config_check_live(config, err);
}

/* The same bytes as of a conversation at /v2/listen. */
static void converse(char *text, const char *frame, size_t length)
{
    static const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};
    struct flux_config config;
    struct deepgram_error err = {0};
    char *rest = NULL;
    bool others, is_sound = true;

    flux_config_init(&config, &catalog);
    for (char *pair = strtok_r(text, "&", &rest); pair && is_sound;
         pair = strtok_r(NULL, "&", &rest)) {
        char *is = strchr(pair, '=');
        if (is)
            *is = '\0';
        is_sound = flux_config_query(&config, pair, is ? is + 1 : "", &err) == 0;
    }
    if (!is_sound && !err.message[0])
        abort();
    if (is_sound && flux_config_check(&config, &err) == 0 && frame &&
        flux_config_change(&config, frame, length, &others, &err) == 0 &&
        (!(config.eot_threshold >= FLUX_EOT_LEAST) ||
         !(config.eot_threshold <= FLUX_THRESHOLD_MOST) ||
         config.eager_threshold > config.eot_threshold))
        abort();
    if (frame && flux_recv(frame, length) > FLUX_UNKNOWN)
        abort();
    flux_config_finish(&config);
}

void pace_input(const uint8_t *bytes, size_t count)
{
    const uint8_t *end = memchr(bytes, '\n', count);
    const size_t length = end ? (size_t)(end - bytes) : count;
    struct deepgram_config config;
    struct deepgram_error err = {0};
    char *text = strndup((const char *)bytes, length);

    if (!text)
        return;
    const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};
    deepgram_config_init(&config, &catalog);
    if (query(&config, text, &err) < 0) {
        char *body = deepgram_error_body(&err, "request");
        if (!body || err.status != 400 || !err.message[0])
            abort();
        free(body);
    } else if ((config.encoding < DEEPGRAM_OPUS && config.rate_hz < 8000) || config.channels < 1 ||
               config.depth > 3) {
        abort();
    }
    if (end && deepgram_configure(&config, (const char *)end + 1, count - length - 1, &err) == 0 &&
        (config.depth > 3 || config.partial_depth > 3 || config.latency_ms > 3600000))
        abort();
    deepgram_config_finish(&config);
    free(text);
    text = strndup((const char *)bytes, length);
    if (text)
        converse(text, end ? (const char *)end + 1 : NULL, end ? count - length - 1 : 0);
    free(text);
    int channel;
    if (end &&
        deepgram_recv((const char *)end + 1, count - length - 1, &channel) > DEEPGRAM_UNKNOWN)
        abort();
    char *url;
    if (end && deepgram_recording_url((const char *)end + 1, count - length - 1, &url, &err) == 0) {
        if (strncasecmp(url, "http", 4) != 0)
            abort();
        free(url);
    }
}
