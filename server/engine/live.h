/* live.h - live streams, as the engine's life cycle sees them; the rest is in engine.h. */
#ifndef LIVE_H
#define LIVE_H

struct engine;

/* Ends all streams: each gets end() with ENGINE_DRAINING. */
void live_abort_all(struct engine *engine);

#endif
