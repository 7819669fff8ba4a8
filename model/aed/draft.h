/* draft.h - what the first pass heard, as a guess at what the attention decoder writes next.
 *
 * The guess need not be right, and its text need not be spelled or marked as the decoder does: it
 * is found again by its words. Whatever was written so far, draft_follow looks where that is in the
 * draft and goes on from there. */
#ifndef DRAFT_H
#define DRAFT_H

#include "arena.h"
#include "bpe.h"

#define DRAFT_WORD 60 /* bytes of a word that are looked at */

struct draft_word {
    uint32_t begin, end; /* in text */
};

struct draft {
    const struct bpe *pieces;
    char *text;               /* [most_bytes] words with a space behind each */
    struct draft_word *words; /* [most_words] */
    size_t most_bytes, most_words, count;
    size_t word; /* which of them comes next, or is being written */
    size_t seen; /* bytes of what was written that are settled */
};

void draft_allocate(struct draft *draft, const struct bpe *pieces, size_t most_words,
                    struct arena *at);

/* Text, UTF-8; NULL: none. What goes beyond the room is left out. Without any lower case it is
 * taken for the first pass' own spelling and written as a sentence. */
void draft_set(struct draft *draft, const char *text);

/* Before another text is written with the same draft. */
void draft_rewind(struct draft *draft);

/* Pieces that should follow written [bytes], which only grows from call to call: at most room of
 * them, the last perhaps BPE_END. 0: no idea. */
size_t draft_follow(struct draft *draft, const char *written, size_t bytes, uint32_t *to,
                    size_t room);

#endif
