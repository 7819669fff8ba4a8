#include "hotwords.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

/* Is it as it is heard already: letters, and what stands between them? */
static bool is_plain(const char *text)
{
    bool letters = false;

    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c >= 128 || (c >= '0' && c <= '9'))
            return false;
        letters |= isalpha(c) != 0;
    }
    return letters;
}

/* The hotword as it is heard, to be freed; *to_drop: nothing of it is. NULL: dropped, or no memory.
 */
static char *heard(const char *text, bool *ret_dropped)
{
    *ret_dropped = false;
    if (is_plain(text))
        return strdup(text);
    /* The longest that a digit becomes is "seventeen ", and a name of a thousand. */
    const size_t room = 24 * strlen(text) + 32;
    char *to = malloc(room);
    if (!to)
        return NULL;
    fold_normal_form(to, room, text);
    for (char *c = to; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (*to)
        return to;
    free(to);
    *ret_dropped = true;
    return NULL;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n\v\f")] == '\0';
}

/* Names one more that was dropped. */
static void warn(struct hotwords *hotwords, const char *text)
{
    const size_t used = strlen(hotwords->warning);
    char *to = hotwords->warning + used;

    if (used + 60 > sizeof(hotwords->warning)) {
        if (used < 4 || strcmp(to - 3, "...") != 0)
            snprintf(to, sizeof(hotwords->warning) - used, ", ...");
        return;
    }
    snprintf(to, sizeof(hotwords->warning) - used, "%s'%.40s'",
             used ? ", " : "words to favour that cannot be heard were left out: ", text);
    utf8_mend(hotwords->warning); /* it may have been cut inside a character */
}

struct hotwords *hotwords_copy(const struct fold_hotword *words, size_t count)
{
    static atomic_uint_fast64_t ids;
    struct hotwords *hotwords = calloc(1, sizeof(*hotwords) + count * sizeof(hotwords->words[0]));

    if (!hotwords)
        return NULL;
    atomic_init(&hotwords->refs, 1);
    hotwords->id = atomic_fetch_add(&ids, 1) + 1;
    for (size_t i = 0; i < count; i++) {
        bool dropped;
        if (is_blank(words[i].text))
            continue;
        char *text = heard(words[i].text, &dropped);
        if (dropped) {
            warn(hotwords, words[i].text);
            continue;
        }
        if (!text) {
            hotwords_unref(hotwords);
            return NULL;
        }
        hotwords->words[hotwords->count++] = (struct fold_hotword){text, words[i].boost};
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
    if (!hotwords || atomic_fetch_sub(&hotwords->refs, 1) != 1)
        return;
    for (size_t i = 0; i < hotwords->count; i++)
        free((void *)(uintptr_t)hotwords->words[i].text);
    free(hotwords);
}
