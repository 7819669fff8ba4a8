/* lm.h - the mapped language model: a word n-gram and its lexicon as a letter trie.
 *
 * The file (see FORMAT.md) is a header and sections in a fixed order; nothing in it is an offset,
 * so sizes follow from counts. Log-probabilities are natural and 8-bit codes into codebooks.
 * Everything is checked at open; look-ups then trust the map. Immutable, shared by threads.
 */
#ifndef LM_H
#define LM_H

#include "fold.h"

#define LM_MAGIC   "FOLDLM1\n"
#define LM_VERSION 1u
#define LM_LETTERS 32 /* greatest alphabet */
#define LM_NONE    UINT32_MAX
#define LM_BLOCK   64 /* bigrams that share one base in trigram ranges */

/* As in the file, little-endian; 128 bytes. sha256 is over the body, then this header
 * with sha256 zero. */
struct lm_header {
    char magic[8];
    uint32_t version, order, letters, words, nodes, bigrams, trigrams, zero;
    uint8_t sha256[32];
    char alphabet[LM_LETTERS]; /* ascending, zero-padded */
    uint8_t pad[24];
};

struct fold_lm {
    const unsigned char *map;
    size_t bytes;
    bool mapped;
    struct lm_header h;
    const float *books; /* [5, 256]: unigram p, back-off; bigram p, back-off; trigram p */
    /* Trie in breadth-first order: children of node i are first[i] .. first[i + 1] - 1. */
    const uint32_t *first; /* [nodes + 1] */
    const uint32_t
        *word_node; /* [words], ascending: words are numbered in the order of their nodes */
    const uint32_t *bi_first;     /* [words + 4] */
    const uint32_t *tri_base;     /* [bigrams / LM_BLOCK + 1] */
    const uint16_t *tri_off;      /* [bigrams + 1] */
    const uint8_t *letter;        /* [nodes], index into the alphabet; of the root: 0 */
    const uint8_t *best;          /* [nodes]: code of the best unigram at or below */
    const uint8_t *uni_p, *uni_b; /* [words + 3] */
    const uint8_t *bi_word;       /* [bigrams, 3] */
    const uint8_t *bi_p, *bi_b;   /* [bigrams] */
    const uint8_t *tri_word;      /* [trigrams, 3] */
    const uint8_t *tri_p;         /* [trigrams] */
    uint32_t *node_word;          /* [nodes]: word that ends here, or LM_NONE; on the heap */
};

/* Words 0 .. words - 1, then these. */
static inline uint32_t lm_end(const struct fold_lm *lm)
{
    return lm->h.words;
}
static inline uint32_t lm_begin(const struct fold_lm *lm)
{
    return lm->h.words + 1;
}
static inline uint32_t lm_unknown(const struct fold_lm *lm)
{
    return lm->h.words + 2;
}

/* What the next word's probability depends on: the last word, and the bigram that ends in it. */
struct lm_state {
    uint32_t word, bigram; /* bigram LM_NONE: back off */
};
struct lm_state lm_start(const struct fold_lm *lm);

/* Natural log p(word | state); *ret_next (if not NULL) is the state behind word. */
float lm_score(const struct fold_lm *lm, struct lm_state state, uint32_t word,
               struct lm_state *ret_next);

/* Child of a node by alphabet index, or LM_NONE. The root is 0. */
uint32_t lm_child(const struct fold_lm *lm, uint32_t node, uint8_t letter);
/* Natural log of the best unigram at or below a node. */
static inline float lm_best(const struct fold_lm *lm, uint32_t node)
{
    return lm->books[lm->best[node]];
}
static inline uint32_t lm_node_word(const struct fold_lm *lm, uint32_t node)
{
    return lm->node_word[node];
}

/* Sizes of the sections behind the header for the counts in it; 0 when they are impossible. */
size_t lm_body_bytes(const struct lm_header *h);

/* The hash that belongs into h->sha256 (whatever is there now). False when it cannot be computed.
 */
bool lm_digest(const struct lm_header *h, const void *body, uint8_t ret_sha256[32]);

/* Checks and points into bytes [count], 8-byte aligned, which must outlive lm. check_hash false
 * is for fuzzing what the hash would hide. */
int lm_parse(struct fold_lm *lm, const void *bytes, size_t count, bool check_hash,
             struct fold_note *note);
void lm_release(struct fold_lm *lm);

#endif
