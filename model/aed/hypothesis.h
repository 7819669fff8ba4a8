/* hypothesis.h - pieces as they are written: text, then words with their letters. */
#ifndef HYPOTHESIS_H
#define HYPOTHESIS_H

#include "align.h"
#include "bpe.h"

struct hypothesis_piece {
    uint32_t begin; /* in text, behind the space that it may begin with */
    float logp;
};

struct hypothesis {
    const struct fold_model *model;
    size_t most_pieces, most_symbols;
    char *text; /* [text_bytes] of all pieces, words apart by a space */
    size_t text_bytes;
    struct hypothesis_piece *pieces; /* [pieces_count] */
    size_t pieces_count;
    size_t letters;          /* letters and digits in text */
    uint32_t label_of[256];  /* upper case character -> vocabulary, or ALIGN_ANY */
    uint32_t space;          /* the same of a space */
    struct fold_word *words; /* [most_pieces] */
    char *shown;             /* texts of words, each ended by a zero */
    uint32_t *symbols;       /* [most_symbols] what align.h is asked for */
    uint32_t *first_symbol;  /* [most_pieces + 1] of each word */
};

void hypothesis_allocate(struct hypothesis *hypothesis, const struct fold_model *model,
                         size_t most_pieces, size_t most_symbols, struct arena *at);
void hypothesis_clear(struct hypothesis *hypothesis);

/* Writes a piece, logp its log-probability. */
void hypothesis_add(struct hypothesis *hypothesis, uint32_t piece, float logp);

/* Is the character said, rather than a mark? */
bool hypothesis_is_said(char c);
/* A number for what the text says, whatever its case and marks. */
uint64_t hypothesis_said(const struct hypothesis *hypothesis);

/* Splits text into words with confidences (the probability of all its pieces; over 9,900 words of
 * dev_clean its expected calibration error is 0.010, over 4,000 of dev_l2 0.053): returns how many.
 * Marks that stand alone are left out. *ret_symbols: of all words with a space between them, at
 * most most_symbols, else 0. */
size_t hypothesis_split(struct hypothesis *hypothesis, size_t *ret_symbols);

/* Gives the words [count] their times. */
void hypothesis_time(struct hypothesis *hypothesis, size_t count, const struct align_times *times);
/* The same by their share of the letters, for words that do not fit the frames first .. end. */
void hypothesis_spread(struct hypothesis *hypothesis, size_t count, uint32_t first, uint32_t end);

#endif
