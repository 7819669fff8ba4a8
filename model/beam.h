/* beam.h - CTC prefix beam search over a lexicon and a word n-gram. */
#ifndef BEAM_H
#define BEAM_H

#include "boost.h"
#include "lm.h"
#include "trail.h"

#define BEAM_VOCAB 64 /* greatest vocabulary: letters */

struct beam_options {
    uint32_t width;
    float lm_weight, word_bonus, unknown_score;
};

/* A prefix: all alignments of one text. Scores are natural logs. */
struct beam_prefix {
    uint64_t hash;         /* of the text */
    float blank, letter;   /* acoustic: ending in blank, ending in the last letter */
    float text;            /* language model, look-ahead, bonuses, boost */
    float total;           /* logadd(blank, letter) + text: what is compared */
    float last_part;       /* largest single contribution to letter: dates the letter */
    uint32_t node;         /* trie node of the unfinished word; LM_NONE: outside the lexicon */
    uint32_t hot;          /* boost state */
    uint32_t trail;        /* last letter; TRAIL_NONE: empty text */
    uint32_t parent;       /* trail to hang a new letter on; used within a frame */
    struct lm_state state; /* before the unfinished word */
    uint16_t last;         /* last letter; blank: empty text */
    uint16_t word_letters; /* of the unfinished word */
    uint32_t frame;        /* at which the last letter was heard best */
    float logp;            /* of the last letter there */
    bool fresh;            /* the last letter has no trail node yet */
};

struct beam {
    const struct fold_lm *lm;
    const struct boost *boost;
    struct beam_options options;
    uint32_t vocab_size;
    uint16_t space;                /* vocabulary id */
    uint8_t letter_of[BEAM_VOCAB]; /* vocabulary id -> alphabet index, 255: none */
    struct trail trail;
    struct beam_prefix *now, *next; /* [width], [room] */
    uint32_t now_count, next_count, room;
    uint32_t *table, *stamps; /* open addressing: index into next, valid where the stamp is now's */
    uint32_t table_size, stamp;
    uint32_t frame;
};

int beam_init(struct beam *beam, const struct fold_lm *lm, const struct boost *boost,
              const char *const *vocab, uint32_t vocab_size, const struct beam_options *options);
void beam_finish(struct beam *beam);
void beam_reset(struct beam *beam);

/* One frame, logp [V]. Not a number counts as impossible. */
int beam_push(struct beam *beam, const float *logp);

/* The prefix that is best once its last word is taken as finished. Never NULL. */
const struct beam_prefix *beam_best(const struct beam *beam);

#endif
