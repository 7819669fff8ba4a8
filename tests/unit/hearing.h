/* hearing.h - what the tests of the engine share: a real seed file (of random weights, so its text
 * means nothing), the real recordings, and something that listens to callbacks. */
#ifndef HEARING_H
#define HEARING_H

#include <pthread.h>

#include "clips.h"
#include "engine.h"

#define HEARING_TEXT_BYTES 65536
#define HEARING_PAUSE_MS   800 /* as batch.c has it */

extern struct fold_model *hearing_model;
extern struct clip hearing_clips[CLIPS_MOST];
extern size_t hearing_clips_count;

/* Open and close the three above: for cmocka's groups. */
int hearing_setup(void **state);
int hearing_teardown(void **state);

/* Segments of up to 15 s, recordings of up to 300 s. */
struct engine *hearing_engine(uint32_t workers, uint32_t max_live, uint32_t max_batch);

/* The same, with partials heard in one way. */
struct engine *hearing_engine_with(uint32_t workers, uint32_t max_live, uint32_t max_batch,
                                   enum engine_partials partials);

/* What callbacks leave behind; its address is their user. */
struct heard {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool over; /* on_done() or on_end() came */
    int callbacks;
    enum engine_end end;
    char detail[256];
    char finals[HEARING_TEXT_BYTES]; /* "[start-end] word@start-end ...\n" a final segment */
    int finals_count, partials_count, flushed_count, endpoints_count, ready_count;
    int64_t duration_samples, last_end_samples, partial_end_samples;
    struct result_depth depth, partial_depth;
    bool wrong; /* something came that may not */
};

void hearing_init(struct heard *heard);
/* Fails the test if a callback came that may not. */
void hearing_finish(struct heard *heard);
/* Waits until *count, a member of heard, is at least `least`; false after a minute. */
bool hearing_wait(struct heard *heard, const int *count, int least);
/* Waits for on_done() or on_end(). */
bool hearing_wait_over(struct heard *heard);
/* Whatever the one worker of an engine had to do for others before this call is done. */
void hearing_barrier(struct engine *engine);

/* Mono at 16 kHz; pcm is freed by its owner. */
struct sound {
    int16_t *pcm;
    size_t count;
};

/* Clips first..first+count, each followed by pause_ms of a quiet room. */
struct sound hearing_join(size_t first, size_t count, size_t pause_ms);
/* Unlinked files. */
int hearing_spool_wav(const struct sound *sound);
int hearing_spool(const void *bytes, size_t count);

struct batch_options hearing_batch_options(struct heard *heard, uint32_t depth);
/* linear16, 16 kHz, mono, no partials. */
struct live_options hearing_live_options(struct heard *heard);
/* One recording, to its end. Takes fd. */
void hearing_file(struct engine *engine, int fd, uint32_t depth, struct heard *heard);
/* The whole sound through one stream, step bytes at a time, to its end. */
void hearing_stream(struct engine *engine, const struct sound *sound, size_t step,
                    const struct live_options *options, struct heard *heard);

#endif
