/* run.c - one utterance through the fold, an unfold at a time.
 *
 * The residual stream x [T, d] is all that unfolds hand to each other, so depth is not decided
 * up front: begin() leaves x after the prelude, every unfold() runs the K shared blocks over it
 * once more, and exit() reads x without changing it. Stopping after r unfolds and going on later
 * is the same computation as running R at once; nothing of it depends on R.
 *
 *     wave -> stem -> prelude -> x0 -[blocks]-> x1 -[blocks]-> x2 -[blocks]-> x3
 *                                               |exit           |exit          |exit
 *
 * A seed may feed what an exit says back into the next unfold (self-conditioning): unfold r + 1
 * then begins with x <- x + W p_r, p_r [T, V] the exit's probabilities. Whoever needs them first,
 * exit() or unfold(), computes them, once a depth, so looking at an exit changes nothing.
 *
 * A seed may have one more block between x and the letters: an exit then runs it over a copy, so
 * that x stays what the attention decoder reads and the next unfold goes on with.
 *
 * A seed may have unfolds 2.. that do not go on from x but begin anew from the prelude's output x0,
 * which is kept, plus one matrix of what the unfold before concluded; and each unfold may run a
 * list of blocks of its own (paths.c):
 *
 *     x <- blocks_r(x0 + W norm(x))
 *
 * One allocation holds everything, its size known from max_samples before anything is accepted.
 *
 * A batch is a list of runs, each at a depth of its own: unfolds share their blocks, so rows of
 * several runs go through the same products (block.c). A run alone is a batch of one. */
#include "run.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "front_end.h"
#include "matmul.h"
#include "rope.h"

#define EXIT_SLAB 64 /* frames of an exit at a time */

/* Of an exit, of feedback and of recall: */
struct exit_scratch {
    float *h, *y; /* [EXIT_SLAB, d] */
    float *p;     /* [EXIT_SLAB, V] */
    struct matmul_rows rows;
};

static size_t lay_out_exit(struct exit_scratch *s, const struct fold_model *m, void *base)
{
    struct arena at = {base, 0};
    s->h = arena_take(&at, EXIT_SLAB * m->info.d * sizeof(float));
    s->y = arena_take(&at, EXIT_SLAB * m->info.d * sizeof(float));
    matmul_allocate(&s->rows, m, EXIT_SLAB, m->info.d, &at);
    s->p = arena_take(&at, EXIT_SLAB * m->info.vocab_size * sizeof(float));
    return at.used;
}

/* The run itself is the first part of its own memory. */
static size_t lay_out(struct fold_run *run, const struct fold_model *m, size_t max_samples,
                      void *base)
{
    const size_t T = front_end_frames(m, max_samples), d = m->info.d, half = m->rope_dims / 2;
    const size_t front = front_end_bytes(m), block = block_bytes(m, T);
    struct exit_scratch ignored;
    size_t scratch = lay_out_exit(&ignored, m, NULL);
    scratch = scratch > front ? scratch : front;
    scratch = scratch > block ? scratch : block;
    struct arena at = {base, 0};
    arena_take(&at, sizeof *run);
    run->logp = arena_take(&at, T * m->info.vocab_size * sizeof(float));
    run->heard = m->letters.q.out ? arena_take(&at, T * d * sizeof(float)) : NULL;
    run->start = m->recall.out ? arena_take(&at, T * d * sizeof(float)) : NULL;
    run->cos = arena_take(&at, T * half * sizeof(float));
    run->sin = arena_take(&at, T * half * sizeof(float));
    run->stream.x = arena_take(&at, T * d * sizeof(float));
    /* The front end keeps what it needs to in q, k and v, and some more. */
    const size_t kept = front_end_kept(m, T), blocks = 3 * T * d * sizeof(float);
    run->stream.q = arena_take(&at, T * d * sizeof(float));
    run->stream.k = arena_take(&at, T * d * sizeof(float));
    run->stream.v = arena_take(&at, T * d * sizeof(float) + (kept > blocks ? kept - blocks : 0));
    run->scratch = arena_take(&at, scratch);
    run->stream.cos = run->cos;
    run->stream.sin = run->sin;
    return at.used;
}

size_t fold_run_bytes(const struct fold_model *model, size_t max_samples)
{
    struct fold_run run;
    return lay_out(&run, model, max_samples, NULL);
}

int fold_run_open(struct fold_run **ret_run, const struct fold_model *model, size_t max_samples)
{
    if (max_samples < model->info.min_samples || max_samples > (size_t)1 << 28)
        return FOLD_ERR_ARGUMENT;
    struct fold_run *run = aligned_alloc(64, fold_run_bytes(model, max_samples));
    if (!run)
        return FOLD_ERR_MEMORY;
    *run = (struct fold_run){.model = model, .max_samples = max_samples};
    lay_out(run, model, max_samples, run);
    rope_fill(run->cos, run->sin, front_end_frames(model, max_samples), model);
    *ret_run = run;
    return FOLD_OK;
}

