#include "keyfile.h"

#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"

__attribute__((format(printf, 2, 3))) static int fail(struct keyfile_note *note, const char *format,
                                                      ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(note->text, sizeof note->text, format, args);
    va_end(args);
    return -1;
}

static bool is_name(const char *text)
{
    const size_t length = strlen(text);

    for (const char *c = text; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
            return false;
    return length > 0 && length < TIER_NAME_BYTES;
}

/* ---- tiers ---------------------------------------------------------------------------------- */

static int read_number(struct tier *tier, const char *name, const char *field, const json_t *value,
                       uint32_t unfolds, struct keyfile_note *note)
{
    const struct {
        const char *field;
        uint32_t *at, least, most;
    } fields[] = {
        {"priority", &tier->priority, 0, TIER_PRIORITIES - 1},
        {"depth_floor", &tier->depth_floor, 1, unfolds},
        {"depth_ceiling", &tier->depth_ceiling, 1, unfolds},
        {"partial_depth", &tier->partial_depth, 1, unfolds},
        {"streams", &tier->streams, 0, 100000},
        {"requests_per_minute", &tier->requests_per_minute, 0, 1000000},
        {"latency_ms", &tier->latency_ms, 0, TIER_BUDGET_MS},
    };

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(fields[i].field, field) != 0)
            continue;
        const json_int_t number = json_integer_value(value);
        if (!json_is_integer(value) || number < fields[i].least || number > fields[i].most)
            return fail(note, "tier \"%s\": %s must be a whole number from %u to %u", name, field,
                        fields[i].least, fields[i].most);
        *fields[i].at = (uint32_t)number;
        return 0;
    }
    return fail(note,
                "tier \"%s\": there is no \"%.40s\": there are name, priority, depth_floor, "
                "depth_ceiling, partial_depth, streams, requests_per_minute and latency_ms",
                name, field);
}

static int read_tier(struct keyfile *file, const json_t *json, uint32_t unfolds,
                     struct keyfile_note *note)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    struct tier tier = tier_default(unfolds);
    const char *field;
    json_t *value;

    tier.priority = 0;
    if (!name || !is_name(name))
        return fail(note, "tier %zu has no name of 1 to %d letters, digits, '-' and '_'",
                    file->tiers_count + 1, TIER_NAME_BYTES - 1);
    for (size_t i = 0; i < file->tiers_count; i++)
        if (strcmp(file->tiers[i].name, name) == 0)
            return fail(note, "there are two tiers named \"%s\"", name);
    if (file->tiers_count == KEYFILE_TIERS)
        return fail(note, "there are more than %d tiers", KEYFILE_TIERS);
    snprintf(tier.name, sizeof tier.name, "%s", name);
    json_object_foreach ((json_t *)(uintptr_t)json, field, value) {
        if (strcmp(field, "name") != 0 && read_number(&tier, name, field, value, unfolds, note) < 0)
            return -1;
    }
    if (tier.depth_floor > tier.depth_ceiling)
        return fail(note, "tier \"%s\": its depth_floor %u is above its depth_ceiling %u", name,
                    tier.depth_floor, tier.depth_ceiling);
    file->tiers[file->tiers_count++] = tier;
    return 0;
}

/* ---- keys ----------------------------------------------------------------------------------- */

static int read_key(struct keyfile *file, size_t index, const json_t *json,
                    struct keyfile_note *note)
{
    const json_t *label = json_object_get(json, "name");
    const char *hash = json_string_value(json_object_get(json, "sha256"));
    const char *tier = json_string_value(json_object_get(json, "tier"));
    struct keyfile_key *key = &file->keys[index];
    const char *field;
    json_t *value;

