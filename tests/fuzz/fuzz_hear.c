/* Pairs of bytes are commands to three streams of one seed (the file FOLDSCRIBE_TEST_MODEL names):
 *     bits 0, 1: which stream, all of them in one batch when 3
 *     bits 2, 3: 0 and 1 hear more, 2 begin anew, 3 hear something that is no sound
 *     bits 4 to 7: depth; the second byte: how much
 * Whatever the order: nothing but finite log-probabilities, as many frames as so much sound has,
 * and for a stream that never changed its depth the bits that hearing all of it at once gives. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "pace.h"

#define STREAMS 3
#define SAMPLES 24000
#define A_STEP  61 /* samples for one in a command's second byte */

struct heard {
    struct fold_stream *stream;
    struct fold_run *run;
    float pcm[SAMPLES];
    size_t count;
    uint32_t depth; /* 0: none yet */
    bool constant;
};

static struct fold_model *model;
static struct heard streams[STREAMS], fresh;
static float *logp, *fresh_logp;

const struct pace pace_limit = {2.0, 0.05};

static void need(bool holds)
{
    if (!holds)
        abort();
}

static void open_all(void)
{
    need(fold_model_open_as(&model, getenv("FOLDSCRIBE_TEST_MODEL"), FOLD_INT8, NULL) == FOLD_OK);
    const struct fold_info *info = fold_model_info(model);
    const struct fold_stream_options options = {info->unfolds, fold_frames(model, SAMPLES)};
    const size_t samples = fold_stream_run_samples(model, &options);
    for (size_t i = 0; i <= STREAMS; i++) {
        struct heard *h = i < STREAMS ? &streams[i] : &fresh;
        need(fold_stream_open(&h->stream, model, &options) == FOLD_OK &&
             fold_run_open(&h->run, model, samples) == FOLD_OK);
    }
    const size_t floats = fold_frames(model, samples) * info->vocab_size;
    logp = malloc(floats * sizeof *logp);
    fresh_logp = malloc(floats * sizeof *logp);
    need(logp && fresh_logp);
}

static void begin_anew(struct heard *h)
{
    fold_stream_reset(h->stream);
    h->count = 0;
    h->depth = 0;
    h->constant = true;
}

static void add_sound(struct heard *h, size_t count, bool sound)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 1e30f, -1, 0};

    for (size_t i = 0; i < count && h->count < SAMPLES; i++, h->count++)
        h->pcm[h->count] = sound ? 0.5f * sinf((float)h->count * (0.01f + 1e-4f * (float)count))
                                 : odd[(h->count + count) % 6];
}

static void note_depth(struct heard *h, uint32_t depth)
{
    h->constant = h->constant && (!h->depth || h->depth == depth);
    h->depth = depth;
}

/* Log-probabilities of all that is remembered -> frames. */
static size_t said(struct heard *h, float *ret_logp)
{
    if (fold_stream_frames(h->stream) == 0)
        return 0;
    need(fold_stream_read(h->stream, h->run, fold_stream_oldest(h->stream)) == FOLD_OK &&
         fold_run_exit(h->run, ret_logp) == FOLD_OK);
    return fold_run_frames(h->run);
}

static void check(struct heard *h)
{
    const size_t V = fold_model_info(model)->vocab_size;
    const size_t T = said(h, logp);

    need(fold_stream_frames(h->stream) == fold_frames(model, h->count));
    for (size_t i = 0; i < T * V; i++)
        need(isfinite(logp[i]));
    if (!h->constant || !h->depth)
        return;
    begin_anew(&fresh);
    need(fold_stream_hear(fresh.stream, fresh.run, h->pcm, h->count, h->depth) == FOLD_OK);
    need(said(&fresh, fresh_logp) == T && !memcmp(logp, fresh_logp, T * V * sizeof *logp));
}

static void hear(size_t first, size_t count, uint32_t depth)
{
    struct fold_stream *heard[STREAMS];
    struct fold_run *runs[STREAMS];
    const float *pcm[STREAMS];
    size_t samples[STREAMS];
    uint32_t depths[STREAMS];
    const uint32_t unfolds = fold_model_info(model)->unfolds;

    for (size_t i = 0; i < count; i++) {
        struct heard *h = &streams[first + i];
        const size_t next = (size_t)fold_stream_next(h->stream);
        heard[i] = h->stream;
        runs[i] = h->run;
        pcm[i] = h->pcm + next;
        samples[i] = h->count - next;
        depths[i] = 1 + (depth + (uint32_t)i) % unfolds;
        note_depth(h, depths[i]);
    }
    need(fold_batch_hear(heard, runs, pcm, samples, depths, count) == FOLD_OK);
}

void pace_input(const uint8_t *bytes, size_t count)
{
    if (!model)
        open_all();
    for (size_t i = 0; i < STREAMS; i++)
        begin_anew(&streams[i]);
    for (size_t at = 0; at + 2 <= count; at += 2) {
        const bool all = (bytes[at] & 3) == STREAMS;
        const size_t first = all ? 0 : bytes[at] & 3, among = all ? STREAMS : 1;
        const unsigned kind = bytes[at] >> 2 & 3;
        for (size_t i = first; i < first + among; i++) {
            if (kind == 2)
                begin_anew(&streams[i]);
            else
                add_sound(&streams[i], (size_t)bytes[at + 1] * A_STEP, kind != 3);
        }
        if (kind != 2)
            hear(first, among, bytes[at] >> 4);
    }
    for (size_t i = 0; i < STREAMS; i++)
        check(&streams[i]);
}
