/* turns.c - see turns.h. */
#include "turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "id.h"
#include "words.h"

#define DIGITS 24

void turns_init(struct turns *turns)
{
    *turns = (struct turns){.first = NULL};
    turns->last = &turns->first;
}

static void free_turn(struct turn *t)
{
    for (size_t i = 0; i < t->words_count; i++)
        free((void *)(uintptr_t)t->words[i].text);
    free(t->words);
    free(t->text);
    free(t);
}

static void drop(struct turns *turns, struct turn **at)
{
    struct turn *t = *at;
    *at = t->next;
    if (!*at)
        turns->last = at;
    if (turns->speaking == t)
        turns->speaking = NULL;
    free_turn(t);
}

void turns_finish(struct turns *turns)
{
    while (turns->first)
        drop(turns, &turns->first);
    for (size_t i = 0; i < TURNS_RECENT; i++)
        free(turns->recent[i].text);
}

void turns_name(char ret_name[REALTIME_ID], const char *prefix)
{
    char id[ID_BYTES];
    const size_t end = strlen(prefix) + DIGITS;
    size_t n = strlen(prefix);
    id_make(id);
    memcpy(ret_name, prefix, n);
    for (const char *c = id; *c && n < end; c++)
        if (*c != '-')
            ret_name[n++] = *c;
    ret_name[n] = '\0';
}

struct turn *turns_add(struct turns *turns)
{
    struct turn *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    turns_name(t->id, "item_");
    *turns->last = t;
    turns->last = &t->next;
    return t;
}

/* Where the one that is not committed hangs, or would. */
static struct turn **find_open(struct turns *turns)
{
    struct turn **at = &turns->first;
    while (*at && (*at)->is_committed)
        at = &(*at)->next;
    return at;
}

struct turn *turns_open(struct turns *turns)
{
    struct turn *open = *find_open(turns);
    return open ? open : turns_add(turns);
}

void turns_drop_open(struct turns *turns)
{
    struct turn **at = find_open(turns);
    if (*at)
        drop(turns, at);
}

void turns_retire_first(struct turns *turns)
{
    struct turn *t = turns->first;
    char **text = &turns->recent[turns->recent_at].text;
    memcpy(turns->recent[turns->recent_at].id, t->id, sizeof t->id);
    free(*text);
    *text = t->text;
    t->text = NULL;
    turns->recent_at = (turns->recent_at + 1) % TURNS_RECENT;
    drop(turns, &turns->first);
}

char *turns_say(struct turn *turn, const struct update_span *span)
{
    char *words = words_join(span->words, span->words_count), *delta = NULL, *text = NULL;
    if (words && *words && asprintf(&delta, "%s%s", turn->text ? " " : "", words) < 0)
        delta = NULL;
    free(words);
    if (delta && asprintf(&text, "%s%s", turn->text ? turn->text : "", delta) < 0)
        text = NULL;
    if (!text) {
        free(delta);
        return NULL;
    }
    free(turn->text);
    turn->text = text;
    return delta;
}

void turns_keep(struct turn *turn, const struct update_span *span)
{
    struct update_word *words =
        realloc(turn->words, (turn->words_count + span->words_count + 1) * sizeof *words);
    if (!words)
        return;
    turn->words = words;
    for (size_t i = 0; i < span->words_count; i++) {
        char *text = strdup(span->words[i].text);
        if (!text)
            return;
        words[turn->words_count] = span->words[i];
        words[turn->words_count++].text = text;
    }
}

static size_t find(const struct turns *turns, const char *id)
{
    size_t i = 0;
    while (i < TURNS_RECENT && strcmp(turns->recent[i].id, id) != 0)
        i++;
    return *id ? i : TURNS_RECENT;
}

const char *turns_recall(const struct turns *turns, const char *id)
{
    const size_t i = find(turns, id);
    if (i == TURNS_RECENT)
        return NULL;
    return turns->recent[i].text ? turns->recent[i].text : "";
}

void turns_forget(struct turns *turns, const char *id)
{
    const size_t i = find(turns, id);
    if (i < TURNS_RECENT)
        turns->recent[i].id[0] = '\0';
}
