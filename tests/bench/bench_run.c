/* bench_run - what depth costs on one core, by precision:  bench_run MODEL [SECONDS [int8|fp32]]
 *
 * Noise of 10 s (or SECONDS) through front end, prelude, every unfold and its exit, one thread.
 * Prints real-time factors, where the time goes, and how near the products come to the peak that
 * the same kernels (and OpenBLAS) reach in this run on square matrices in the cache, so that
 * machines can be compared. The best of some rounds counts: what else runs here only makes things
 * slower. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "cpu_time.h"
#include "fold.h"
#include "front_end.h"
#include "restart.h"
#include "stem.h"
#include "weights.h"

#define ROUNDS 7
#define PEAK   768

static void keep_least(double *best, double began)
{
    const double took = cpu_time_s() - began;
    *best = took < *best ? took : *best;
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
    for (int i = 0; i < 10; i++) {
        const double began = cpu_time_s();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, PEAK, PEAK, PEAK, 1, a, PEAK, a + n,
                    PEAK, 0, a + 2 * n, PEAK);
        keep_least(&best, began);
    }
    free(a);
    return 2.0 * PEAK * PEAK * PEAK / best / 1e9;
}

static double int8_peak(const struct kernels *kernels)
{
    const size_t n = (size_t)PEAK * PEAK;
    unsigned char *bytes = aligned_alloc(64, 2 * n);
    float *y = aligned_alloc(64, n * sizeof *y), *zeros = calloc(PEAK, sizeof *zeros);
    double best = 1e9;
    if (!bytes || !y || !zeros)
        return 0;
    memset(bytes, 1, 2 * n); /* pages that were never written are one page */
    const struct quant_rows rows = {bytes, zeros, (int32_t *)(void *)zeros, PEAK};
    const struct quant_weights w = {
        (int8_t *)bytes + n, zeros, (int32_t *)(void *)zeros, zeros, PEAK, PEAK};
    for (int i = 0; i < 10; i++) {
        const double began = cpu_time_s();
        kernels->gemm(y, PEAK, &rows, PEAK, &w);
        keep_least(&best, began);
    }
    free(bytes);
    free(y);
    free(zeros);
    return 2.0 * PEAK * PEAK * PEAK / best / 1e9;
}

/* Multiplications of one recording in matrix products with weights, by stage. */
struct work {
    double front, prelude, unfold[MODEL_UNFOLDS_MOST];
};

static double product(double rows, const struct model_linear *lin)
{
    return rows * lin->in * lin->out;
}

static double count_front(const struct fold_model *m, size_t samples)
{
    const struct stem_frames f = stem_frames(samples);
    const double T = (double)fold_frames(m, samples);
    double rows = (double)samples, sum = 0;
    switch (m->front) {
    case MODEL_STEM:
        return product((double)f.conv1, &m->conv1) + product((double)f.conv2, &m->conv2) +
               product((double)f.conv2, &m->mix) + product((double)f.conv3, &m->conv3);
    case MODEL_WAVE:
        for (uint32_t i = 0; i < m->wave.convs_count; i++)
            sum += product(rows /= m->wave.convs[i].stride, &m->wave.convs[i].lin);
        return sum + product(T, &m->wave.project) +
               m->wave.groups * product(T, &m->wave.positions[0]);
    case MODEL_MEL:
        break;
    }
    return product(4 * T, &m->mel.fourier) + product(4 * T, &m->mel.filters) +
           product(T, &m->mel.out);
}

static struct work count_work(const struct fold_model *m, size_t samples)
{
    const double d = m->info.d, ffn = m->ffn, T = (double)fold_frames(m, samples);
    const double plain = T * (4 * d * d + 2 * d * ffn);
    struct work work = {
        .front = count_front(m, samples),
        .prelude = m->info.prelude * plain,
    };
    for (uint32_t r = 1; r <= m->info.unfolds; r++) {
        work.unfold[r - 1] = r > 1 && m->recall.out ? T * d * d : 0;
        for (size_t i = m->first[r]; i < m->first[r + 1]; i++)
            work.unfold[r - 1] += plain + (m->layers[i].block->pw1.out ? T * 3 * d * d : 0);
    }
    return work;
}

