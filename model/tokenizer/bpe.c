/* bpe.c - see bpe.h. The table in the file is not believed: offsets, ranks and texts may be
 * anything. */
#include "bpe.h"

#include <stdlib.h>
#include <string.h>

#include "err.h"

#define PART 256 /* characters merged with each other */

size_t bpe_character(const char *at, size_t bytes)
{
    const uint8_t *text = (const uint8_t *)at;
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (!bytes)
        return 0;
    const uint8_t c = text[0];
    const size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (n > bytes || n < 2)
        return n > bytes ? 0 : n;
    uint32_t code = c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3f);
    }
    return code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : n;
}

static uint32_t hash(const uint8_t *text, size_t bytes)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < bytes; i++)
        h = (h ^ text[i]) * 16777619u;
    return h ^ h >> 15;
}

/* Where the piece of that text is in the table, or would be. */
static uint32_t slot_of(const struct bpe *b, const uint8_t *text, size_t bytes)
{
    uint32_t slot = hash(text, bytes) & (b->table_size - 1);
    for (; b->table[slot]; slot = (slot + 1) & (b->table_size - 1)) {
        size_t length;
        const char *have = bpe_text(b, b->table[slot] - 1, &length);
        if (length == bytes && memcmp(have, text, bytes) == 0)
            break;
    }
    return slot;
}

/* The character or merged piece of that text, or -1. */
static int64_t find(const struct bpe *b, const uint8_t *text, size_t bytes)
{
    return (int64_t)b->table[slot_of(b, text, bytes)] - 1;
}

static int wrong(struct fold_note *note, uint32_t piece, const char *what)
{
    return err_note(FOLD_ERR_FORMAT, note, "pieces: piece %u %s", piece, what);
}

/* Length and rank of one piece; its place in table or byte_pieces. */
static int check_piece(struct bpe *b, uint32_t i, bool *seen, struct fold_note *note)
{
    size_t bytes, characters = 0;
    const uint8_t *text = (const uint8_t *)bpe_text(b, i, &bytes);
    const int32_t rank = b->ranks[i];
    if (rank < BPE_RANK_CONTROL)
        return wrong(note, i, "has no valid rank");
    if ((rank == BPE_RANK_CONTROL) != (i <= BPE_END))
        return wrong(note, i, i <= BPE_END ? "must be a control piece" : "must not be one");
    if (rank == BPE_RANK_CONTROL)
        return bytes ? wrong(note, i, "is a control piece with a text") : FOLD_OK;
    if (rank == BPE_RANK_BYTE) {
        if (bytes != 1 || seen[text[0]] || i >= b->kept)
            return wrong(note, i, "is not one of 256 different bytes with an embedding");
        seen[text[0]] = true;
        b->byte_pieces[text[0]] = i;
        return FOLD_OK;
    }
    for (size_t at = 0, n; at < bytes; at += n, characters++)
        if (!(n = bpe_character((const char *)text + at, bytes - at)))
            return wrong(note, i, "is not UTF-8");
    if (rank == BPE_RANK_CHARACTER ? characters != 1 : characters < 2)
        return wrong(note, i, "has a rank that does not fit its length");
    const uint32_t slot = slot_of(b, text, bytes);
    if (b->table[slot])
        return wrong(note, i, "has the text of another");
    b->table[slot] = i + 1;
    return FOLD_OK;
}

int bpe_open(struct bpe *b, const uint8_t *bytes, size_t bytes_count, const int32_t *offsets,
             const int32_t *ranks, uint32_t count, uint32_t kept, struct fold_note *note)
{
    bool seen[256] = {false};
    *b = (struct bpe){bytes, offsets, ranks, count, kept, .table_size = 1};
    if (kept < BPE_END + 1 || kept > count || count > BPE_MOST)
        return err_note(FOLD_ERR_FORMAT, note, "pieces: %u with embeddings of %u is not possible",
                        kept, count);
    if (offsets[0] != 0 || (size_t)offsets[count] != bytes_count)
        return err_note(FOLD_ERR_FORMAT, note, "pieces: offsets do not span the bytes");
    for (uint32_t i = 0; i < count; i++)
        if (offsets[i + 1] < offsets[i] || offsets[i + 1] - offsets[i] > BPE_LONGEST)
            return wrong(note, i, "does not have 0 to 64 bytes");
    while (b->table_size < 2 * count)
        b->table_size *= 2;
    b->table = calloc(b->table_size, sizeof *b->table);
    if (!b->table)
        return FOLD_ERR_MEMORY;
    int err = FOLD_OK;
    for (uint32_t i = 0; i < count && !err; i++)
        err = check_piece(b, i, seen, note);
    for (uint32_t i = 0; i < 256 && !err; i++)
        if (!seen[i])
            err = err_note(FOLD_ERR_FORMAT, note, "pieces: none is the byte %u", i);
    if (err)
        bpe_close(b);
    return err;
}

