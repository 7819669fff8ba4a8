/* stream.c - a stream, chunk by chunk.
 *
 * A chunk is a short run whose blocks find the frames before it in caches, one a logical layer
 * (weights.h): the prelude's, those of every unfold, and the letters'. Of what a run makes of
 * the chunk, x and log-probabilities are remembered for as long as somebody may want to read them;
 * nothing else is.
 *
 * What does not fill a chunk is heard as well, so that text need not wait for it, but nothing of
 * that is kept: those samples come again.
 *
 * The chunks' borders lie on a grid that begins with the stream, so portions change nothing. */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "run.h"
#include "stem.h"

struct fold_stream {
    const struct fold_model *model;
    struct fold_stream_options options;
    uint64_t heard;          /* frames for good */
    uint32_t depth;          /* of the latest */
    size_t remembered, tail; /* rows of x for good, and for the time being behind them */
    struct stem_sums sums;
    struct cache *caches; /* one a logical layer */
    float *x;             /* [memory + chunk, d] */
    float *logp;          /* [memory + chunk, V] */
};

/* Layers that a stream of some depth never runs have no room. */
static bool is_used(const struct fold_model *m, size_t layer, uint32_t depth)
{
    return m->layers[layer].depth <= depth;
}

/* The stream itself is the first part of its own memory. */
static size_t lay_out(struct fold_stream *s, const struct fold_model *m,
                      const struct fold_stream_options *options, void *base)
{
    const size_t layers = m->layers_count, rows = options->memory_frames + m->info.chunk_frames;
    struct arena at = {base, 0};
    arena_take(&at, sizeof *s);
    s->caches = arena_take(&at, layers * sizeof *s->caches);
    for (size_t i = 0; i < layers; i++) {
        struct cache cache = {0};
        if (is_used(m, i, options->depth))
            cache_allocate(&cache, m, m->layers[i].block->pw1.out, &at);
        if (base)
            s->caches[i] = cache;
    }
    s->x = arena_take(&at, rows * m->info.d * sizeof(float));
    s->logp = arena_take(&at, rows * m->info.vocab_size * sizeof(float));
    return at.used;
}

static bool is_possible(const struct fold_model *m, const struct fold_stream_options *options)
{
    return m->info.chunk_frames && options->depth >= 1 && options->depth <= m->info.unfolds &&
           options->memory_frames >= m->info.chunk_frames && options->memory_frames <= 1u << 16;
}

size_t fold_stream_bytes(const struct fold_model *model, const struct fold_stream_options *options)
{
    struct fold_stream s;
    return is_possible(model, options) ? lay_out(&s, model, options, NULL) : 0;
}

int fold_stream_open(struct fold_stream **ret_stream, const struct fold_model *model,
                     const struct fold_stream_options *options)
{
    if (!is_possible(model, options))
        return FOLD_ERR_ARGUMENT;
    struct fold_stream *s = aligned_alloc(64, fold_stream_bytes(model, options));
    if (!s)
        return FOLD_ERR_MEMORY;
    *s = (struct fold_stream){.model = model, .options = *options};
    lay_out(s, model, options, s);
    *ret_stream = s;
    return FOLD_OK;
}

void fold_stream_close(struct fold_stream *stream)
{
    free(stream);
}

void fold_stream_reset(struct fold_stream *s)
{
    for (size_t i = 0; i < s->model->layers_count; i++)
        s->caches[i].kept = 0;
    s->heard = s->remembered = s->tail = s->depth = 0;
    s->sums = (struct stem_sums){0};
}

uint64_t fold_stream_next(const struct fold_stream *s)
{
    return s->heard * s->model->info.hop_samples;
}

size_t fold_stream_run_samples(const struct fold_model *m,
                               const struct fold_stream_options *options)
{
    const size_t heard = m->info.left_frames + m->info.chunk_frames;
    const size_t read = options->memory_frames + m->info.chunk_frames;
    return stem_samples(heard > read ? heard : read);
}

uint64_t fold_stream_frames(const struct fold_stream *s)
{
    return s->heard + s->tail;
}

uint64_t fold_stream_oldest(const struct fold_stream *s)
{
    return s->heard - s->remembered;
}

/* One chunk, or what there is of it, of each of count streams. */
struct group {
    struct fold_stream *streams[FOLD_BATCH_MAX];
    struct fold_run *runs[FOLD_BATCH_MAX];
    const float *pcm[FOLD_BATCH_MAX];
    size_t samples[FOLD_BATCH_MAX];
    uint32_t depths[FOLD_BATCH_MAX];
    size_t count;
};

static void hear(struct group *c, size_t i, bool whole)
{
    struct fold_stream *s = c->streams[i];
    struct fold_run *run = c->runs[i];
    struct stem_sums sums = s->sums;
    stem_chunk(run->model, run->stream.x, c->pcm[i], c->samples[i], &sums, run->scratch);
    run->exited = run->read = run->begun = false;
    run->depth = run->stream.r = 0;
    run->stream.T = stem_frames(c->samples[i]).conv3;
    run_caches(run, s->caches, whole);
    if (whole)
        s->sums = sums;
}

/* Unfolds those of the runs that are not yet at their depths; false when there are none. */
static bool unfold(const struct group *c, int *ret_error)
{
    struct fold_run *runs[FOLD_BATCH_MAX];
    size_t count = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->runs[i]->depth < c->depths[i])
            runs[count++] = c->runs[i];
    *ret_error = count ? fold_batch_unfold(runs, count) : FOLD_OK;
    return count && !*ret_error;
}

