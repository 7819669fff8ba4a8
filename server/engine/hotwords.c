#include "hotwords.h"

#include <stdlib.h>
#include <string.h>

struct hotwords *hotwords_copy(const struct fold_hotword *words, size_t count)
{
    static atomic_uint_fast64_t ids;
    size_t text_bytes = 0;

    for (size_t i = 0; i < count; i++)
        text_bytes += strlen(words[i].text) + 1;
    struct hotwords *hotwords =
        malloc(sizeof(*hotwords) + count * sizeof(hotwords->words[0]) + text_bytes);
    if (!hotwords)
        return NULL;
    atomic_init(&hotwords->refs, 1);
    hotwords->id = atomic_fetch_add(&ids, 1) + 1;
    hotwords->count = count;
    char *text = (char *)(hotwords->words + count);
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = strlen(words[i].text) + 1;
        hotwords->words[i] = words[i];
        hotwords->words[i].text = memcpy(text, words[i].text, bytes);
        text += bytes;
    }
    return hotwords;
}

struct hotwords *hotwords_ref(struct hotwords *hotwords)
{
    atomic_fetch_add(&hotwords->refs, 1);
    return hotwords;
}

void hotwords_unref(struct hotwords *hotwords)
{
    if (hotwords && atomic_fetch_sub(&hotwords->refs, 1) == 1)
        free(hotwords);
}
