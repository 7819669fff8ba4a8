/* alternatives.h - other texts for what a writer wrote. */
#ifndef ALTERNATIVES_H
#define ALTERNATIVES_H

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
};

struct alternatives {
    struct alternative texts[FOLD_WRITER_ALTERNATIVES]; /* [count] the written one first */
    size_t count;
    struct turning *turnings; /* [most pieces + 1] */
};

void alternatives_place(struct alternatives *alternatives, size_t most_pieces, struct place *at);
/* Keeps what is written as the first. */
void alternatives_begin(struct fold_writer *writer, const struct fold_written *written);

#endif
