#include "words.h"

#include <stdlib.h>
#include <string.h>

#define LONGER_BYTES 4

/* Marks that stand before or behind a word; within one (it's, twenty-one, 3.14) they belong to it.
 */
static bool is_mark(char c)
{
    return c && strchr(".,;:!?\"'()[]-", c) != NULL;
}

const char *words_of_prompt(const char **at, size_t *ret_length)
{
    static const char marks[] = " \t\r\n.,;:!?\"()[]{}<>/";

    while (**at) {
        const char *word = *at + strspn(*at, marks);
        const size_t length = strcspn(word, marks);
        *at = word + length;
        if (length >= LONGER_BYTES) {
            *ret_length = length;
            return word;
        }
    }
    return NULL;
}

size_t words_plain(char *to, const char *from)
{
    size_t length = strlen(from), n = 0;
    while (is_mark(*from))
        from++, length--;
    while (length && is_mark(from[length - 1]))
        length--;
    for (; n < length; n++)
        to[n] = from[n] >= 'A' && from[n] <= 'Z' ? (char)(from[n] - 'A' + 'a') : from[n];
    to[n] = '\0';
    return n;
}

static size_t as_is(char *to, const char *from)
{
    const size_t length = strlen(from);
    memcpy(to, from, length + 1);
    return length;
}

static char *join(const struct result_word *words, size_t count,
                  size_t (*write)(char *to, const char *from))
{
    size_t room = 1;
    for (size_t i = 0; i < count; i++)
        room += strlen(words[i].text) + 1;
    char *text = malloc(room), *at = text;
    if (!text)
        return NULL;
    *at = '\0';
    for (size_t i = 0; i < count; i++) {
        if (at > text)
            *at++ = ' ';
        const size_t length = write(at, words[i].text);
        at += length;
        if (!length && at > text)
            *--at = '\0';
    }
    return text;
}

char *words_join(const struct result_word *words, size_t count)
{
    return join(words, count, as_is);
}

char *words_join_plain(const struct result_word *words, size_t count)
{
    return join(words, count, words_plain);
}