/* What the run made of the chunk, behind what is remembered. */
static void remember(struct fold_stream *s, struct fold_run *run, bool whole)
{
    const size_t d = s->model->info.d, V = s->model->info.vocab_size, T = run->stream.T;
    const size_t most = s->options.memory_frames;
    if (whole && s->remembered + T > most) {
        const size_t old = most - T, from = s->remembered - old;
        memmove(s->x, s->x + from * d, old * d * sizeof *s->x);
        memmove(s->logp, s->logp + from * V, old * V * sizeof *s->logp);
        s->remembered = old;
    }
    memcpy(s->x + s->remembered * d, run->stream.x, T * d * sizeof *s->x);
    memcpy(s->logp + s->remembered * V, run->logp, T * V * sizeof *s->logp);
    s->depth = run->depth;
    if (!whole) {
        s->tail = T;
        return;
    }
    s->remembered += T;
    s->heard += T;
    /* A layer that has not heard this must not take what comes next for its neighbour. */
    for (size_t layer = 0; layer < s->model->layers_count; layer++)
        if (!is_used(s->model, layer, s->depth))
            s->caches[layer].kept = 0;
}

static int step(struct group *c, bool whole)
{
    int error;
    for (size_t i = 0; i < c->count; i++)
        hear(c, i, whole);
    error = run_begin(c->runs, c->count);
    while (!error && unfold(c, &error))
        ;
    for (size_t i = 0; i < c->count && !error; i++) {
        run_exit(c->runs[i]);
        remember(c->streams[i], c->runs[i], whole);
    }
    for (size_t i = 0; i < c->count; i++)
        run_caches(c->runs[i], NULL, false);
    return error;
}

/* The chunks, or tails, of those that have one, with what each has left. */
static void gather(struct group *c, struct fold_stream *const *streams,
                   struct fold_run *const *runs, const float **pcm, size_t *samples,
                   const uint32_t *depths, size_t count, bool whole)
{
    const struct fold_info *info = &streams[0]->model->info;
    const size_t full = stem_samples(info->chunk_frames);
    c->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (whole ? samples[i] < full : !stem_frames(samples[i]).conv3)
            continue;
        c->streams[c->count] = streams[i];
        c->runs[c->count] = runs[i];
        c->pcm[c->count] = pcm[i];
        c->samples[c->count] = whole ? full : samples[i];
        c->depths[c->count++] = depths[i];
        pcm[i] += whole ? (size_t)info->chunk_frames * info->hop_samples : 0;
        samples[i] -= whole ? (size_t)info->chunk_frames * info->hop_samples : 0;
    }
}

int fold_batch_hear(struct fold_stream *const *streams, struct fold_run *const *runs,
                    const float *const *pcm, const size_t *samples, const uint32_t *depths,
                    size_t count)
{
    const float *left[FOLD_BATCH_MAX];
    size_t left_samples[FOLD_BATCH_MAX];
    struct group group;
    if (count < 1 || count > FOLD_BATCH_MAX)
        return FOLD_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        const struct fold_model *m = streams[i]->model;
        if (m != streams[0]->model || runs[i]->model != m || depths[i] < 1 ||
            depths[i] > streams[i]->options.depth)
            return FOLD_ERR_ARGUMENT;
        for (size_t j = 0; j < i; j++)
            if (streams[i] == streams[j] || runs[i] == runs[j])
                return FOLD_ERR_ARGUMENT;
        if (runs[i]->max_samples < stem_samples(m->info.left_frames + m->info.chunk_frames))
            return FOLD_ERR_TOO_LONG;
        left[i] = pcm[i];
        left_samples[i] = samples[i];
        streams[i]->tail = 0;
    }
    int error = FOLD_OK;
    do {
        gather(&group, streams, runs, left, left_samples, depths, count, true);
        if (group.count)
            error = step(&group, true);
    } while (!error && group.count);
    gather(&group, streams, runs, left, left_samples, depths, count, false);
    if (!error && group.count)
        error = step(&group, false);
    return error;
}

int fold_stream_hear(struct fold_stream *stream, struct fold_run *run, const float *pcm,
                     size_t samples, uint32_t depth)
{
    return fold_batch_hear(&stream, &run, &pcm, &samples, &depth, 1);
}

int fold_stream_read(const struct fold_stream *s, struct fold_run *run, uint64_t first)
{
    const size_t d = s->model->info.d, V = s->model->info.vocab_size;
    const uint64_t oldest = fold_stream_oldest(s), now = fold_stream_frames(s);
    if (run->model != s->model || first < oldest || first >= now)
        return FOLD_ERR_ARGUMENT;
    const size_t skipped = (size_t)(first - oldest), T = (size_t)(now - first);
    if (T > stem_frames(run->max_samples).conv3)
        return FOLD_ERR_TOO_LONG;
    memcpy(run->stream.x, s->x + skipped * d, T * d * sizeof *s->x);
    memcpy(run->logp, s->logp + skipped * V, T * V * sizeof *s->logp);
    run_caches(run, NULL, false);
    run->stream.T = T;
    run->depth = s->depth;
    run->begun = run->exited = run->read = true;
    return FOLD_OK;
}
