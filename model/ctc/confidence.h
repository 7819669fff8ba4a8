/* confidence.h - how far a word is to be trusted. */
#ifndef CONFIDENCE_H
#define CONFIDENCE_H

#include "ctc_beam.h"

#define CONFIDENCE_TEXTS 30

/* On entry words [count] hold the probability of their sound; on return how likely they are right,
 * by what share of texts [texts_count], best first, has them at their place. */
void confidence_weigh(struct fold_word *words, size_t count, const struct ctc_beam *beam,
                      const char *const *vocab, const struct ctc_beam_text *texts,
                      uint32_t texts_count);

#endif
