/* aed_decoder.h - the decoder behind fold.h: what tests look at. */
#ifndef AED_DECODER_H
#define AED_DECODER_H

#include "fold.h"

/* The pieces written last, in doubt or not; [*ret_count], until the next call. */
const uint32_t *aed_decoder_pieces(const struct fold_aed *aed, size_t *ret_count);

#endif
