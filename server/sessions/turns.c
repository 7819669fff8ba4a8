/* turns.c - see turns.h. */
#include "turns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "id.h"
#include "words.h"

#define DIGITS 24
/* Confidence that a word needs to become a delta before its final. Of 70 utterances of dev_clean,
 * at the pace of a microphone, 24 % of the words came early and in 68 the deltas said what the
 * completed text does; without it 56 %, and 50. */
#define SURE 0.9f

void turns_init(struct turns *turns)
{
    *turns = (struct turns){.first = NULL};
    turns->last = &turns->first;
}

static void forget_heard(struct turn *t)
{
    for (size_t i = 0; i < t->heard_count; i++)
        free(t->heard[i]);
    free(t->heard);
    t->heard = NULL;
    t->heard_count = 0;
}

static void free_turn(struct turn *t)
{
    for (size_t i = 0; i < t->words_count; i++)
        free((void *)(uintptr_t)t->words[i].text);
    free(t->words);
    forget_heard(t);
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

/* Does the segment begin with the words that deltas have brought? */
static bool goes_on(const struct turn *t, const struct result_segment *segment)
{
    if (segment->words_count < t->emitted)
        return false;
    for (size_t i = 0; i < t->emitted; i++)
        if (strcmp(segment->words[i].text, t->heard[i]) != 0)
            return false;
    return true;
}

static void note_shortage(struct turn *t, bool without_memory)
{
    t->is_short |= without_memory;
}

/* Words [count], with a space before them where there is text already. */
static char *emit(struct turn *t, const struct result_word *words, size_t count)
{
    char *joined = count ? words_join(words, count) : NULL, *delta = NULL;
    if (joined && *joined && asprintf(&delta, "%s%s", t->has_emitted ? " " : "", joined) < 0)
        delta = NULL;
    note_shortage(t, count && (!joined || (*joined && !delta)));
    free(joined);
    t->has_emitted = t->has_emitted || delta;
    return delta;
}

/* Keeps the partial's words for the next one. False without memory: then it keeps what it has. */
static bool hear(struct turn *t, const struct result_segment *partial)
{
    struct turn fresh = {.heard = calloc(partial->words_count + 1, sizeof *fresh.heard)};
    while (fresh.heard && fresh.heard_count < partial->words_count) {
        char *text = strdup(partial->words[fresh.heard_count].text);
        if (!text) {
            forget_heard(&fresh);
            break;
        }
        fresh.heard[fresh.heard_count++] = text;
    }
    if (!fresh.heard)
        return false;
    forget_heard(t);
    t->heard = fresh.heard;
    t->heard_count = fresh.heard_count;
    return true;
}

char *turns_settle(struct turn *t, const struct result_segment *partial)
{
    const int64_t settled_samples =
        partial->end_samples - TURNS_SETTLED_MS * (RESULT_RATE_HZ / 1000);
    size_t same = t->emitted;
    /* Deltas stand; only the final says whether the rest goes with them. */
    if (!goes_on(t, partial))
        return NULL;
    while (same < t->heard_count && same + 2 < partial->words_count &&
           partial->words[same].end_samples <= settled_samples &&
           partial->words[same].confidence >= SURE &&
           strcmp(partial->words[same].text, t->heard[same]) == 0)
        same++;
    const size_t emitted = t->emitted;
    if (!hear(t, partial) || same == emitted)
        return NULL;
    t->emitted = same;
    t->emitted_samples = partial->words[same - 1].end_samples;
    return emit(t, partial->words + emitted, same - emitted);
}

/* How many of the final's words deltas have brought. */
static size_t emitted_of(const struct turn *t, const struct result_segment *segment)
{
    size_t emitted = 0;
    if (goes_on(t, segment))
        return t->emitted;
    while (emitted < segment->words_count &&
           segment->words[emitted].start_samples < t->emitted_samples)
        emitted++;
    return emitted;
}

char *turns_say(struct turn *t, const struct result_segment *segment)
{
    const size_t emitted = emitted_of(t, segment);
    char *words = segment->words_count ? words_join(segment->words, segment->words_count) : NULL;
    char *text = NULL;
    if (words && *words &&
        asprintf(&text, "%s%s%s", t->text ? t->text : "", t->text ? " " : "", words) < 0)
        text = NULL;
    note_shortage(t, segment->words_count && (!words || (*words && !text)));
    free(words);
    char *delta = emitted < segment->words_count
                      ? emit(t, segment->words + emitted, segment->words_count - emitted)
                      : NULL;
    forget_heard(t);
    t->emitted = 0;
    t->emitted_samples = 0;
    if (text) {
        free(t->text);
        t->text = text;
    }
    return delta;
}

void turns_keep(struct turn *turn, const struct result_segment *segment)
{
    struct result_word *words =
        realloc(turn->words, (turn->words_count + segment->words_count + 1) * sizeof *words);
    note_shortage(turn, !words);
    if (!words)
        return;
    turn->words = words;
    for (size_t i = 0; i < segment->words_count; i++) {
        char *text = strdup(segment->words[i].text);
        note_shortage(turn, !text);
        if (!text)
            return;
        words[turn->words_count] = segment->words[i];
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
