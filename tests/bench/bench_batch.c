/* bench_batch - what sharing products saves:  bench_batch MODEL [CHUNK_MS]
 *
 * 1 to 64 streams of CHUNK_MS (default 640), stream i at unfold i % R: one step of all of them, one
 * after the other and as a batch. Prints microseconds a stream and step, and how many streams of
 * one step every CHUNK_MS a core would carry. int8, one thread, best of some rounds. */
#include <stdio.h>
#include <stdlib.h>

#include "cpu_time.h"
#include "fold.h"
#include "restart.h"

#define STREAMS 64
#define ROUNDS  4

static struct fold_run *runs[STREAMS];
static const float *pcm[STREAMS];
static size_t samples[STREAMS];

/* All streams begun, stream i after i % R unfolds. */
static void prepare(size_t count, uint32_t unfolds)
{
    fold_batch_begin(runs, pcm, samples, count);
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0; r < i % unfolds; r++)
            fold_run_unfold(runs[i]);
}

int main(int argc, char **argv)
{
    struct fold_note note;
    struct fold_model *model;
    restart_for_blas(argv);
    const long chunk_ms = argc > 2 ? strtol(argv[2], NULL, 10) : 640;
    if (argc < 2 || argc > 3 || chunk_ms < 100 || chunk_ms > 60000) {
        fprintf(stderr, "usage: bench_batch MODEL [CHUNK_MS]\n");
        return 2;
    }
    if (fold_model_open_as(&model, argv[1], FOLD_INT8, &note) != FOLD_OK) {
        fprintf(stderr, "bench_batch: %s\n", note.text);
        return 1;
    }
    const struct fold_info *info = fold_model_info(model);
    const size_t length = (size_t)chunk_ms * info->rate_hz / 1000;
    float *noise = malloc((length + STREAMS) * sizeof *noise);
    if (!noise)
        return 1;
    for (size_t i = 0; i < length + STREAMS; i++)
        noise[i] = (float)rand() / (float)RAND_MAX * 0.2f - 0.1f;
    for (size_t i = 0; i < STREAMS; i++) {
        if (fold_run_open(&runs[i], model, length) != FOLD_OK)
            return 1;
        pcm[i] = noise + i;
        samples[i] = length;
    }
    printf("%ld ms (%zu frames), %s kernels, a run holds %.2f MiB\n", chunk_ms,
           fold_frames(model, length), fold_cpu_level(),
           (double)fold_run_bytes(model, length) / 1048576);
    printf("streams   begin: apart  together   unfold: apart  together  (us a stream)   streams a "
           "core\n");
    for (size_t count = 1; count <= STREAMS; count *= 2) {
        double best[4] = {1e9, 1e9, 1e9, 1e9};
        for (int round = 0; round < ROUNDS; round++) {
            double at[5];
            at[0] = cpu_time_s();
            for (size_t i = 0; i < count; i++)
                fold_run_begin(runs[i], pcm[i], samples[i]);
            at[1] = cpu_time_s();
            fold_batch_begin(runs, pcm, samples, count);
            at[2] = cpu_time_s();
            best[0] = at[1] - at[0] < best[0] ? at[1] - at[0] : best[0];
            best[1] = at[2] - at[1] < best[1] ? at[2] - at[1] : best[1];
            prepare(count, info->unfolds);
            at[0] = cpu_time_s();
            for (size_t i = 0; i < count; i++)
                fold_run_unfold(runs[i]);
            at[1] = cpu_time_s();
            prepare(count, info->unfolds);
            at[2] = cpu_time_s();
            fold_batch_unfold(runs, count);
            at[3] = cpu_time_s();
            best[2] = at[1] - at[0] < best[2] ? at[1] - at[0] : best[2];
            best[3] = at[3] - at[2] < best[3] ? at[3] - at[2] : best[3];
        }
        const double each = 1e6 / (double)count;
        printf("%7zu   %12.0f  %8.0f   %13.0f  %8.0f                    %8.0f\n", count,
               best[0] * each, best[1] * each, best[2] * each, best[3] * each,
               (double)chunk_ms * 1e-3 / ((best[1] + best[3]) / (double)count));
        fflush(stdout);
    }
    for (size_t i = 0; i < STREAMS; i++)
        fold_run_close(runs[i]);
    fold_model_close(model);
    free(noise);
}
