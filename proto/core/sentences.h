/* sentences.h - where sentences end among words. Pure. */
#ifndef SENTENCES_H
#define SENTENCES_H

#include "result.h"

/* Does a sentence end behind words[i] of [count]? At a mark that ends one, unless it belongs to a
 * title or an initial ("Mr.", "J."), and in front of a silence of SENTENCES_PAUSE_MS. */
#define SENTENCES_PAUSE_MS 1000
bool sentences_end(const struct result_word *words, size_t count, size_t i);

/* All words of segments [segments_count] in a row, borrowed; to be freed. *ret_count of them. NULL
 * without memory. */
struct result_word *sentences_words(const struct result_segment *segments, size_t segments_count,
                                    size_t *ret_count);

#endif
