/* aed_decoder_state.h - the parts of an attention decoder at work: for aed_decoder.c, and for
 * fork.c, rescore.c and nbest.c, which call down into it. */
#ifndef AED_DECODER_STATE_H
#define AED_DECODER_STATE_H

#include "aed.h"
#include "branch_points.h"
#include "context_graph.h"
#include "draft.h"
#include "hypothesis.h"

/* What the first pass hears. */
struct heard {
    size_t letters;      /* by the best label of every frame */
    float mass;          /* letters, by their probabilities */
    uint32_t first, end; /* frames from the first letter to behind the last */
    float logp;          /* of the best label of every frame, all together */
    float blank;         /* probability of blank in every frame, all together */
};

/* Where greedy decoding goes on: pieces written behind BEGIN, all of which are in the hypothesis
 * and all but the last read, their log-probabilities together, the state of hotwords. */
struct walk {
    size_t count;
    float sum;
    /* The text that this one must be likelier than, the log-probability of all of that, and the
     * pieces that both have in common; NULL, -INFINITY: none. */
    const struct alternative *rival;
    float least;
    size_t shared;
    uint32_t hot;
    size_t ahead;   /* guesses worth a try: a bad draft shall cost no more than none */
    size_t guessed; /* of what is read */
};

struct fold_aed {
    const struct fold_model *model;
    struct aed aed;         /* with a workspace that it may share with others */
    struct aed_lines lines; /* to be read, or read last */
    struct walk walk;
    struct draft draft;
    struct hypothesis hypothesis;
    struct align align;
    struct context_graph hot; /* letters are pieces */
    uint32_t *written;        /* [most pieces] BEGIN first */
    uint32_t *guess;          /* [AED_ROWS] */
    struct branch_points others;
    struct branch_point
        *noted; /* [most pieces + 1] of what is in the hypothesis, one a piece and the end */
    /* Of the utterance that is written: */
    const struct fold_run *run;
    bool brief;        /* points are not noted */
    const float *logp; /* [T, V] */
    struct heard heard;
    size_t limit;        /* of pieces */
    size_t given;        /* pieces of the prefix, the first of those written: */
    size_t given_words;  /* so many words, */
    size_t given_read;   /* and of BEGIN and those pieces but the last so many are read */
    size_t letters_most; /* more are doubted, */
    float letters_least; /* and fewer */
};

/* Greedy decoding to the end, many pieces a pass where the draft is right; adds to result's passes
 * and sets its mean_logp and doubt, and notes where else it could have turned. The doubt is
 * FOLD_DOUBT_LOOP where there was no end, also where it fell behind its rival. */
void aed_decoder_go_on(struct fold_aed *aed, struct walk from, struct fold_written *result);
/* The log-probability of a piece that was written, the end included; what was given is not. */
float aed_decoder_mean(const struct fold_aed *aed, float sum, size_t count);
/* The state of hotwords behind a piece. */
uint32_t aed_decoder_follow_hot(const struct context_graph *hot, uint32_t state, uint32_t piece);
/* What is in the hypothesis becomes words with times, and perhaps in doubt. */
void aed_decoder_finish(struct fold_aed *aed, struct fold_written *result);

#endif
