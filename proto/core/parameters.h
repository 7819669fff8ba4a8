/* parameters.h - what a request may ask for that is not done here, whatever the dialect: the last
 * stop for every key that a dialect does not know itself. Pure. */
#ifndef PARAMETERS_H
#define PARAMETERS_H

#include "field.h"
#include "notices.h"

/* A key with its value as text, "false" where it asks for nothing. What protects or chooses is
 * refused, unless it asks for nothing: -1 with *err. What would enrich, and what nobody knows, goes
 * to notices: 0. "key[]" and "key[x]" are taken as key. */
int parameters_judge(struct notices *notices, const char *key, const char *value,
                     struct field_error *err);

/* The same for all keys of a JSON object but those in known [known_count], which may be NULL;
 * prefix, as "session.", stands before their names. */
struct json_t;
int parameters_judge_json(struct notices *notices, const struct json_t *object, const char *prefix,
                          const char *const *known, size_t known_count, struct field_error *err);

#endif
