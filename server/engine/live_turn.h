/* live_turn.h - a worker's turn at a live stream. */
#ifndef LIVE_TURN_H
#define LIVE_TURN_H

#include "queue.h"

/* The next step of a live stream's work: queue_work.run. */
enum queue_step live_turn_run(struct queue_work *work, struct worker *worker);

#endif
