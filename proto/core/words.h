/* words.h - words of a segment as text. */
#ifndef WORDS_H
#define WORDS_H

#include "result.h"

/* Writes from without the marks around it and with its ASCII letters in lower case: "Mr." -> "mr",
 * "It's," -> "it's". to has room for strlen(from) + 1, which is never exceeded. Returns its length.
 */
size_t words_plain(char *to, const char *from);

/* A prompt is context, not a list: its longer words are worth favouring. The next of them, inside
 * the prompt; *at moves behind it. NULL at the end. */
const char *words_of_prompt(const char **at, size_t *ret_length);

/* words [count] with single spaces between; to be freed; NULL when out of memory. */
char *words_join(const struct result_word *words, size_t count);
char *words_join_plain(const struct result_word *words, size_t count);

#endif
