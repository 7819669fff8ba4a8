/* bench_run - what depth costs on one core:  bench_run MODEL
 *
 * 10 s of noise through stem, prelude and every unfold, one BLAS thread. Prints real-time factors
 * and the SGEMM peak measured in the same run, so that machines can be compared. */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fold.h"

#define SECONDS 10
#define ROUNDS  5
#define PEAK    512

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double sgemm_peak(void)
{
    const size_t n = (size_t)PEAK * PEAK;
    float *a = malloc(3 * n * sizeof *a);
    double best = 1e9;
    if (!a)
        return 0;
    for (size_t i = 0; i < 3 * n; i++)
        a[i] = (float)(i % 7) - 3;
    for (int i = 0; i < 20; i++) {
        const double began = now_s();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, PEAK, PEAK, PEAK, 1, a, PEAK, a + n,
                    PEAK, 0, a + 2 * n, PEAK);
        const double took = now_s() - began;
        best = took < best ? took : best;
    }
    free(a);
    return 2.0 * PEAK * PEAK * PEAK / best / 1e9;
}

int main(int argc, char **argv)
{
    struct fold_note note;
    struct fold_model *model;
    struct fold_run *run;
    fold_cpu_prepare(argv);
    if (argc != 2 || fold_model_open(&model, argv[1], &note) != FOLD_OK) {
        fprintf(stderr, "bench_run: %s\n", argc == 2 ? note.text : "usage: bench_run MODEL");
        return 1;
    }
    const struct fold_info *info = fold_model_info(model);
    const size_t samples = (size_t)SECONDS * info->rate_hz;
    float *pcm = malloc(samples * sizeof *pcm);
    float *logp = malloc(fold_frames(model, samples) * info->vocab_size * sizeof *logp);
    if (!pcm || !logp || fold_run_open(&run, model, samples) != FOLD_OK)
        return 1;
    for (size_t i = 0; i < samples; i++)
        pcm[i] = (float)rand() / (float)RAND_MAX * 0.2f - 0.1f;
    double best[32];
    for (uint32_t r = 0; r <= info->unfolds; r++)
        best[r] = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        const double began = now_s();
        fold_run_begin(run, pcm, samples);
        for (uint32_t r = 0; r <= info->unfolds; r++) {
            if (r)
                fold_run_unfold(run);
            if (r)
                fold_run_exit(run, logp);
            const double took = now_s() - began;
            best[r] = took < best[r] ? took : best[r];
        }
    }
    printf("%s, %s kernels, SGEMM peak %.0f GFLOP/s, a run holds %.1f MiB\n", info->name,
           fold_cpu_kernel(), sgemm_peak(), (double)fold_run_bytes(model, samples) / 1048576);
    printf("stem and prelude  RTF %.4f\n", best[0] / SECONDS);
    for (uint32_t r = 1; r <= info->unfolds; r++)
        printf("x%u                RTF %.4f\n", r, best[r] / SECONDS);
    fold_run_close(run);
    fold_model_close(model);
    free(pcm);
    free(logp);
}
