/* bench_stream - what a live stream of the seed costs and holds:  bench_stream MODEL [SECONDS
 * [int8|fp32]]
 *
 * Noise of 20 s (or SECONDS) is heard chunk by chunk, by one stream and by some in a batch, each
 * depth, and as partials without streams do it: the last WINDOW_MS run anew for every chunk.
 * Columns: bytes of a stream that remembers MEMORY_FRAMES, processor time of a second of sound, and
 * how many streams of people who never stop talking that is a core, text not counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_time.h"
#include "fold.h"
#include "restart.h"

#define MOST          16
#define MEMORY_FRAMES 168
#define WINDOW_MS     3000

static void die(const char *what)
{
    fprintf(stderr, "bench_stream: %s\n", what);
    exit(1);
}

/* Processor time of a second of sound of each of count streams; depth 0: at depths 1, 2 .. R in
 * turn. */
static double hear(const struct fold_model *m, const float *pcm, size_t seconds, size_t count,
                   uint32_t depth)
{
    const struct fold_info *info = fold_model_info(m);
    const struct fold_stream_options options = {info->unfolds, MEMORY_FRAMES};
    const size_t chunk = (size_t)info->chunk_frames * info->hop_samples, ahead = info->min_samples;
    struct fold_stream *streams[MOST];
    struct fold_run *runs[MOST];
    const float *from[MOST];
    size_t samples[MOST];
    uint32_t depths[MOST];
    for (size_t i = 0; i < count; i++) {
        if (fold_stream_open(&streams[i], m, &options) ||
            fold_run_open(&runs[i], m, fold_stream_run_samples(m, &options)))
            die("no memory");
        depths[i] = depth ? depth : 1 + (uint32_t)i % info->unfolds;
    }
    const double began = cpu_time_s();
    for (size_t end = chunk + ahead; end <= seconds * info->rate_hz; end += chunk) {
        for (size_t i = 0; i < count; i++) {
            const size_t next = fold_stream_next(streams[i]);
            from[i] = pcm + next;
            samples[i] = end - info->hop_samples - next; /* just the chunk */
        }
        if (fold_batch_hear(streams, runs, from, samples, depths, count))
            die("cannot hear");
    }
    const double took = cpu_time_s() - began;
    for (size_t i = 0; i < count; i++) {
        fold_stream_close(streams[i]);
        fold_run_close(runs[i]);
    }
    return took / (double)(seconds * count);
}

/* The same for partials that run the last seconds anew, a chunk's length apart. */
static double hear_windows(const struct fold_model *m, const float *pcm, uint32_t depth)
{
    const struct fold_info *info = fold_model_info(m);
    const size_t samples = (size_t)WINDOW_MS * info->rate_hz / 1000;
    float *logp = malloc(fold_frames(m, samples) * info->vocab_size * sizeof *logp);
    struct fold_run *run;
    double best = 1e9;
    if (!logp || fold_run_open(&run, m, samples))
        die("no memory");
    for (int round = 0; round < 8; round++) {
        const double began = cpu_time_s();
        fold_run_begin(run, pcm, samples);
        for (uint32_t r = 0; r < depth; r++)
            fold_run_unfold(run);
        fold_run_exit(run, logp);
        const double took = cpu_time_s() - began;
        best = took < best ? took : best;
    }
    fold_run_close(run);
    free(logp);
    return best * info->rate_hz / (double)(info->chunk_frames * info->hop_samples);
}

int main(int argc, char **argv)
{
    const enum fold_precision precision = argc > 3 && argv[3][0] == 'f' ? FOLD_FP32 : FOLD_INT8;
    const size_t seconds = argc > 2 ? strtoul(argv[2], NULL, 10) : 20;
    static const size_t counts[] = {1, 4, MOST};
    struct fold_note note;
    struct fold_model *m;
    restart_for_blas(argv);
    if (argc < 2 || seconds < 2)
        die("usage: bench_stream MODEL [SECONDS [int8|fp32]]");
    if (fold_model_open_as(&m, argv[1], precision, &note))
        die(note.text);
    const struct fold_info *info = fold_model_info(m);
    if (!info->chunk_frames) {
        printf("%s was not taught to hear streams\n", info->name);
        fold_model_close(m);
        return 0;
    }
    float *pcm = malloc(seconds * info->rate_hz * sizeof *pcm);
    if (!pcm)
        die("no memory");
    for (size_t i = 0; i < seconds * info->rate_hz; i++)
        pcm[i] = (float)(i * 7919 % 2003) / 5e3f - 0.2f;
    printf("%s kernels, chunks of %u frames (%u ms), %u before them\n", fold_cpu_level(),
           info->chunk_frames, info->chunk_frames * info->hop_samples * 1000 / info->rate_hz,
           info->left_frames);
    printf("depth      KiB a stream  windows  one   4     %d together  ms/s; streams a core\n",
           MOST);
    for (uint32_t depth = 0; depth <= info->unfolds; depth++) {
        const struct fold_stream_options options = {depth ? depth : info->unfolds, MEMORY_FRAMES};
        double best = 1e9;
        if (depth)
            printf("x%-8u %8.0f    %8.1f", depth, (double)fold_stream_bytes(m, &options) / 1024,
                   1e3 * hear_windows(m, pcm, depth));
        else
            printf("mixed     %8.0f           -", (double)fold_stream_bytes(m, &options) / 1024);
        if (!depth) /* one stream has one depth */
            printf("      -");
        for (size_t i = !depth; i < sizeof counts / sizeof *counts; i++) {
            const double took = hear(m, pcm, seconds, counts[i], depth);
            best = took < best ? took : best;
            printf(" %6.2f", 1e3 * took);
        }
        printf("   %8.0f\n", 1 / best);
    }
    free(pcm);
    fold_model_close(m);
    return 0;
}
