/* secrets.h - ephemeral keys: short-lived names for a session's settings, for browsers. Any thread.
 */
#ifndef SECRETS_H
#define SECRETS_H

#include <stdbool.h>
#include <stdint.h>

#include "realtime.h"

#define SECRETS_VALUE 40 /* "ek_" and 32 digits, and a terminating zero */

struct secrets;

/* 0, or -1 without memory. */
int secrets_open(struct secrets **ret_secrets);
void secrets_close(struct secrets *secrets); /* NULL is fine */

/* Copies config. owner: number of the key that asked, in whose name sessions are opened; 0: none
 * was needed. A key has 100 at once, all have 1,000. 0, or -1: no memory, or too many are alive. */
int secrets_issue(struct secrets *secrets, const struct realtime_config *config, uint64_t owner,
                  uint32_t seconds, char ret_value[SECRETS_VALUE], int64_t *ret_expires_at_s);
/* Does value look like one of ours? */
bool secrets_is_one(const char *value);
/* Is it alive? Then *ret_config is a copy, to be finished. */
bool secrets_find(struct secrets *secrets, const char *value, struct realtime_config *ret_config);
bool secrets_owner(struct secrets *secrets, const char *value, uint64_t *ret_owner);

#endif
