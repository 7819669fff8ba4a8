/* bench_aed - what writing costs on one core:  bench_aed MODEL [SECONDS [int8|fp32]]
 *
 * Noise of 10 s (or SECONDS) is run to every depth that is written by layers of its own (else to
 * depth 1); there its frames are heard by the attention decoder, and so many pieces are read in one
 * go, in the middle of a text. What a draft saves follows: it turns passes of one piece into passes
 * of many. Then several utterances read so many pieces each, together. The best of some rounds
 * counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aed.h"
#include "align.h"
#include "cpu_time.h"
#include "fold.h"
#include "restart.h"
#include "weights.h"

#define ROUNDS   25
#define TOGETHER 8
#define BEFORE   30 /* pieces written before those that are read */

static void keep_least(double *best, double began)
{
    const double took = cpu_time_s() - began;
    *best = took < *best ? took : *best;
}

/* A reading of rows pieces each by so many utterances. */
struct reading {
    size_t together, rows;
    double best_s;
};

/* Everything that is measured with. */
struct bench {
    const struct fold_model *m;
    struct fold_run *run;
    struct aed_workspace workspace;
    struct aed aeds[TOGETHER];
    struct align align;
    float *pcm, *logp;
    uint32_t *letters, pieces[BEFORE + AED_ROWS];
    void *memory;
};

static bool bench_open(struct bench *b, const struct fold_model *m, size_t samples)
{
    const size_t T = fold_frames(m, samples);
    struct arena at = {NULL, 0};
    *b = (struct bench){.m = m};
    b->pcm = malloc(samples * sizeof *b->pcm);
    b->logp = malloc(T * m->info.vocab_size * sizeof *b->logp);
    b->letters = malloc(T * sizeof *b->letters);
    for (int round = 0; round < 2; round++) {
        aed_workspace_allocate(&b->workspace, m, T, BEFORE + AED_ROWS, TOGETHER, &at);
        for (size_t i = 0; i < TOGETHER; i++)
            aed_allocate(&b->aeds[i], &b->workspace, m, T, BEFORE + AED_ROWS, &at);
        align_allocate(&b->align, T, &at);
        b->memory = round ? b->memory : aligned_alloc(64, at.used);
        at = (struct arena){b->memory, 0};
    }
    if (!b->pcm || !b->logp || !b->letters || !b->memory ||
        fold_run_open(&b->run, m, samples) != FOLD_OK)
        return false;
    for (size_t i = 0; i < samples; i++)
        b->pcm[i] = (float)rand() / (float)RAND_MAX * 0.2f - 0.1f;
    for (size_t i = 0; i < BEFORE + AED_ROWS; i++)
        b->pieces[i] = BPE_BEGIN + (uint32_t)rand() % (m->info.pieces - BPE_BEGIN);
    for (size_t i = 0; i < T; i++)
        b->letters[i] = 1 + (uint32_t)i % (m->info.vocab_size - 1);
    return fold_run_begin(b->run, b->pcm, samples) == FOLD_OK;
}

static void bench_close(struct bench *b)
{
    fold_run_close(b->run);
    free(b->memory);
    free(b->letters);
    free(b->logp);
    free(b->pcm);
}

/* One round of all readings, behind BEFORE pieces. */
static void read_all(struct bench *b, struct reading *readings, size_t count)
{
    struct aed_lines lines[TOGETHER];
    for (size_t k = 0; k < BEFORE; k += AED_ROWS) {
        const size_t rows = BEFORE - k < AED_ROWS ? BEFORE - k : AED_ROWS;
        for (size_t i = 0; i < TOGETHER; i++)
            lines[i] = (struct aed_lines){&b->aeds[i], k, b->pieces + k, rows, NULL};
        aed_read(&b->workspace, lines, TOGETHER);
    }
    for (size_t k = 0; k < count; k++) {
        struct reading *r = &readings[k];
        for (size_t i = 0; i < r->together; i++)
            lines[i] = (struct aed_lines){&b->aeds[i], BEFORE, b->pieces + BEFORE, r->rows, NULL};
        const double began = cpu_time_s();
        aed_read(&b->workspace, lines, r->together);
        keep_least(&r->best_s, began);
    }
}

