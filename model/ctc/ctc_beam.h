/* ctc_beam.h - CTC prefix beam search over a lexicon and a word n-gram. */
#ifndef CTC_BEAM_H
#define CTC_BEAM_H

#include "backpointers.h"
#include "context_graph.h"
#include "lm.h"

#define CTC_BEAM_VOCAB 64 /* greatest vocabulary: letters */

struct ctc_beam_options {
    uint32_t width;
    float lm_weight, word_bonus, unknown_score;
};

/* A prefix: all alignments of one text. Scores are natural logs. */
struct ctc_beam_prefix {
    uint64_t hash;         /* of the text */
    float blank, letter;   /* acoustic: ending in blank, ending in the last letter */
    float text;            /* language model, bonuses, boost: of all but the unfinished word */
    float ahead;           /* what the unfinished word costs at least */
    float total;           /* logadd(blank, letter) + text + ahead: what is compared */
    float finished;        /* text once the unfinished word ends; NAN: not asked yet */
    struct lm_state state; /* before the unfinished word */
    struct lm_state after; /* behind it; valid where finished is */
    uint32_t node;         /* trie node of the unfinished word; LM_NONE: outside the lexicon */
    uint32_t hot;          /* boost state */
    uint32_t backpointers; /* last letter; BACKPOINTERS_NONE: empty text */
    uint32_t frame;        /* at which the last letter was heard best */
    float logp;            /* of the last letter there */
    uint16_t last;         /* last letter; blank: empty text */
    uint16_t word_letters; /* of the unfinished word */
};

/* Acoustic scores of a text after the present frame. */
struct ctc_beam_stay {
    float blank, letter;
    float last_part; /* largest single contribution to letter: dates the letter */
    float logp;      /* as in ctc_beam_prefix */
    uint32_t frame;
};

/* A text one letter longer than now[parent], on trial within a frame. */
struct ctc_beam_trial {
    float part, text, ahead, total;
    uint32_t parent, node;
    float logp;
    uint16_t letter;
};

struct ctc_beam {
    const struct fold_lm *lm;
    const struct context_graph *graph;
    struct ctc_beam_options options;
    uint32_t vocab_size;
    uint16_t space;                    /* vocabulary id */
    uint8_t letter_of[CTC_BEAM_VOCAB]; /* vocabulary id -> alphabet index, 255: none */
    bool silent[CTC_BEAM_VOCAB];       /* pieces that are never written */
    struct backpointers backpointers;
    struct ctc_beam_prefix *now, *next; /* [width] each */
    struct ctc_beam_stay *stays;        /* [width], of now */
    struct ctc_beam_trial *trials;      /* [width * vocab_size] */
    uint32_t *survivors;                /* [width]: below now_count a text of now, else a trial */
    uint32_t now_count, trials_count;
    uint32_t *table; /* open addressing over now: index + 1, or 0 */
    uint32_t table_size;
    uint32_t frame;
    float credit; /* the most that a letter can earn by hotwords */
};

/* Can a search with that language model read this vocabulary? If not, *note (NULL: nobody) says
 * why. */
bool ctc_beam_reads(const char *const *vocab, uint32_t vocab_size, const struct fold_lm *lm,
                    struct fold_note *note);

int ctc_beam_init(struct ctc_beam *beam, const struct fold_lm *lm,
                  const struct context_graph *graph, const char *const *vocab, uint32_t vocab_size,
                  const struct ctc_beam_options *options);
void ctc_beam_finish(struct ctc_beam *beam);
void ctc_beam_reset(struct ctc_beam *beam);

/* One frame, logp [V]. Not a number counts as impossible. */
int ctc_beam_push(struct ctc_beam *beam, const float *logp);

struct ctc_beam_text {
    uint32_t tip; /* backpointers node of the last letter, a space at the end left out */
    float total;
};
/* The most different texts, best first: texts [most]. Returns how many there are. */
uint32_t ctc_beam_texts(struct ctc_beam *beam, struct ctc_beam_text *ret_texts, uint32_t most);

/* The backpointers node that all prefixes go through: what lies before it can no longer change.
 * BACKPOINTERS_NONE: nothing is settled. */
uint32_t ctc_beam_common(const struct ctc_beam *beam);

#endif
