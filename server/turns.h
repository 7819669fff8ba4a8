/* turns.h - what is said in a Realtime session, turn by turn, the oldest first; and the last items
 * that came of it. Not locked. */
#ifndef TURNS_H
#define TURNS_H

#include "realtime.h"
#include "update.h"

#define TURNS_RECENT 32 /* items that can be retrieved */

struct turn {
    struct turn *next;
    char id[REALTIME_ID];
    bool is_committed;
    int64_t start_samples, end_samples; /* of the session */
    double seconds;                     /* committed by the client: of sound; else 0 */
    char *text;                         /* so far; NULL: none */
    struct update_word *words;          /* [words_count], texts owned: for logprobs */
    size_t words_count;
};

struct turns {
    struct turn *first, **last;
    struct turn *speaking; /* of first..last: a voice began it, and goes on */
    struct {
        char id[REALTIME_ID];
        char *text;
    } recent[TURNS_RECENT];
    size_t recent_at;
};

void turns_init(struct turns *turns);
void turns_finish(struct turns *turns);

/* A name like OpenAI's: a prefix and 24 digits. */
void turns_name(char ret_name[REALTIME_ID], const char *prefix);

/* A new one at the end; NULL without memory. */
struct turn *turns_add(struct turns *turns);
/* The last one, when it is not committed; else a new one. */
struct turn *turns_open(struct turns *turns);
/* Drops the one that is not committed, if there is one. */
void turns_drop_open(struct turns *turns);
/* The first is over: it goes, and its text can be retrieved for a while. */
void turns_retire_first(struct turns *turns);

/* Adds words: the text that is new, to be freed, with a space before it where one belongs; NULL
 * when there is none, or no memory. */
char *turns_say(struct turn *turn, const struct update_span *span);
/* Keeps copies of the words themselves. */
void turns_keep(struct turn *turn, const struct update_span *span);

/* The text of a recent item, NULL when there is no such; and its end. */
const char *turns_recall(const struct turns *turns, const char *id);
void turns_forget(struct turns *turns, const char *id);

#endif
