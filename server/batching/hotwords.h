/* hotwords.h - one request's hotwords, copied once and shared by whoever works on it. */
#ifndef HOTWORDS_H
#define HOTWORDS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "fold.h"

#define HOTWORDS_WARNING 240

struct hotwords {
    atomic_uint refs;
    uint64_t id; /* never used twice: workers know by it which decoder they have */
    char warning[HOTWORDS_WARNING]; /* for the client: what cannot be heard; "": nothing */
    size_t count;
    struct fold_hotword words[]; /* [count]; texts owned */
};

/* Copies words [count] with one reference; NULL without memory. count 0 is fine. Numbers become
 * words ("2026": "twenty twenty six") and letters lose their accents, as in what the model writes.
 * Blank hotwords are dropped; so are those without any known letter, which the warning names. */
struct hotwords *hotwords_copy(const struct fold_hotword *words, size_t count);
struct hotwords *hotwords_ref(struct hotwords *hotwords);
void hotwords_unref(struct hotwords *hotwords); /* NULL is fine */

#endif
