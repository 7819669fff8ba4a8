/* bench_writer - what writing costs on one core:  bench_writer MODEL [SECONDS [int8|fp32]]
 *
 * Noise of 10 s (or SECONDS) is run to depth 1; then its frames are heard by the attention decoder,
 * and so many pieces are read in one go, in the middle of a text. What a draft saves follows: it
 * turns passes of one piece into passes of many. Then several utterances read so many pieces each,
 * together. The best of some rounds counts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aed.h"
#include "align.h"
#include "fold.h"
#include "weights.h"

#define ROUNDS   25
#define TOGETHER 8
#define BEFORE   30 /* pieces written before those that are read */

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void keep_least(double *best, double began)
{
    const double took = now_s() - began;
    *best = took < *best ? took : *best;
}

/* A reading of rows pieces each by so many utterances. */
struct reading {
    size_t together, rows;
    double best_s;
};

static int bench(const char *path, enum fold_precision precision, size_t seconds)
{
    struct reading readings[] = {{1, 1, 1e9},        {1, 2, 1e9},
                                 {1, 4, 1e9},        {1, AED_ROWS, 1e9},
                                 {2, 1, 1e9},        {4, 1, 1e9},
                                 {8, 1, 1e9},        {2, AED_ROWS, 1e9},
                                 {4, AED_ROWS, 1e9}, {TOGETHER, AED_ROWS, 1e9}};
    struct fold_note note;
    struct fold_model *m;
    struct fold_run *run;
    struct aed_workspace workspace;
    struct aed aeds[TOGETHER];
    struct align align;
    if (fold_model_open_as(&m, path, precision, &note) != FOLD_OK) {
        fprintf(stderr, "bench_writer: %s\n", note.text);
        return 1;
    }
    if (!m->info.pieces) {
        printf("%s has no attention decoder\n", m->info.name);
        fold_model_close(m);
        return 0;
    }
    const size_t samples = seconds * m->info.rate_hz, T = fold_frames(m, samples);
    float *pcm = malloc(samples * sizeof *pcm);
    float *logp = malloc(T * m->info.vocab_size * sizeof *logp);
    uint32_t *letters = malloc(T * sizeof *letters), pieces[BEFORE + AED_ROWS];
    struct arena at = {NULL, 0};
    void *memory = NULL;
    for (int round = 0; round < 2; round++) {
        aed_workspace_allocate(&workspace, m, T, BEFORE + AED_ROWS, TOGETHER, &at);
        for (size_t i = 0; i < TOGETHER; i++)
            aed_allocate(&aeds[i], &workspace, m, T, BEFORE + AED_ROWS, &at);
        align_allocate(&align, T, &at);
        memory = round ? memory : aligned_alloc(64, at.used);
        at = (struct arena){memory, 0};
    }
    if (!pcm || !logp || !letters || !memory || fold_run_open(&run, m, samples) != FOLD_OK)
        return 1;
    for (size_t i = 0; i < samples; i++)
        pcm[i] = (float)rand() / (float)RAND_MAX * 0.2f - 0.1f;
    for (size_t i = 0; i < BEFORE + AED_ROWS; i++)
        pieces[i] = BPE_BEGIN + (uint32_t)rand() % (m->info.pieces - BPE_BEGIN);
    for (size_t i = 0; i < T; i++)
        letters[i] = 1 + (uint32_t)i % (m->info.vocab_size - 1);
    fold_run_begin(run, pcm, samples);
    fold_run_unfold(run);
    fold_run_exit(run, logp);
    double hear = 1e9, alignment = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        struct aed_lines lines[TOGETHER];
        float ignored;
        double began;
        for (size_t i = 0; i < TOGETHER; i++) {
            began = now_s();
            aed_hear(&aeds[i], fold_run_x(run), T, fold_run_depth(run));
            keep_least(&hear, began);
        }
        began = now_s();
        align_run(&align, logp, T, m->info.vocab_size, letters, T * 2 / 5, &ignored);
        keep_least(&alignment, began);
        for (size_t k = 0; k < BEFORE; k += AED_ROWS) {
            const size_t rows = BEFORE - k < AED_ROWS ? BEFORE - k : AED_ROWS;
            for (size_t i = 0; i < TOGETHER; i++)
                lines[i] = (struct aed_lines){&aeds[i], k, pieces + k, rows, NULL};
            aed_read(&workspace, lines, TOGETHER);
        }
        for (size_t k = 0; k < sizeof readings / sizeof *readings; k++) {
            struct reading *r = &readings[k];
            for (size_t i = 0; i < r->together; i++)
                lines[i] = (struct aed_lines){&aeds[i], BEFORE, pieces + BEFORE, r->rows, NULL};
            began = now_s();
            aed_read(&workspace, lines, r->together);
            keep_least(&r->best_s, began);
        }
    }
    printf("%s  %zu s, %u pieces: hear %.2f ms, align %.2f ms, a writer holds %.2f MiB\n",
           m->info.precision == FOLD_INT8 ? "int8" : "fp32", seconds, m->info.pieces, hear * 1e3,
           alignment * 1e3, (double)fold_aed_bytes(m, samples) / 1048576);
    for (size_t k = 0; k < sizeof readings / sizeof *readings; k++) {
        const struct reading *r = &readings[k];
        printf("      %zu read %zu each: %.3f ms, %.3f an utterance, %.3f a piece\n", r->together,
               r->rows, r->best_s * 1e3, r->best_s * 1e3 / (double)r->together,
               r->best_s * 1e3 / (double)(r->together * r->rows));
    }
    fold_run_close(run);
    fold_model_close(m);
    free(memory);
    free(letters);
    free(logp);
    free(pcm);
    return 0;
}

int main(int argc, char **argv)
{
    fold_cpu_prepare(argv);
    const long seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
    const char *only = argc > 3 ? argv[3] : NULL;
    if (argc < 2 || argc > 4 || seconds < 1 || seconds > FOLD_AED_SECONDS) {
        fprintf(stderr, "usage: bench_writer MODEL [SECONDS [int8|fp32]]\n");
        return 2;
    }
    int failed = 0;
    if (!only || strcmp(only, "int8") == 0)
        failed = bench(argv[1], FOLD_INT8, (size_t)seconds);
    if (!failed && (!only || strcmp(only, "fp32") == 0))
        failed = bench(argv[1], FOLD_FP32, (size_t)seconds);
    return failed;
}