void fold_run_close(struct fold_run *run)
{
    free(run);
}

size_t fold_frames(const struct fold_model *model, size_t samples)
{
    return front_end_frames(model, samples);
}

void fold_run_set_abort(struct fold_run *run, bool (*stop)(const void *user), const void *user)
{
    run->stop = stop;
    run->stop_user = user;
}

bool fold_run_is_stopped(const struct fold_run *run)
{
    return run->stop && run->stop(run->stop_user);
}

/* The front end: x [T, d], depth 0. False when asked to stop. */
static bool hear(struct fold_run *run, const float *pcm, size_t samples)
{
    run->exited = run->read = false;
    run->depth = run->stream.r = 0;
    run->stream.T = front_end_frames(run->model, samples);
    run_caches(run, NULL, false);
    return front_end_run(run->model, run->stream.x, pcm, samples, run->stream.q, run->stop,
                         run->stop_user, run->scratch);
}

void run_caches(struct fold_run *run, struct cache *caches, bool keeps)
{
    run->caches = caches;
    run->keeps = keeps;
    run->stream.cache = NULL;
    run->stream.past = 0;
    run->stream.keeps = false;
}

/* What the layer remembers of the frames before. */
static void recollect(const struct fold_run *run, struct block_stream *stream, size_t layer)
{
    if (!run->caches)
        return;
    stream->cache = &run->caches[layer];
    stream->past = stream->cache->kept;
    stream->keeps = run->keeps;
}

/* Runs each through its next layers: of its prelude, or of one unfold more. They go side by
 * side: the run that has the most layers before it says which block is next, and those whose next
 * block is the same come along. False when asked to stop. */
static bool pass(struct fold_run *const *runs, size_t count, bool prelude)
{
    const struct fold_model *m = runs[0]->model;
    const struct block_stream *streams[FOLD_BATCH_MAX];
    const struct fold_run *roomiest = runs[0]; /* its scratch is room enough for all */
    size_t next[FOLD_BATCH_MAX], end[FOLD_BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        const size_t unfold = prelude ? 0 : runs[i]->depth + 1;
        next[i] = m->first[unfold];
        end[i] = m->first[unfold + 1];
        roomiest = runs[i]->max_samples > roomiest->max_samples ? runs[i] : roomiest;
    }
    for (;;) {
        size_t longest = 0, going = 0;
        for (size_t i = 1; i < count; i++)
            longest = end[i] - next[i] > end[longest] - next[longest] ? i : longest;
        if (next[longest] == end[longest])
            return true;
        if (fold_run_is_stopped(runs[0]))
            return false;
        const struct model_block *block = m->layers[next[longest]].block;
        for (size_t i = 0; i < count; i++)
            if (next[i] < end[i] && m->layers[next[i]].block == block) {
                runs[i]->stream.r = m->layers[next[i]].row;
                recollect(runs[i], &runs[i]->stream, next[i]++);
                streams[going++] = &runs[i]->stream;
            }
        block_run(m, block, streams, going, roomiest->scratch);
    }
}

/* One model, no run twice. */
static bool is_batch(struct fold_run *const *runs, size_t count)
{
    bool good = count >= 1 && count <= FOLD_BATCH_MAX;
    for (size_t i = 0; good && i < count; i++) {
        good = runs[i]->model == runs[0]->model;
        for (size_t j = 0; good && j < i; j++)
            good = runs[i] != runs[j];
    }
    return good;
}

int fold_batch_begin(struct fold_run *const *runs, const float *const *pcm, const size_t *samples,
                     size_t count)
{
    if (!is_batch(runs, count))
        return FOLD_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++)
        runs[i]->begun = false;
    for (size_t i = 0; i < count; i++) {
        if (samples[i] > runs[i]->max_samples)
            return FOLD_ERR_TOO_LONG;
        if (!front_end_frames(runs[0]->model, samples[i]))
            return FOLD_ERR_ARGUMENT;
    }
    for (size_t i = 0; i < count; i++)
        if (!hear(runs[i], pcm[i], samples[i]))
            return FOLD_ERR_STOPPED;
    return run_begin(runs, count);
}

int run_begin(struct fold_run *const *runs, size_t count)
{
    const struct fold_model *m = runs[0]->model;
    if (!pass(runs, count, true))
        return FOLD_ERR_STOPPED;
    for (size_t i = 0; i < count; i++) {
        struct fold_run *run = runs[i];
        if (run->start)
            memcpy(run->start, run->stream.x, run->stream.T * m->info.d * sizeof *run->start);
        run->begun = true;
    }
    return FOLD_OK;
}

int fold_run_begin(struct fold_run *run, const float *pcm, size_t samples)
{
    return fold_batch_begin(&run, &pcm, &samples, 1);
}

