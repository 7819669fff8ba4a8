/* config.h - values of a seed's configuration, each judged as it is read: what is wrong, and what
 * is allowed. Of many calls in a row the first error counts (loader.h). */
#ifndef CONFIG_H
#define CONFIG_H

#include "loader.h"

/* object[key], an integer from low to high; 0 where it is none. */
uint32_t config_int(struct loader *l, const json_t *object, const char *key, json_int_t low,
                    json_int_t high);

/* object[key]; absent is false. */
bool config_bool(struct loader *l, const json_t *object, const char *key);

/* Which of choices [count] the text object[key] is; absent is the first. */
uint32_t config_choice(struct loader *l, const json_t *object, const char *key,
                       const char *const *choices, uint32_t count);

/* object[key], a list of low to high integers from least to most, to ret [high]; its length, 0
 * where it is none. */
uint32_t config_list(struct loader *l, const json_t *object, const char *key, uint32_t low,
                     uint32_t high, json_int_t least, json_int_t most, uint32_t *ret);

/* object[key] where it is given and not null, else NULL. */
json_t *config_given(const json_t *object, const char *key);

#endif
