/* table.h - a small table of pieces, made by hand. */
#ifndef TABLE_H
#define TABLE_H

#include "bpe.h"

#define TABLE_PIECES 512

struct table {
    uint8_t bytes[4096];
    int32_t offsets[TABLE_PIECES + 1], ranks[TABLE_PIECES];
    uint32_t count;
};

/* Controls, bytes, and the mark, small and capital letters and .,?' as characters. */
void table_init(struct table *table);
/* One more piece; returns it. */
uint32_t table_add(struct table *table, const char *text, int32_t rank);
/* The piece of that text. */
uint32_t table_piece(const struct table *table, const char *text);
/* The pieces of a word as text, "the|re|". */
const char *table_encode(const struct bpe *bpe, const char *word, bool begins);

#endif
