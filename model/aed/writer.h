/* writer.h - the writer behind fold.h: what tests look at. */
#ifndef WRITER_H
#define WRITER_H

#include "fold.h"

/* The pieces written last, in doubt or not; [*ret_count], until the next call. */
const uint32_t *writer_pieces(const struct fold_writer *writer, size_t *ret_count);

#endif
