/* Any bytes as a table of pieces, and the same as a text: what passes the checks must be safe to
 * encode with, and its pieces must spell the text. Layout: u8 kinds, lengths and ranks of pieces
 * beyond the controls and bytes, three bytes each, up to a zero; then their texts; the whole is
 * also the text. */
#include <stdlib.h>
#include <string.h>

#include "bpe.h"
#include "pace.h"

const struct pace pace_limit = {0.2, 1e-4};

#define PIECES 400
#define PLAIN  259 /* controls and bytes */

static void check_text(const struct bpe *b, const uint8_t *text, size_t count, bool begins)
{
    uint32_t *pieces = malloc((count + BPE_MARK_BYTES) * sizeof *pieces);
    if (!pieces)
        return;
    const size_t n = bpe_encode(b, (const char *)text, count, begins, pieces);
    size_t at = 0;
    const size_t mark = begins ? BPE_MARK_BYTES : 0;
    for (size_t i = 0; i < n; i++) {
        size_t length;
        const char *piece = bpe_text(b, pieces[i], &length);
        if (pieces[i] >= b->kept)
            abort();
        for (size_t j = 0; j < length; j++, at++)
            if (at >= mark + count ||
                piece[j] != (at < mark ? BPE_MARK[at] : (char)text[at - mark]))
                abort();
    }
    if (at != mark + count)
        abort();
    free(pieces);
}

void pace_input(const uint8_t *bytes, size_t count)
{
    static uint8_t texts[1 << 16];
    int32_t offsets[PIECES + 1], ranks[PIECES];
    uint32_t pieces = 0, at = 0;
    if (count > 4096)
        return;
    for (; pieces < PLAIN; pieces++) {
        ranks[pieces] = pieces < 3 ? BPE_RANK_CONTROL : BPE_RANK_BYTE;
        offsets[pieces] = (int32_t)at;
        if (pieces >= 3)
            texts[at++] = (uint8_t)(pieces - 3);
    }
    size_t head = 0;
    while (head + 3 <= count && bytes[head] && pieces < PIECES)
        head += 3, pieces++;
    const uint8_t *text = bytes + head, *end = bytes + count;
    for (uint32_t i = PLAIN; i < pieces; i++) {
        const uint8_t *row = bytes + 3 * (i - PLAIN);
        const size_t length = (size_t)(end - text) < row[1] ? (size_t)(end - text) : row[1];
        memcpy(texts + at, text, length);
        text += length;
        ranks[i] = row[0] == 'c' ? BPE_RANK_CHARACTER : row[0] == 'm' ? row[2] : -row[0] % 7;
        offsets[i] = (int32_t)at;
        at += (uint32_t)length;
    }
    offsets[pieces] = (int32_t)at;
    struct bpe bpe;
    const uint32_t kept =
        count && bytes[count - 1] % 4 == 0 && pieces > PLAIN ? pieces - 1 : pieces;
    if (bpe_open(&bpe, texts, at, offsets, ranks, pieces, kept, NULL) == FOLD_OK) {
        check_text(&bpe, bytes, count, true);
        check_text(&bpe, bytes + head, count - head, false);
        bpe_close(&bpe);
    }
}