    *key = (struct keyfile_key){.tier = KEYFILE_TIERS};
    if (!hash || !hex_read(key->sha256, sizeof key->sha256, hash))
        return fail(note, "key %zu has no \"sha256\" of 64 hex digits", index + 1);
    for (uint32_t i = 0; tier && i < file->tiers_count; i++)
        if (strcmp(file->tiers[i].name, tier) == 0)
            key->tier = i;
    if (key->tier == KEYFILE_TIERS)
        return fail(note, "key %zu: there is no tier \"%.40s\"", index + 1, tier ? tier : "");
    if (label && (!json_is_string(label) || !is_name(json_string_value(label))))
        return fail(note, "key %zu: its name must be 1 to %d letters, digits, '-' and '_'",
                    index + 1, TIER_NAME_BYTES - 1);
    snprintf(key->name, sizeof key->name, "%s", label ? json_string_value(label) : "");
    json_object_foreach ((json_t *)(uintptr_t)json, field, value) {
        if (strcmp(field, "sha256") != 0 && strcmp(field, "tier") != 0 &&
            strcmp(field, "name") != 0)
            return fail(note, "key %zu: there is no \"%.40s\": there are sha256, tier and name",
                        index + 1, field);
    }
    return 0;
}

/* Tiers that no key has do not count. */
static void see_who_is_above(struct keyfile *file)
{
    uint32_t greatest = 0;

    for (size_t i = 0; i < file->keys_count; i++)
        if (file->tiers[file->keys[i].tier].priority > greatest)
            greatest = file->tiers[file->keys[i].tier].priority;
    for (size_t i = 0; i < file->tiers_count; i++)
        file->tiers[i].leaves_room = file->tiers[i].priority < greatest;
}

static int by_hash(const void *a, const void *b)
{
    return memcmp(((const struct keyfile_key *)a)->sha256, ((const struct keyfile_key *)b)->sha256,
                  32);
}

static int read_file(struct keyfile *file, const json_t *json, uint32_t unfolds,
                     struct keyfile_note *note)
{
    const json_t *tiers = json_object_get(json, "tiers"), *keys = json_object_get(json, "keys");

    if (json_array_size(tiers) < 1 || !json_is_array(keys) || json_object_size(json) != 2)
        return fail(note,
                    "expected an object of two arrays: \"tiers\" (at least one) and \"keys\"");
    for (size_t i = 0; i < json_array_size(tiers); i++)
        if (read_tier(file, json_array_get(tiers, i), unfolds, note) < 0)
            return -1;
    file->keys_count = json_array_size(keys);
    if (file->keys_count > KEYFILE_KEYS)
        return fail(note, "there are more than %d keys", KEYFILE_KEYS);
    file->keys = calloc(file->keys_count + 1, sizeof *file->keys);
    if (!file->keys)
        return fail(note, "out of memory");
    for (size_t i = 0; i < file->keys_count; i++)
        if (read_key(file, i, json_array_get(keys, i), note) < 0)
            return -1;
    qsort(file->keys, file->keys_count, sizeof *file->keys, by_hash);
    for (size_t i = 1; i < file->keys_count; i++)
        if (by_hash(&file->keys[i - 1], &file->keys[i]) == 0)
            return fail(note, "a key is there twice: its sha256 begins with %02x%02x%02x%02x",
                        file->keys[i].sha256[0], file->keys[i].sha256[1], file->keys[i].sha256[2],
                        file->keys[i].sha256[3]);
    see_who_is_above(file);
    return 0;
}

int keyfile_parse(struct keyfile *ret_file, const char *text, size_t length, uint32_t unfolds,
                  struct keyfile_note *note)
{
    struct keyfile file = {.keys = NULL};
    json_error_t error;
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        return fail(note, "line %d: %.160s", error.line, error.text);
    const int result = read_file(&file, json, unfolds, note);
    json_decref(json);
    if (result < 0)
        keyfile_finish(&file);
    else
        *ret_file = file;
    return result;
}

void keyfile_finish(struct keyfile *file)
{
    free(file->keys);
    file->keys = NULL;
    file->keys_count = 0;
}

const struct keyfile_key *keyfile_find(const struct keyfile *file, const uint8_t sha256[32])
{
    struct keyfile_key wanted = {.tier = 0};

    memcpy(wanted.sha256, sha256, 32);
    return file->keys_count
               ? bsearch(&wanted, file->keys, file->keys_count, sizeof *file->keys, by_hash)
               : NULL;
}
