/* calibrate.h - fills a cost table by running the seed here, and remembers it for the next start.
 */
#ifndef CALIBRATE_H
#define CALIBRATE_H

#include <stdbool.h>
#include <stddef.h>

#include "cost.h"
#include "fold.h"

/* Runs sound of two lengths through every depth and the decoder, again and again until limit_ms
 * are over (once in any case), and keeps the least of each. lm may be NULL. 0, or a negative
 * fold_err. Blocks; starts no thread. */
int calibrate_measure(struct cost *ret_cost, const struct fold_model *model,
                      const struct fold_lm *lm, double limit_ms);

/* Where the table of this CPU, these kernels, this seed in its precision and this language model is
 * kept: in foldscribe/ of the user's cache folder. False when there is no such folder. */
bool calibrate_path(char *ret_path, size_t room, const struct fold_info *info,
                    const struct fold_lm *lm);
/* False when there is none, another build of this program measured it, or it is not one of ours:
 * whatever it holds, no harm is done. */
bool calibrate_load(struct cost *ret_cost, const char *path, uint32_t unfolds);
/* As a whole or not at all. False when it could not be written. */
bool calibrate_save(const struct cost *cost, const char *path);

#endif
