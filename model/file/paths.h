/* paths.h - which blocks every unfold of a seed runs, and which layers write every depth. */
#ifndef PATHS_H
#define PATHS_H

#include "loader.h"

/* The model's logical layers, once its blocks are there: unfolds run all of them, each from where
 * the one before ended; or behind a bridge; or as the configuration's "paths" list them. */
void paths_unfold(struct loader *l);

/* The layers of its attention decoder that write each depth: all, or as "paths" of the
 * configuration's decoder list them. */
void paths_write(struct loader *l);

#endif
