/* batch.h - recordings, as the engine's life cycle sees them; the rest is in engine.h. */
#ifndef BATCH_H
#define BATCH_H

struct engine;

/* Ends all jobs: each gets done() with ENGINE_DRAINING. */
void batch_abort_all(struct engine *engine);

#endif
