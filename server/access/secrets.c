/* secrets.c - see secrets.h. A restart forgets them, as it ends the sessions they are for. Clients
 * are given the time of expiry by the calendar, but it is judged by the monotonic clock: setting
 * the system's clock back would else prolong their life, and setting it forward end them all. */
#include "secrets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "id.h"

#define MOST     1000
#define MOST_OWN 100 /* of one key, so that nobody takes them all */

struct secret {
    char value[SECRETS_VALUE];
    bool taken;
    double expires_ms; /* of clock_now_ms */
    uint64_t owner;
    struct realtime_config config;
};

struct secrets {
    pthread_mutex_t lock;
    struct secret list[MOST]; /* {lock} */
};

int secrets_open(struct secrets **ret_secrets)
{
    struct secrets *secrets = calloc(1, sizeof *secrets);
    if (!secrets || pthread_mutex_init(&secrets->lock, NULL) != 0) {
        free(secrets);
        return -1;
    }
    *ret_secrets = secrets;
    return 0;
}

void secrets_close(struct secrets *secrets)
{
    if (!secrets)
        return;
    for (size_t i = 0; i < MOST; i++)
        if (secrets->list[i].taken)
            realtime_config_finish(&secrets->list[i].config);
    pthread_mutex_destroy(&secrets->lock);
    free(secrets);
}

/* {lock} */
static void expire(struct secrets *secrets)
{
    const double now_ms = clock_now_ms();
    for (size_t i = 0; i < MOST; i++)
        if (secrets->list[i].taken && secrets->list[i].expires_ms <= now_ms) {
            realtime_config_finish(&secrets->list[i].config);
            secrets->list[i].taken = false;
        }
}

int secrets_issue(struct secrets *secrets, const struct realtime_config *config, uint64_t owner,
                  uint32_t seconds, char ret_value[SECRETS_VALUE], int64_t *ret_expires_at_s)
{
    char id[ID_BYTES], *to = ret_value + 3;
    int result = -1;
    id_make(id);
    strcpy(ret_value, "ek_");
    for (const char *c = id; *c; c++)
        if (*c != '-')
            *to++ = *c;
    *to = '\0';
    size_t own = 0;
    pthread_mutex_lock(&secrets->lock);
    expire(secrets);
    for (size_t i = 0; i < MOST && owner; i++)
        own += secrets->list[i].taken && secrets->list[i].owner == owner;
    for (size_t i = 0; i < MOST && own < MOST_OWN && result != 0; i++)
        if (!secrets->list[i].taken) {
            if (realtime_config_copy(&secrets->list[i].config, config) != 0)
                break;
            strcpy(secrets->list[i].value, ret_value);
            secrets->list[i].owner = owner;
            secrets->list[i].expires_ms = clock_now_ms() + seconds * 1e3;
            secrets->list[i].taken = true;
            *ret_expires_at_s = clock_unix_s() + seconds;
            result = 0;
        }
    pthread_mutex_unlock(&secrets->lock);
    return result;
}

bool secrets_is_one(const char *value)
{
    return strncmp(value, "ek_", 3) == 0;
}

bool secrets_find(struct secrets *secrets, const char *value, struct realtime_config *ret_config)
{
    bool found = false;
    pthread_mutex_lock(&secrets->lock);
    expire(secrets);
    for (size_t i = 0; i < MOST && !found; i++)
        found = secrets->list[i].taken && strcmp(secrets->list[i].value, value) == 0 &&
                realtime_config_copy(ret_config, &secrets->list[i].config) == 0;
    pthread_mutex_unlock(&secrets->lock);
    return found;
}

bool secrets_owner(struct secrets *secrets, const char *value, uint64_t *ret_owner)
{
    bool found = false;
    pthread_mutex_lock(&secrets->lock);
    expire(secrets);
    for (size_t i = 0; i < MOST && !found; i++)
        if (secrets->list[i].taken && strcmp(secrets->list[i].value, value) == 0) {
            *ret_owner = secrets->list[i].owner;
            found = true;
        }
    pthread_mutex_unlock(&secrets->lock);
    return found;
}
