/* One event of the client, and the same bytes as the body of a request for a key. */
#include <stdlib.h>

#include "pace.h"
#include "realtime_say.h"

const struct pace pace_limit = {0.1, 1e-5};

void pace_input(const uint8_t *bytes, size_t count)
{
    static const struct realtime_name name = {"event", "item", NULL};
    struct realtime_config config;
    struct realtime_event event;
    struct realtime_error err = {.code = NULL};
    uint32_t seconds = 0;

    const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};
    realtime_config_init(&config, &catalog);
    char *said;
    if (realtime_recv(&config, (const char *)bytes, count, &event, &err) == 0) {
        if (event.kind == REALTIME_UPDATE)
            realtime_event_settle(&event, &config);
        said = realtime_say_session("session.updated", &config, "sess", &name);
        realtime_event_finish(&event);
    } else {
        said = realtime_say_error(&err, event.event_id, &name);
        if (!err.message[0])
            abort();
    }
    if (!said || config.rate_hz < 8000 || config.depth > 3)
        abort();
    free(said);
    config.beta = count % 2;
    if (realtime_secret(&config, (const char *)bytes, count, config.beta, &seconds, &err) == 0 &&
        (seconds < 10 || seconds > 7200))
        abort();
    said = realtime_say_secret(&config, "sess", "ek_", 1);
    if (!said)
        abort();
    free(said);
    realtime_config_finish(&config);
}
