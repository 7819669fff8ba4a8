/* aed.h - the attention decoder of one utterance: hears its frames once, then says for pieces of
 * text, one or many in a row, what it would write behind each.
 *
 *     aed_hear(aed, x, T);                       keys and values of the frames, for every layer
 *     aed_read(aed, 0, pieces, n);               logits [n, V]: what follows pieces 0, 1 .. n - 1
 *     aed_read(aed, n, more, 1);                 and so on; at may go back to try something else
 *
 * With int8 a row's logits have the same bits however many rows were read together: activations
 * are quantised by row, integer sums are exact, and attention over the pieces before is summed
 * row by row. That makes checking a guess of many pieces in one go the same as writing them one by
 * one. With fp32 OpenBLAS may round differently in products of other sizes. */
#ifndef AED_H
#define AED_H

#include "matmul.h"
#include "place.h"

/* Pieces read in one go. On one core with AVX-512 VNNI, 10 s of sound: 1 takes 0.47 ms, 4 0.48,
 * 8 0.61, 12 0.86, 24 1.96. Where one guess in seven to twenty is wrong, 8 is the cheapest. */
#define AED_ROWS 8

struct aed {
    const struct fold_model *model;
    size_t most_frames, most_pieces, ld; /* ld: most_pieces padded */
    size_t T;                            /* frames heard */
    float *cos, *sin;                    /* [most_pieces, rope_dims / 2] */
    float *keys, *values; /* of pieces: [layers, d, ld] transposed, [layers, most_pieces, d] */
    unsigned char
        *heard; /* [layers, heard_bytes]: packed in int8, else keys [d, T], values [T, d] */
    size_t heard_bytes;
    float *memory, *k, *v; /* [most_frames, d] while hearing */
    float *x, *h, *y, *q;  /* [AED_ROWS, d] */
    float *wide;           /* [AED_ROWS, 2 ffn] */
    float *gated;          /* [AED_ROWS, ffn] */
    float *scores;         /* [greater of most_frames and most_pieces] */
    float *logits;         /* [AED_ROWS, V]: the result of aed_read */
    struct matmul_rows frame_rows, rows;
    void *scratch; /* of attention */
};

/* Lays the decoder out for utterances of so many frames and texts of so many pieces; with a base,
 * makes it ready. */
void aed_place(struct aed *aed, const struct fold_model *model, size_t most_frames,
               size_t most_pieces, struct place *at);

/* x [T, d] of an unfold. T <= most_frames. */
void aed_hear(struct aed *aed, const float *x, size_t T);

/* pieces [rows] at positions from at on, at + rows <= most_pieces, rows <= AED_ROWS; those before
 * at have been read. */
void aed_read(struct aed *aed, size_t at, const uint32_t *pieces, size_t rows);

#endif
