/* deepgram_recording.h - the answer of Deepgram's dialect to a recording, put together channel by
 * channel. */
#ifndef DEEPGRAM_RECORDING_H
#define DEEPGRAM_RECORDING_H

#include "deepgram.h"

/* The body of a request that names a recording: {"url": "https://..."}. *ret_url is to be freed. 0,
 * or -1 with *err. */
int deepgram_recording_url(const char *text, size_t length, char **ret_url,
                           struct deepgram_error *err);

struct deepgram_recording;

/* config outlives it. NULL without memory. */
struct deepgram_recording *deepgram_recording_open(const struct deepgram_config *config);
/* Takes in one channel, 0 being the first; in any order, each once. 0, or -1 without memory. */
int deepgram_recording_add(struct deepgram_recording *recording, uint32_t channel,
                           const struct result_transcript *transcript,
                           const struct deepgram_source *source);
/* The JSON, to be freed; NULL when out of memory. channels: of the recording. */
char *deepgram_recording_json(struct deepgram_recording *recording, uint32_t channels,
                              const char *created, const char *sha256,
                              const struct deepgram_source *source);
void deepgram_recording_close(struct deepgram_recording *recording); /* NULL is fine */

#endif