/* What is there of the run's depth. */
static void bench_depth(struct bench *b)
{
    struct reading readings[] = {{1, 1, 1e9},        {1, 2, 1e9},
                                 {1, 4, 1e9},        {1, AED_ROWS, 1e9},
                                 {2, 1, 1e9},        {4, 1, 1e9},
                                 {8, 1, 1e9},        {2, AED_ROWS, 1e9},
                                 {4, AED_ROWS, 1e9}, {TOGETHER, AED_ROWS, 1e9}};
    const size_t count = sizeof readings / sizeof *readings, T = fold_run_frames(b->run);
    const uint32_t depth = fold_run_depth(b->run);
    double hear = 1e9, alignment = 1e9;
    fold_run_exit(b->run, b->logp);
    for (int round = 0; round < ROUNDS; round++) {
        float ignored;
        double began;
        for (size_t i = 0; i < TOGETHER; i++) {
            began = cpu_time_s();
            aed_hear(&b->aeds[i], fold_run_x(b->run), T, depth);
            keep_least(&hear, began);
        }
        began = cpu_time_s();
        align_run(&b->align, b->logp, T, b->m->info.vocab_size, b->letters, T * 2 / 5, &ignored);
        keep_least(&alignment, began);
        read_all(b, readings, count);
    }
    printf("x%u    %u layers: hear %.2f ms, align %.2f ms\n", depth,
           b->m->decoder.depths[depth - 1].count, hear * 1e3, alignment * 1e3);
    for (size_t k = 0; k < count; k++) {
        const struct reading *r = &readings[k];
        printf("x%u    %zu read %zu each: %.3f ms, %.3f an utterance, %.3f a piece\n", depth,
               r->together, r->rows, r->best_s * 1e3, r->best_s * 1e3 / (double)r->together,
               r->best_s * 1e3 / (double)(r->together * r->rows));
    }
}

static int bench(const char *path, enum fold_precision precision, size_t seconds)
{
    struct fold_note note;
    struct fold_model *m;
    struct bench b;
    if (fold_model_open_as(&m, path, precision, &note) != FOLD_OK) {
        fprintf(stderr, "bench_aed: %s\n", note.text);
        return 1;
    }
    const size_t samples = seconds * m->info.rate_hz;
    if (!m->info.pieces) {
        printf("%s has no attention decoder\n", m->info.name);
    } else {
        if (!bench_open(&b, m, samples))
            return 1;
        printf("%s  %zu s, %u pieces: a writer holds %.2f MiB\n",
               precision == FOLD_INT8 ? "int8" : "fp32", seconds, m->info.pieces,
               (double)fold_aed_bytes(m, samples) / 1048576);
        /* The last norm is a depth's own where its layers are. */
        for (uint32_t r = 0; r < m->info.unfolds; r++) {
            fold_run_unfold(b.run);
            if (!r || m->decoder.depths[r].gain != m->decoder.depths[0].gain)
                bench_depth(&b);
        }
        bench_close(&b);
    }
    fold_model_close(m);
    return 0;
}

int main(int argc, char **argv)
{
    restart_for_blas(argv);
    const long seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
    const char *only = argc > 3 ? argv[3] : NULL;
    if (argc < 2 || argc > 4 || seconds < 1 || seconds > FOLD_AED_SECONDS) {
        fprintf(stderr, "usage: bench_aed MODEL [SECONDS [int8|fp32]]\n");
        return 2;
    }
    int failed = 0;
    if (!only || strcmp(only, "int8") == 0)
        failed = bench(argv[1], FOLD_INT8, (size_t)seconds);
    if (!failed && (!only || strcmp(only, "fp32") == 0))
        failed = bench(argv[1], FOLD_FP32, (size_t)seconds);
    return failed;
}
