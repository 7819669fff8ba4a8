#include "catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names that clients send by default, or that their makers' pages have. One that ends in * stands
 * for all that begin so; those are said where a name is refused, the others where models are
 * listed. A name that promises what is not done (speakers, many languages) is none of them. */
static const struct {
    const char *name;
    bool is_covered; /* by one with a * */
} known[] = {
    {"whisper-1", true},
    {"whisper-large-v3", true},
    {"whisper-large-v3-turbo", true},
    {"whisper-*", false},
    {"gpt-4o-transcribe", false},
    {"gpt-4o-mini-transcribe", false},
    {"gpt-4o-mini-transcribe-20*", false},
    {"gpt-transcribe", false},
    {"gpt-live-transcribe", false},
    {"gpt-realtime-whisper", false},
    {"openai/whisper-*", false},
    {"Systran/faster-whisper-*", false},
    {"distil-whisper-*", false},
    {"nova", true},
    {"nova-2", true},
    {"nova-2-general", true},
    {"nova-3", true},
    {"nova-3-general", true},
    {"nova*", false},
    {"enhanced", true},
    {"enhanced*", false},
    {"base", true},
    {"base*", false},
    {"flux-general-en", false},
};
#define KNOWN (sizeof known / sizeof *known)

static bool is_pattern(const char *name)
{
    return name[strlen(name) - 1] == '*';
}

static bool is_like(const char *pattern, const char *name)
{
    return is_pattern(pattern) ? strncmp(pattern, name, strlen(pattern) - 1) == 0
                               : strcmp(pattern, name) == 0;
}

static bool is_own(const struct catalog *c, const char *name)
{
    return strcmp(name, c->seed) == 0 || strcmp(name, "foldscribe") == 0;
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < KNOWN; i++)
        if (is_like(known[i].name, name))
            return true;
    return false;
}

static const struct catalog_alias *find_alias(const struct catalog *c, const char *name)
{
    for (size_t i = 0; i < c->aliases_count; i++)
        if (strcmp(c->aliases[i].name, name) == 0)
            return &c->aliases[i];
    return NULL;
}

/* Takes the depth off a NAME@depth: what stands behind the last @, or NULL. */
static char *split_depth(char *name)
{
    char *at = strrchr(name, '@');
    if (!at)
        return NULL;
    *at = '\0';
    return at + 1;
}

void catalog_list(const struct catalog *c, char *ret_text, size_t room)
{
    size_t used = (size_t)snprintf(ret_text, room, "foldscribe");

    if (strcmp(c->seed, "foldscribe") != 0 && used < room)
        used += (size_t)snprintf(ret_text + used, room - used, ", %s", c->seed);
    for (size_t i = 0; i < c->aliases_count && used < room; i++)
        used += (size_t)snprintf(ret_text + used, room - used, ", %s", c->aliases[i].name);
    for (size_t i = 0; i < KNOWN && used < room; i++)
        if (!known[i].is_covered)
            used += (size_t)snprintf(ret_text + used, room - used, ", %s", known[i].name);
}

/* Follows aliases to the model; the first depth on the way counts. More steps than there are
 * aliases are a circle. */
static int resolve(const struct catalog *c, const char *name, uint32_t *ret_depth)
{
    const struct catalog_alias *alias;
    const char *at = name;

    *ret_depth = 0;
    for (size_t steps = 0; (alias = find_alias(c, at)); steps++) {
        if (steps == c->aliases_count)
            return -1;
        if (!*ret_depth)
            *ret_depth = alias->depth;
        at = alias->model;
    }
    return is_own(c, at) || is_known(at) ? 0 : -1;
}

/* ---- the operator's ------------------------------------------------------------------------- */

