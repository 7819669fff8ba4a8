/* secrets.c - see secrets.h. A restart forgets them, as it ends the sessions they are for. When
 * they expire is told in the time of day, but kept in a time that nobody can set: a clock put back
 * would else give them a longer life, and one put forward end them all. */
#include "secrets.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "id.h"

#define MOST 1000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char value[SECRETS_VALUE];
    bool taken;
    double expires_ms; /* of clock_now_ms */
    uint64_t owner;
    struct realtime_config config;
} secrets[MOST]; /* {lock} */

/* {lock} */
static void expire(void)
{
    const double now_ms = clock_now_ms();
    for (size_t i = 0; i < MOST; i++)
        if (secrets[i].taken && secrets[i].expires_ms <= now_ms) {
            realtime_config_finish(&secrets[i].config);
            secrets[i].taken = false;
        }
}

int secrets_issue(const struct realtime_config *config, uint64_t owner, uint32_t seconds,
                  char ret_value[SECRETS_VALUE], int64_t *ret_expires_at_s)
{
    char id[ID_BYTES], *to = ret_value + 3;
    int result = -1;
    id_make(id);
    strcpy(ret_value, "ek_");
    for (const char *c = id; *c; c++)
        if (*c != '-')
            *to++ = *c;
    *to = '\0';
    pthread_mutex_lock(&lock);
    expire();
    for (size_t i = 0; i < MOST && result != 0; i++)
        if (!secrets[i].taken) {
            if (realtime_config_copy(&secrets[i].config, config) != 0)
                break;
            strcpy(secrets[i].value, ret_value);
            secrets[i].owner = owner;
            secrets[i].expires_ms = clock_now_ms() + seconds * 1e3;
            secrets[i].taken = true;
            *ret_expires_at_s = clock_unix_s() + seconds;
            result = 0;
        }
    pthread_mutex_unlock(&lock);
    return result;
}

bool secrets_is_one(const char *value)
{
    return strncmp(value, "ek_", 3) == 0;
}

bool secrets_find(const char *value, struct realtime_config *ret_config)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    expire();
    for (size_t i = 0; i < MOST && !found; i++)
        found = secrets[i].taken && strcmp(secrets[i].value, value) == 0 &&
                realtime_config_copy(ret_config, &secrets[i].config) == 0;
    pthread_mutex_unlock(&lock);
    return found;
}

bool secrets_owner(const char *value, uint64_t *ret_owner)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    expire();
    for (size_t i = 0; i < MOST && !found; i++)
        if (secrets[i].taken && strcmp(secrets[i].value, value) == 0) {
            *ret_owner = secrets[i].owner;
            found = true;
        }
    pthread_mutex_unlock(&lock);
    return found;
}
