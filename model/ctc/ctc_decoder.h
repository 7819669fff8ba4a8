/* ctc_decoder.h - the decoder behind fold.h, openable without a model: for tests and tools. */
#ifndef CTC_DECODER_H
#define CTC_DECODER_H

#include "fold.h"

/* As fold_decoder_open, with the vocabulary [vocab_size] itself, which must outlive it. */
int ctc_decoder_open_vocab(struct fold_decoder **ret_decoder, const char *const *vocab,
                           uint32_t vocab_size, const struct fold_lm *lm,
                           const struct fold_decoder_options *options);

#endif
