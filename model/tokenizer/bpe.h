/* bpe.h - pieces of text, as the attention decoder writes them: a byte-pair encoding in the manner
 * of SentencePiece.
 *
 * A word begins with the mark U+2581. Encoding starts from its characters and joins, again and
 * again, the two neighbours whose text together is the piece of lowest rank. Some pieces are no
 * more than steps on the way (they have no embedding): what ends as one of those is split into the
 * longest pieces that have one. A character that is no piece is spelled in bytes, so every text
 * has an encoding, and decoding gives it back. */
#ifndef BPE_H
#define BPE_H

#include "fold.h"

#define BPE_UNKNOWN 0
#define BPE_BEGIN   1
#define BPE_END     2

#define BPE_MARK       "\xe2\x96\x81" /* U+2581: a word begins */
#define BPE_MARK_BYTES 3
#define BPE_LONGEST    64         /* bytes of a piece */
#define BPE_MOST       (1u << 20) /* pieces */

enum bpe_rank { BPE_RANK_CHARACTER = -1, BPE_RANK_BYTE = -2, BPE_RANK_CONTROL = -3 };

struct bpe {
    const uint8_t *bytes;   /* texts of all pieces, one behind the other */
    const int32_t *offsets; /* [count + 1] */
    const int32_t *ranks;   /* [count] order of merges from 0, or an enum bpe_rank */
    uint32_t count, kept;   /* pieces; those that have an embedding come first */
    uint32_t *table;        /* [table_size] open addressing by text: piece + 1, or 0 */
    uint32_t table_size;
    uint32_t byte_pieces[256];
};

/* Checks everything; the arrays must outlive bpe. FOLD_ERR_FORMAT with a note, FOLD_ERR_MEMORY. */
int bpe_open(struct bpe *bpe, const uint8_t *bytes, size_t bytes_count, const int32_t *offsets,
             const int32_t *ranks, uint32_t count, uint32_t kept, struct fold_note *note);
void bpe_close(struct bpe *bpe); /* zeroed is fine */

/* Bytes of the UTF-8 character that text [bytes] begins with; 0: of no whole one. */
size_t bpe_character(const char *text, size_t bytes);

/* Text of a piece, *ret_bytes long, not ended by a zero. */
static inline const char *bpe_text(const struct bpe *bpe, uint32_t piece, size_t *ret_bytes)
{
    *ret_bytes = (size_t)(bpe->offsets[piece + 1] - bpe->offsets[piece]);
    return (const char *)bpe->bytes + bpe->offsets[piece];
}

/* Pieces with embeddings for one word without spaces, text [bytes], any UTF-8; begins: the mark of
 * a word comes first. to [bytes + BPE_MARK_BYTES]. Returns how many. A word of more than 256
 * characters is encoded in parts. */
size_t bpe_encode(const struct bpe *bpe, const char *text, size_t bytes, bool begins, uint32_t *to);

#endif