static int bench(const char *path, enum fold_precision precision, size_t seconds)
{
    struct fold_note note;
    struct fold_model *m;
    struct fold_run *run;
    if (fold_model_open_as(&m, path, precision, &note) != FOLD_OK) {
        fprintf(stderr, "bench_run: %s\n", note.text);
        return 1;
    }
    const struct fold_info *info = fold_model_info(m);
    const size_t samples = seconds * info->rate_hz, frames = fold_frames(m, samples);
    float *pcm = malloc(samples * sizeof *pcm);
    float *logp = malloc(frames * info->vocab_size * sizeof *logp);
    float *x = malloc(frames * info->d * sizeof *x);
    void *kept = aligned_alloc(64, (front_end_kept(m, frames) / 64 + 1) * 64);
    void *scratch = aligned_alloc(64, front_end_bytes(m));
    if (!pcm || !logp || !x || !kept || !scratch || fold_run_open(&run, m, samples) != FOLD_OK)
        return 1;
    for (size_t i = 0; i < samples; i++)
        pcm[i] = (float)rand() / (float)RAND_MAX * 0.2f - 0.1f;
    double front = 1e9, begin = 1e9, unfold[MODEL_UNFOLDS_MOST], exit_s = 1e9;
    for (uint32_t r = 0; r < info->unfolds; r++)
        unfold[r] = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        double began = cpu_time_s();
        front_end_run(m, x, pcm, samples, kept, NULL, NULL, scratch);
        keep_least(&front, began);
        began = cpu_time_s();
        fold_run_begin(run, pcm, samples);
        keep_least(&begin, began);
        for (uint32_t r = 0; r < info->unfolds; r++) {
            began = cpu_time_s();
            fold_run_unfold(run);
            keep_least(&unfold[r], began);
            began = cpu_time_s();
            fold_run_exit(run, logp);
            keep_least(&exit_s, began);
        }
    }
    const bool int8 = info->precision == FOLD_INT8;
    const double peak = int8 ? int8_peak(m->kernels) : sgemm_peak();
    const struct work work = count_work(m, samples);
    const double s = (double)seconds;
    printf("%s  %s kernels, peak %.0f Gop/s, a run for %zu s holds %.2f MiB\n",
           int8 ? "int8" : "fp32", int8 ? m->kernels->name : fold_cpu_kernel(), peak, seconds,
           (double)fold_run_bytes(m, samples) / 1048576);
    printf("      front end %.5f  prelude %.5f  unfolds", front / s, (begin - front) / s);
    for (uint32_t r = 0; r < info->unfolds; r++)
        printf(" %.5f", unfold[r] / s);
    printf("  exit %.5f   of real time\n", exit_s / s);
    double total = begin, products = work.front + work.prelude;
    for (uint32_t r = 0; r < info->unfolds; r++) {
        total += unfold[r];
        products += work.unfold[r];
        printf("x%u    RTF %.5f   %.0f Gop/s in products with weights, %.0f %% of the peak\n",
               r + 1, (total + exit_s) / s, 2 * products / total / 1e9,
               200 * products / total / 1e9 / peak);
    }
    fold_run_close(run);
    fold_model_close(m);
    free(pcm);
    free(logp);
    free(x);
    free(scratch);
    free(kept);
    return 0;
}

int main(int argc, char **argv)
{
    restart_for_blas(argv);
    const long seconds = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
    const char *only = argc > 3 ? argv[3] : NULL;
    if (argc < 2 || argc > 4 || seconds < 1 || seconds > 3600) {
        fprintf(stderr, "usage: bench_run MODEL [SECONDS [int8|fp32]]\n");
        return 2;
    }
    int failed = 0;
    printf("peaks: sgemm %s %.0f", fold_cpu_kernel(), sgemm_peak());
    for (size_t i = 0; cpu_kernels(i); i++)
        printf("  int8 %s %.0f", cpu_kernels(i)->name, int8_peak(cpu_kernels(i)));
    printf(" Gop/s\n");
    if (!only || strcmp(only, "int8") == 0)
        failed = bench(argv[1], FOLD_INT8, (size_t)seconds);
    if (!failed && (!only || strcmp(only, "fp32") == 0))
        failed = bench(argv[1], FOLD_FP32, (size_t)seconds);
    return failed;
}
