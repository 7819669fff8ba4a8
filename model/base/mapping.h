/* mapping.h - a whole file, read-only in memory.
 *
 * The memory is ours, not the file's: whoever writes over a file that is open, or cuts it short,
 * does not reach what was read of it, and checked. */
#ifndef MAPPING_H
#define MAPPING_H

#include <stddef.h>

#include "fold.h"

/* *ret_bytes [*ret_count], page-aligned, until mapping_close. Anything but a regular file with
 * something in it is FOLD_ERR_FORMAT; what the system refuses is FOLD_ERR_IO or FOLD_ERR_MEMORY. */
int mapping_open(const unsigned char **ret_bytes, size_t *ret_count, const char *path,
                 struct fold_note *note);
void mapping_close(const unsigned char *bytes, size_t count);

#endif