static int add_alias(struct catalog *c, char *text, struct field_error *err)
{
    struct catalog_alias *alias = &c->aliases[c->aliases_count];
    char *model = strchr(text, '=');

    if (!model || model == text || !model[1])
        return field_fail(err, FIELD_INVALID, "alias", "%.80s: expected NAME=MODEL or NAME=MODEL@1",
                          text);
    *model++ = '\0';
    const char *depth = split_depth(model);
    if (strchr(text, '@'))
        return field_fail(err, FIELD_INVALID, "alias", "%.80s: a name has no depth: %s=MODEL@1",
                          text, "NAME");
    if (find_alias(c, text))
        return field_fail(err, FIELD_INVALID, "alias", "%.80s is there twice", text);
    if (c->aliases_count == CATALOG_ALIASES)
        return field_fail(err, FIELD_TOO_MANY, "alias", "at most %d are allowed", CATALOG_ALIASES);
    if (field_text(alias->name, sizeof alias->name, "alias", text, err) != 0 ||
        field_text(alias->model, sizeof alias->model, "alias", model, err) != 0)
        return -1;
    alias->depth = 0;
    if (depth && field_depth(&alias->depth, "alias", depth, c->unfolds, err) != 0)
        return -1;
    c->aliases_count++;
    return 0;
}

/* Where an alias that leads to no model ends. */
static int complain(const struct catalog *c, const struct catalog_alias *first,
                    struct field_error *err)
{
    const struct catalog_alias *alias = first;
    char list[400];

    for (size_t steps = 0; steps <= c->aliases_count; steps++) {
        const struct catalog_alias *next = find_alias(c, alias->model);
        if (!next) {
            const struct catalog none = {.seed = c->seed};
            catalog_list(&none, list, sizeof list);
            return field_fail(err, FIELD_NO_MODEL, "alias",
                              "%.60s=%.60s: there is no model of that name: there are %s",
                              alias->name, alias->model, list);
        }
        alias = next;
    }
    return field_fail(err, FIELD_INVALID, "alias", "%.80s=%.80s leads in a circle", first->name,
                      first->model);
}

int catalog_open(struct catalog *c, const char *seed, uint32_t unfolds, int64_t created_s,
                 const char *aliases, struct field_error *err)
{
    uint32_t depth;

    *c = (struct catalog){.seed = seed, .unfolds = unfolds, .created_s = created_s};
    while (*aliases) {
        char one[2 * CATALOG_NAME + 16];
        aliases += strspn(aliases, ", ");
        const size_t length = strcspn(aliases, ", ");
        if (!length)
            break;
        if (length >= sizeof one)
            return field_fail(err, FIELD_TOO_LONG, "alias", "%.80s... is too long", aliases);
        memcpy(one, aliases, length);
        one[length] = '\0';
        if (add_alias(c, one, err) != 0)
            return -1;
        aliases += length;
    }
    for (size_t i = 0; i < c->aliases_count; i++)
        if (resolve(c, c->aliases[i].name, &depth) != 0)
            return complain(c, &c->aliases[i], err);
    return 0;
}

/* ---- requests ------------------------------------------------------------------------------- */

int catalog_find(const struct catalog *c, const char *field, const char *name, uint32_t *ret_depth,
                 struct field_error *err)
{
    char model[CATALOG_NAME], list[400];
    const bool fits = strlen(name) < sizeof model;

    snprintf(model, sizeof model, "%s", fits ? name : "");
    const char *depth = split_depth(model);
    if (!fits || !*model || resolve(c, model, ret_depth) != 0) {
        catalog_list(c, list, sizeof list);
        return field_fail(err, FIELD_NO_MODEL, field,
                          "the model '%.60s' does not exist: use %s; with @1 to @%u for a depth",
                          name, list, c->unfolds);
    }
    return depth ? field_depth(ret_depth, field, depth, c->unfolds, err) : 0;
}

const char *catalog_name(const struct catalog *c, size_t index, uint32_t *ret_depth)
{
    const char *const own[] = {"foldscribe", c->seed};
    const size_t own_count = strcmp(c->seed, "foldscribe") == 0 ? 1 : 2;

    *ret_depth = 0;
    for (size_t i = 0; i < own_count; i++)
        if (!find_alias(c, own[i]) && index-- == 0)
            return own[i];
    if (index < c->aliases_count) {
        resolve(c, c->aliases[index].name, ret_depth);
        return c->aliases[index].name;
    }
    index -= c->aliases_count;
    for (size_t i = 0; i < KNOWN; i++)
        if (!is_pattern(known[i].name) && !find_alias(c, known[i].name) && index-- == 0)
            return known[i].name;
    return NULL;
}
