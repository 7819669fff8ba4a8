/* logprobs.h - how sure a text is, as OpenAI's clients read it. */
#ifndef LOGPROBS_H
#define LOGPROBS_H

#include <jansson.h>

#include "result.h"

/* Adds {token, logprob, bytes} for each of words [count] to list. CTC has no tokens as OpenAI means
 * them: words stand for them, each but the list's first with the space before it, so that all of
 * them joined are the text. */
void logprobs_add(json_t *list, const struct result_word *words, size_t count);

#endif
