/* aed.h - the attention decoder: hears an utterance's frames once, then says for pieces of text,
 * one or many in a row, what it would write behind each; of one utterance or of several at a time.
 *
 *     aed_hear(aed, x, T, depth);                keys and values of the frames, for every layer
 *     lines = {aed, 0, pieces, n};
 *     aed_read(workspace, &lines, 1);            lines.logits [n, V]: what follows pieces 0 .. n -
 * 1 lines = {aed, n, more, 1};                 and so on; at may go back to try something else
 *
 * An utterance is written by the layers of its depth; those of several depths may be read at once.
 *
 * A pass costs one walk through all weights, which is why those of several utterances that share a
 * workspace are read in one go. With int8 a row's logits have the same bits whatever was read
 * together: activations are quantised by row, integer sums are exact, and attention over the pieces
 * before is summed row by row. That makes checking a guess of many pieces in one go the same as
 * writing them one by one. With fp32 OpenBLAS may round differently in products of other sizes. */
#ifndef AED_H
#define AED_H

#include "arena.h"
#include "matmul.h"

/* Pieces of an utterance read in one go. On one core with AVX-512 VNNI, 10 s of sound: 1 takes
 * 0.47 ms, 4 0.48, 8 0.61, 12 0.86, 24 1.96. Where one guess in seven to twenty is wrong, 8 is the
 * cheapest. */
#define AED_ROWS 8

/* What utterances that are heard by turns and read at once have in common; rows: AED_ROWS for each
 * of those that are read together. */
struct aed_workspace {
    const struct fold_model *model;
    float *cos, *sin;         /* [most_pieces, rope_dims / 2] */
    float *memory, *k, *v;    /* [most_frames, d] while hearing */
    float *x, *h, *y, *q, *w; /* [rows, d] */
    float *wide;              /* [rows, 2 ffn] */
    float *gated;             /* [rows, ffn] */
    float *scores;            /* [KERNELS_QUERIES, greater of most_frames and most_pieces] */
    float *logits;            /* [rows, V] */
    struct matmul_rows frame_rows, taken;
    void *scratch; /* of attention */
};

/* One utterance. */
struct aed {
    struct aed_workspace *workspace;
    size_t most_frames, most_pieces, ld; /* ld: most_pieces padded */
    size_t T;                            /* frames heard */
    const struct model_writing *writing; /* the layers that write what was heard */
    /* For each of those: keys and values of pieces, [layers, d, ld] transposed, [layers,
     * most_pieces, d]; and of frames, [layers, heard_bytes]: packed in int8, else keys [d, T],
     * values [T, d]. */
    float *keys, *values;
    unsigned char *heard;
    size_t heard_bytes;
    float *x;    /* [rows, d] of what is being read */
    size_t next; /* layer of writing that it goes through next */
};

/* Pieces of one utterance to be read in a row. */
struct aed_lines {
    struct aed *aed;
    size_t at; /* of the first; those before it have been read */
    const uint32_t *pieces;
    size_t rows;   /* 1 .. AED_ROWS, at + rows <= most_pieces */
    float *logits; /* [rows, V] once they are read, until the next reading with the workspace */
};

/* Lay a workspace out for utterances of at most so many frames, and texts of so many pieces, and an
 * utterance at it; with a base, make them ready. together <= FOLD_AED_MANY. */
void aed_workspace_allocate(struct aed_workspace *workspace, const struct fold_model *model,
                            size_t most_frames, size_t most_pieces, size_t together,
                            struct arena *at);
void aed_allocate(struct aed *aed, struct aed_workspace *workspace, const struct fold_model *model,
                  size_t most_frames, size_t most_pieces, struct arena *at);

/* x [T, d] of unfold `depth`, from 1. T <= most_frames. What was read before is forgotten. */
void aed_hear(struct aed *aed, const float *x, size_t T, uint32_t depth);

/* lines [count] of different utterances of this workspace, 1 <= count <= together. */
void aed_read(struct aed_workspace *workspace, struct aed_lines *lines, size_t count);

#endif
