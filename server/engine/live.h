/* live.h - live streams: bytes in at any time, results out. Any thread; callbacks as engine.h says.
 */
#ifndef LIVE_H
#define LIVE_H

#include "live_options.h"

struct engine;
struct live;

enum engine_end live_open(struct engine *engine, const struct live_options *options,
                          struct live **ret_live);
/* Copies. Bytes may be cut anywhere. Returns bytes now waiting: above live_high_bytes
 * the caller should stop reading from the client until on_ready() is called. */
uint64_t live_push(struct live *live, const void *bytes, size_t count);
uint64_t live_waiting(struct live *live);
uint64_t live_high_bytes(const struct live *live);
uint64_t live_low_bytes(const struct live *live);
/* Finalises what has been pushed so far; a result with from_flush (possibly of an empty segment)
 * follows. */
void live_flush(struct live *live);
/* Nothing has been pushed for silent_ms of time: clients that mute send nothing, not even silence.
 * What was said becomes final as if that much silence had followed it. */
void live_silent(struct live *live, uint32_t silent_ms);
/* From the next text on; where a sound is open, its partial is made anew at once. */
void live_configure(struct live *live, const struct live_dials *dials);
/* Favours other words [count], copied, from the next text on. False without memory. */
bool live_set_hotwords(struct live *live, const struct fold_hotword *hotwords, size_t count);
/* From within on_end(): what was wrong with the sound, for the client; "" when nothing was. */
const char *live_detail(const struct live *live);
/* No more audio: finals, then on_end(). */
void live_finish(struct live *live);
/* Drops the stream: no callback after this returns (it waits for one in progress). The handle
 * is gone. Call it exactly once, also after on_end(); not from inside a callback. */
void live_close(struct live *live);

/* Time by the clock that it takes to hear all that streams were sent, or all that live_cut_all
 * leaves of it. A guess, rather too much. */
double live_ahead_ms(struct engine *engine, bool after_cut);
/* Of a stream that was sent a second more than was decoded yet no more is heard than that: it
 * becomes final, and on_end() says ENGINE_CUT. The others go on. */
void live_cut_all(struct engine *engine);
/* Ends all streams: each gets on_end() with ENGINE_DRAINING. */
void live_abort_all(struct engine *engine);

#endif
