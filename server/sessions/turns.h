/* turns.h - what is said in a Realtime session, turn by turn, the oldest first; and the last items
 * that came of it. Not locked. */
#ifndef TURNS_H
#define TURNS_H

#include "realtime.h"
#include "result.h"

#define TURNS_RECENT 32 /* items that can be retrieved */

struct turn {
    struct turn *next;
    char id[REALTIME_ID];
    bool is_committed;
    int64_t start_samples, end_samples; /* of the session */
    double seconds;                     /* committed by the client: of sound; else 0 */
    char *text;                         /* of finals so far; NULL: none */
    struct result_word *words;          /* [words_count], texts owned: for logprobs */
    size_t words_count;
    /* Of the segment that is not final yet: */
    char **heard; /* [heard_count] words of its last partial, owned */
    size_t heard_count;
    size_t emitted;          /* leading words of it that deltas have brought */
    int64_t emitted_samples; /* where the last of them ends */
    bool is_short;           /* of words, for want of memory */
    bool has_emitted;        /* anything, of any segment */
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

/* A delta is never taken back, so of a partial only those words become one that the
 * partial before it had as well, that are sure, and that were followed by TURNS_SETTLED_MS of sound
 * and by two words. The text that is new by that, to be freed, with a space before it where one
 * belongs; NULL when there is none, or no memory. */
#define TURNS_SETTLED_MS 1000
char *turns_settle(struct turn *turn, const struct result_segment *partial);

/* Adds a final's words to the turn's text, which is the final's in any case. Returns, as
 * turns_settle does, those that no delta has brought yet: where the final does not begin with the
 * words of the deltas, those that are later than the last of them. */
char *turns_say(struct turn *turn, const struct result_segment *segment);
/* Keeps copies of the words themselves. */
void turns_keep(struct turn *turn, const struct result_segment *segment);

/* The text of a recent item, or NULL when it is not known (any more). turns_forget deletes it. */
const char *turns_recall(const struct turns *turns, const char *id);
void turns_forget(struct turns *turns, const char *id);

#endif
