/* engine.h - audio bytes in, results out; knows no sockets and no dialects.
 *
 * The engine owns the worker threads, the queue and the audio decoding. Network threads only
 * hand over bytes and get called back. What is done first is scheduler.h's business, how deep it
 * goes depth.h's. A batch file is cut into segments at pauses and its segments are separate pieces
 * of work, so that a long upload never delays a caption by more than one segment.
 *
 * Callbacks run on worker threads, one at a time for one job or stream, and must not block.
 * What they are passed is borrowed for the call.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stdbool.h>

#include "batch.h"
#include "engine_end.h"
#include "engine_options.h"
#include "engine_stats.h"
#include "hotword_list.h"
#include "live.h"

struct engine;
struct admission_report;

/* 0 or a negative fold_err. The engine's threads start here. */
int engine_open(struct engine **ret_engine, const struct engine_options *options);
/* Refuses new work from now on; work in hand goes on. */
void engine_drain(struct engine *engine);
bool engine_is_idle(struct engine *engine);
/* The owners of live streams are about to end them: from now on recordings give way to them. */
void engine_finish(struct engine *engine);
/* As live_ahead_ms and live_cut_all. */
double engine_ahead_ms(struct engine *engine, bool after_cut);
void engine_cut(struct engine *engine);
/* Cancels what is left (callbacks are made), joins the threads. */
void engine_close(struct engine *engine);

/* A request's words as jobs and streams take them: borrowed from list, into hotwords
 * [HOTWORD_LIST_MOST]. */
void engine_hotwords(const struct hotword_list *list, struct fold_hotword *hotwords);

void engine_stats(struct engine *engine, struct engine_stats *ret_stats);
/* Load, costs and what fits: admission.h. */
void engine_report(struct engine *engine, struct admission_report *ret_report);

#endif