void bpe_close(struct bpe *b)
{
    free(b->table);
    b->table = NULL;
}

/* The piece that two neighbours make, or -1. */
static int64_t joined(const struct bpe *b, uint32_t left, uint32_t right)
{
    uint8_t text[2 * BPE_LONGEST];
    size_t first, second;
    const char *head = bpe_text(b, left, &first), *tail = bpe_text(b, right, &second);
    if (b->ranks[left] == BPE_RANK_BYTE || b->ranks[right] == BPE_RANK_BYTE)
        return -1;
    memcpy(text, head, first);
    memcpy(text + first, tail, second);
    const int64_t piece = find(b, text, first + second);
    return piece >= 0 && b->ranks[piece] >= 0 ? piece : -1;
}

/* Joins neighbours in parts [count] until none can be; returns how many are left. */
static size_t merge(const struct bpe *b, uint32_t *parts, size_t count)
{
    int64_t pairs[PART]; /* [i]: what parts i and i + 1 make */
    for (size_t i = 0; i + 1 < count; i++)
        pairs[i] = joined(b, parts[i], parts[i + 1]);
    for (;;) {
        int64_t best = -1;
        size_t at = 0;
        for (size_t i = 0; i + 1 < count; i++)
            if (pairs[i] >= 0 && (best < 0 || b->ranks[pairs[i]] < b->ranks[best])) {
                best = pairs[i];
                at = i;
            }
        if (best < 0)
            return count;
        parts[at] = (uint32_t)best;
        count--;
        memmove(parts + at + 1, parts + at + 2, (count - at - 1) * sizeof *parts);
        memmove(pairs + at, pairs + at + 1, (count - at - 1) * sizeof *pairs);
        if (at)
            pairs[at - 1] = joined(b, parts[at - 1], parts[at]);
        if (at + 1 < count)
            pairs[at] = joined(b, parts[at], parts[at + 1]);
    }
}

/* A piece without embedding as longest pieces that have one, or bytes; at most one a byte. */
static size_t split(const struct bpe *b, uint32_t piece, uint32_t *to)
{
    size_t bytes, count = 0;
    const uint8_t *text = (const uint8_t *)bpe_text(b, piece, &bytes);
    for (size_t at = 0; at < bytes;) {
        size_t length = bytes - at;
        int64_t found = find(b, text + at, length);
        while (length && (found < 0 || (uint32_t)found >= b->kept))
            found = --length ? find(b, text + at, length) : -1;
        if (length) {
            to[count++] = (uint32_t)found;
            at += length;
            continue;
        }
        for (size_t end = at + bpe_character((const char *)text + at, bytes - at); at < end; at++)
            to[count++] = b->byte_pieces[text[at]];
    }
    return count;
}

/* One part of a word: at most PART characters. *text and *bytes move on. */
static size_t encode_part(const struct bpe *b, const uint8_t **text, size_t *bytes, bool begins,
                          uint32_t *to)
{
    uint32_t parts[PART];
    size_t count = 0, written = 0;
    const int64_t mark = find(b, (const uint8_t *)BPE_MARK, BPE_MARK_BYTES);
    for (size_t i = 0; begins && mark < 0 && i < BPE_MARK_BYTES; i++)
        parts[count++] = b->byte_pieces[(uint8_t)BPE_MARK[i]];
    if (begins && mark >= 0)
        parts[count++] = (uint32_t)mark;
    while (*bytes && count + 4 <= PART) {
        const size_t whole = bpe_character((const char *)*text, *bytes), length = whole ? whole : 1;
        const int64_t piece = whole ? find(b, *text, whole) : -1;
        for (size_t i = 0; piece < 0 && i < length; i++)
            parts[count++] = b->byte_pieces[(*text)[i]];
        if (piece >= 0)
            parts[count++] = (uint32_t)piece;
        *text += length;
        *bytes -= length;
    }
    count = merge(b, parts, count);
    for (size_t i = 0; i < count; i++)
        if (parts[i] < b->kept)
            to[written++] = parts[i];
        else
            written += split(b, parts[i], to + written);
    return written;
}

size_t bpe_encode(const struct bpe *b, const char *text, size_t bytes, bool begins, uint32_t *to)
{
    const uint8_t *at = (const uint8_t *)text;
    size_t count = encode_part(b, &at, &bytes, begins, to);
    while (bytes)
        count += encode_part(b, &at, &bytes, false, to + count);
    return count;
}
