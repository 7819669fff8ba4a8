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
 * One allocation holds everything, its size known from max_samples before anything is accepted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "kernels.h"
#include "matmul.h"
#include "model.h"
#include "stem.h"

struct fold_run {
    const struct fold_model *model;
    size_t max_samples, T;
    uint32_t depth;
    bool begun, exited; /* exited: logp is that of the present depth */
    float *pcm;         /* [max_samples] */
    float *x;           /* [T, d] */
    float *logp;        /* [T, V] */
    float *cos, *sin;   /* [T, rope_dims / 2] */
    float *scratch;
    float floats[]; /* all of the above */
};

struct sizes {
    size_t pcm, x, logp, rope, scratch;
};

static size_t padded(size_t floats)
{
    return (floats + 15) / 16 * 16;
}

static struct sizes sizes(const struct fold_model *m, size_t max_samples)
{
    const size_t T = stem_frames(max_samples).conv3;
    const size_t stem = stem_scratch(m, max_samples), block = block_scratch(m, T);
    const size_t exit = T * m->info.d, feedback = T * (m->info.vocab_size + m->info.d);
    const size_t last = m->feedback.w ? feedback : exit, scratch = stem > block ? stem : block;
    return (struct sizes){padded(max_samples), padded(T * m->info.d),
                          padded(T * m->info.vocab_size), padded(T * m->rope_dims / 2),
                          padded(scratch > last ? scratch : last)};
}

size_t fold_run_bytes(const struct fold_model *model, size_t max_samples)
{
    const struct sizes s = sizes(model, max_samples);
    return sizeof(struct fold_run) + 64 +
           (s.pcm + s.x + s.logp + 2 * s.rope + s.scratch) * sizeof(float);
}

/* Angles are position times base^(-2i / rope_dims), in double: positions may be large. */
static void fill_rope(struct fold_run *run, size_t T)
{
    const size_t half = run->model->rope_dims / 2;
    for (size_t i = 0; i < half; i++) {
        const double step = pow(run->model->rope_base, -(double)i / (double)half);
        for (size_t t = 0; t < T; t++) {
            run->cos[t * half + i] = (float)cos((double)t * step);
            run->sin[t * half + i] = (float)sin((double)t * step);
        }
    }
}

int fold_run_open(struct fold_run **ret_run, const struct fold_model *model, size_t max_samples)
{
    if (max_samples < model->info.min_samples || max_samples > (size_t)1 << 28)
        return FOLD_ERR_ARGUMENT;
    const struct sizes s = sizes(model, max_samples);
    const size_t bytes = (fold_run_bytes(model, max_samples) + 63) / 64 * 64;
    struct fold_run *run = aligned_alloc(64, bytes);
    if (!run)
        return FOLD_ERR_MEMORY;
    *run = (struct fold_run){.model = model, .max_samples = max_samples};
    run->pcm = (float *)(((uintptr_t)run->floats + 63) / 64 * 64);
    run->x = run->pcm + s.pcm;
    run->logp = run->x + s.x;
    run->cos = run->logp + s.logp;
    run->sin = run->cos + s.rope;
    run->scratch = run->sin + s.rope;
    fill_rope(run, stem_frames(max_samples).conv3);
    *ret_run = run;
    return FOLD_OK;
}

void fold_run_close(struct fold_run *run)
{
    free(run);
}

size_t fold_frames(const struct fold_model *model, size_t samples)
{
    (void)model;
    return stem_frames(samples).conv3;
}

int fold_run_begin(struct fold_run *run, const float *pcm, size_t samples)
{
    const struct fold_model *m = run->model;
    if (samples > run->max_samples)
        return FOLD_ERR_TOO_LONG;
    run->begun = run->exited = false;
    run->depth = 0;
    run->T = stem_frames(samples).conv3;
    if (!run->T)
        return FOLD_ERR_ARGUMENT;
    for (size_t i = 0; i < samples; i++)
        run->pcm[i] = isfinite(pcm[i]) ? pcm[i] : 0.0f;
    stem_run(m, run->x, run->pcm, samples, run->scratch);
    const struct block_rope rope = {run->cos, run->sin};
    for (uint32_t i = 0; i < m->info.prelude; i++)
        block_run(m, &m->prelude[i], 0, run->x, run->T, &rope, run->scratch);
    run->begun = true;
    return FOLD_OK;
}

/* Final norm, head and log-softmax into run->logp, unless it is there already. */
static void compute_exit(struct fold_run *run)
{
    const struct fold_model *m = run->model;
    if (run->exited)
        return;
    kernels_norm(run->scratch, run->x, m->exit_norm.gain, NULL, run->T, m->info.d);
    matmul_rows(run->logp, m->info.vocab_size, run->scratch, m->info.d, run->T, &m->head);
    kernels_bias(run->logp, m->head.b, run->T, m->info.vocab_size);
    kernels_log_softmax(run->logp, run->T, m->info.vocab_size);
    run->exited = true;
}

/* x <- x + W p, p = exp(logp) of the present depth. */
static void feed_back(struct fold_run *run)
{
    const struct fold_model *m = run->model;
    const size_t V = m->info.vocab_size, d = m->info.d;
    float *p = run->scratch, *y = p + run->T * V; /* [T, V], [T, d] */
    compute_exit(run);
    kernels_exp(p, run->logp, run->T * V);
    matmul_rows(y, d, p, V, run->T, &m->feedback);
    kernels_residual(run->x, y, NULL, run->T, d);
}

int fold_run_unfold(struct fold_run *run)
{
    const struct fold_model *m = run->model;
    if (!run->begun || run->depth == m->info.unfolds)
        return FOLD_ERR_ARGUMENT;
    const struct block_rope rope = {run->cos, run->sin};
    if (run->depth && m->feedback.w)
        feed_back(run);
    run->exited = false;
    for (uint32_t i = 0; i < m->info.blocks; i++)
        block_run(m, &m->blocks[i], run->depth, run->x, run->T, &rope, run->scratch);
    run->depth++;
    return FOLD_OK;
}

int fold_run_exit(struct fold_run *run, float *logp)
{
    const struct fold_model *m = run->model;
    if (!run->begun || run->depth == 0)
        return FOLD_ERR_ARGUMENT;
    compute_exit(run);
    memcpy(logp, run->logp, run->T * m->info.vocab_size * sizeof *logp);
    return FOLD_OK;
}

size_t fold_run_frames(const struct fold_run *run)
{
    return run->T;
}

uint32_t fold_run_depth(const struct fold_run *run)
{
    return run->depth;
}

const float *fold_run_x(const struct fold_run *run)
{
    return run->x;
}