/* What an exit hears of x [rows, d]: its norm, in s->h, or x where the blocks end with one. */
static const float *last_norm(const struct fold_model *m, const struct exit_scratch *s,
                              const struct model_norm *norm, const float *x, size_t rows)
{
    if (!norm->gain)
        return x;
    m->kernels->norm(s->h, x, norm->gain, norm->bias, rows, m->info.d);
    return s->h;
}

/* The letters' block if there is one, norm, head and log-softmax. */
void run_exit(struct fold_run *run)
{
    const struct fold_model *m = run->model;
    const size_t d = m->info.d, V = m->info.vocab_size, T = run->stream.T;
    struct exit_scratch s;
    const struct model_norm *norm = &m->exit_norm;
    const float *x = run->stream.x;
    if (run->exited)
        return;
    if (run->heard) {
        struct block_stream stream = run->stream;
        memcpy(run->heard, x, T * d * sizeof *x);
        stream.x = run->heard;
        stream.r = 0;
        recollect(run, &stream, m->layers_count - 1);
        block_run(m, &m->letters, &(const struct block_stream *){&stream}, 1, run->scratch);
        x = run->heard;
        norm = &m->letters_norm;
    }
    lay_out_exit(&s, m, run->scratch);
    for (size_t t = 0; t < T; t += EXIT_SLAB) {
        const size_t rows = T - t < EXIT_SLAB ? T - t : EXIT_SLAB;
        const float *h = last_norm(m, &s, norm, x + t * d, rows);
        matmul_float(run->logp + t * V, V, h, d, rows, &m->head);
        m->kernels->log_softmax(run->logp + t * V, rows, V);
    }
    run->exited = true;
}

/* x <- x + W p, p = exp(logp) of the present depth. */
static void feed_back(struct fold_run *run)
{
    const struct fold_model *m = run->model;
    const size_t d = m->info.d, V = m->info.vocab_size, T = run->stream.T;
    struct exit_scratch s;
    run_exit(run);
    lay_out_exit(&s, m, run->scratch);
    for (size_t t = 0; t < T; t += EXIT_SLAB) {
        const size_t rows = T - t < EXIT_SLAB ? T - t : EXIT_SLAB;
        m->kernels->exp(s.p, run->logp + t * V, rows * V);
        matmul_float(s.h, d, s.p, V, rows, &m->feedback);
        m->kernels->residual(run->stream.x + t * d, s.h, NULL, rows, d);
    }
}

/* x <- x0 + W norm(x): what an unfold behind another one begins with. */
static void recall(struct fold_run *run)
{
    const struct fold_model *m = run->model;
    const size_t d = m->info.d, T = run->stream.T;
    struct exit_scratch s;
    lay_out_exit(&s, m, run->scratch);
    for (size_t t = 0; t < T; t += EXIT_SLAB) {
        const size_t rows = T - t < EXIT_SLAB ? T - t : EXIT_SLAB;
        float *x = run->stream.x + t * d;
        matmul_take(&s.rows, m, last_norm(m, &s, &m->exit_norm, x, rows), d, rows, d);
        matmul(s.y, d, &s.rows, &m->recall, m);
        memcpy(x, run->start + t * d, rows * d * sizeof *x);
        m->kernels->residual(x, s.y, NULL, rows, d);
    }
}

int fold_batch_unfold(struct fold_run *const *runs, size_t count)
{
    if (!is_batch(runs, count))
        return FOLD_ERR_ARGUMENT;
    const struct fold_model *m = runs[0]->model;
    for (size_t i = 0; i < count; i++)
        if (!runs[i]->begun || runs[i]->read || runs[i]->depth == m->info.unfolds)
            return FOLD_ERR_ARGUMENT;
    for (size_t i = 0; i < count; i++) {
        if (runs[i]->depth && m->feedback.out)
            feed_back(runs[i]);
        if (runs[i]->depth && m->recall.out)
            recall(runs[i]);
        runs[i]->exited = false;
        runs[i]->begun = false;
    }
    if (!pass(runs, count, false))
        return FOLD_ERR_STOPPED;
    for (size_t i = 0; i < count; i++) {
        runs[i]->begun = true;
        runs[i]->depth++;
    }
    return FOLD_OK;
}

int fold_run_unfold(struct fold_run *run)
{
    return fold_batch_unfold(&run, 1);
}

int fold_run_exit(struct fold_run *run, float *logp)
{
    if (!run->begun || run->depth == 0)
        return FOLD_ERR_ARGUMENT;
    run_exit(run);
    memcpy(logp, run->logp, run->stream.T * run->model->info.vocab_size * sizeof *logp);
    return FOLD_OK;
}

size_t fold_run_frames(const struct fold_run *run)
{
    return run->stream.T;
}

uint32_t fold_run_depth(const struct fold_run *run)
{
    return run->depth;
}

const float *fold_run_x(const struct fold_run *run)
{
    return run->stream.x;
}
