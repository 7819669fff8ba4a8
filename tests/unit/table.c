#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t table_add(struct table *t, const char *text, int32_t rank)
{
    const size_t length = strlen(text), at = (size_t)t->offsets[t->count];
    if (t->count == TABLE_PIECES || at + length > sizeof t->bytes)
        abort();
    memcpy(t->bytes + at, text, length);
    t->ranks[t->count++] = rank;
    t->offsets[t->count] = (int32_t)(at + length);
    return t->count - 1;
}

void table_init(struct table *t)
{
    *t = (struct table){.count = 0};
    for (int i = 0; i < 3; i++)
        table_add(t, "", BPE_RANK_CONTROL);
    for (int i = 0; i < 256; i++) {
        t->bytes[i] = (uint8_t)i;
        t->ranks[t->count++] = BPE_RANK_BYTE;
        t->offsets[t->count] = i + 1;
    }
    table_add(t, BPE_MARK, BPE_RANK_CHARACTER);
    for (const char *c = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,?'"; *c; c++)
        table_add(t, (const char[]){*c, '\0'}, BPE_RANK_CHARACTER);
}

uint32_t table_piece(const struct table *t, const char *text)
{
    for (uint32_t i = 259; i < t->count; i++)
        if ((size_t)(t->offsets[i + 1] - t->offsets[i]) == strlen(text) &&
            memcmp(t->bytes + t->offsets[i], text, strlen(text)) == 0)
            return i;
    abort();
}

const char *table_encode(const struct bpe *bpe, const char *word, bool begins)
{
    static char text[4096];
    static uint32_t pieces[2048];
    const size_t count = bpe_encode(bpe, word, strlen(word), begins, pieces);
    size_t at = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        const char *piece = bpe_text(bpe, pieces[i], &bytes);
        at += (size_t)snprintf(text + at, sizeof text - at, "%.*s|", (int)bytes, piece);
    }
    return text;
}
