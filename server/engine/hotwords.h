/* hotwords.h - one request's hotwords, copied once and shared by whoever works on it. */
#ifndef HOTWORDS_H
#define HOTWORDS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "fold.h"

struct hotwords {
    atomic_uint refs;
    uint64_t id; /* never used twice: workers know by it which decoder they have */
    size_t count;
    struct fold_hotword words[]; /* [count]; texts follow in the same block */
};

/* Copies words [count] with one reference; NULL without memory. count 0 is fine. */
struct hotwords *hotwords_copy(const struct fold_hotword *words, size_t count);
struct hotwords *hotwords_ref(struct hotwords *hotwords);
void hotwords_unref(struct hotwords *hotwords); /* NULL is fine */

#endif
