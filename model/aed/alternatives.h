/* alternatives.h - other texts for what a writer wrote. */
#ifndef ALTERNATIVES_H
#define ALTERNATIVES_H

#include <stdbool.h>

#include "fold.h"
#include "place.h"

/* A whole text. */
struct alternative {
    uint32_t *pieces; /* [count] behind BEGIN, without END */
    float *logps;     /* [count] */
    size_t count;
    float mean_logp; /* as in fold_written */
    uint64_t said;   /* wording_said */
};

/* A place where the text may take another turn. */
struct turning {
    uint32_t at;    /* pieces before it */
    uint32_t piece; /* taken instead; may be BPE_END */
    float logp;     /* of that piece */
    float lost;     /* log-probability, against the piece that was written */
    bool tried;     /* by fold_writer_search */
};

struct alternatives {
    struct alternative texts[FOLD_WRITER_ALTERNATIVES]; /* [count] the written one first */
    size_t count;
    struct turning *turnings; /* [most pieces + 1] of the first text */
    size_t read;              /* of BEGIN and the first text's pieces, as they stand in the aed */
};

/* By a row of logits, what the likeliest piece is that says something else than `written` does,
 * with its log-probability of logp, behind `at` pieces. The row is spent. */
struct turning alternatives_turning(struct fold_writer *writer, size_t row, size_t at,
                                    uint32_t written, float logp);

void alternatives_place(struct alternatives *alternatives, size_t most_pieces, struct place *at);
/* Keeps what is written as the first. */
void alternatives_begin(struct fold_writer *writer, const struct fold_written *written);
/* Writes from a turning of the first text on, as long as the sum of log-probabilities is no less
 * than least; true when the text is one to keep. */
bool alternatives_take(struct fold_writer *writer, const struct turning *turning, float least,
                       struct fold_written *ret_written);
/* Puts the first text into the wording again, as the draft for others too. */
void alternatives_rewind(struct fold_writer *writer);

#endif
