/* test_golden.c - the C engine against PyTorch:  test_golden MODEL GOLDEN fp32|int8|fastest
 *
 * GOLDEN is a safetensors file by model/train/golden.py. Prints the largest difference of every
 * stage; in fp32 log-probabilities must agree within 1e-3 at every depth, activations within 1e-3
 * of their largest value; so must logits of an attention decoder. In int8 it is 0.1 and 0.1: these
 * small random models have 32 channels over which the error of rounding could average out, a real
 * one has hundreds. In int8 all of it is done with the kernels of every level that the machine has;
 * "fastest" is int8 with the best of them alone, for large models.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aed.h"
#include "cpu.h"
#include "fold.h"

static double tolerance = 1e-3;

struct golden {
    unsigned char *bytes;
    json_t *header;
    const unsigned char *data;
};

static void die(const char *what, const char *name)
{
    fprintf(stderr, "test_golden: %s: %s\n", name, what);
    exit(1);
}

static struct golden golden_read(const char *path)
{
    struct golden g = {0};
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        die("cannot be read", path);
    long size = ftell(f);
    rewind(f);
    g.bytes = aligned_alloc(64, ((size_t)size + 63) / 64 * 64);
    if (!g.bytes || fread(g.bytes, 1, (size_t)size, f) != (size_t)size)
        die("cannot be read", path);
    fclose(f);
    uint64_t length;
    memcpy(&length, g.bytes, 8);
    g.header = json_loadb((char *)g.bytes + 8, (size_t)length, 0, NULL);
    if (!g.header)
        die("is not a golden file", path);
    g.data = g.bytes + 8 + length;
    return g;
}

static const float *golden_find(const struct golden *g, const char *name, size_t *ret_count)
{
    json_t *offsets = json_object_get(json_object_get(g->header, name), "data_offsets");
    if (!offsets)
        die("is missing", name);
    size_t begin = (size_t)json_integer_value(json_array_get(offsets, 0));
    size_t end = (size_t)json_integer_value(json_array_get(offsets, 1));
    *ret_count = (end - begin) / sizeof(float);
    return (const float *)(const void *)(g->data + begin);
}

/* True when got agrees with the golden tensor of that name. relative: to its largest value. */
static bool agrees(const struct golden *g, const char *name, const float *got, size_t count,
                   bool relative)
{
    size_t want_count;
    const float *want = golden_find(g, name, &want_count);
    if (count != want_count)
        die("has another size", name);
    double worst = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        const double diff = fabs((double)got[i] - (double)want[i]);
        worst = diff > worst || isnan(diff) ? diff : worst;
        largest = fmax(largest, fabs((double)want[i]));
    }
    printf("%-8s max abs error %.2e (largest value %.2f)\n", name, worst, largest);
    return worst <= tolerance * (relative ? fmax(largest, 1) : 1);
}

/* Logits of the attention decoder for the golden pieces, read in parts of so many at once. */
static bool decoder_agrees(const struct golden *g, const struct fold_model *model,
                           const struct fold_run *run, size_t rows_most)
{
    const size_t T = fold_run_frames(run), V = fold_model_info(model)->pieces;
    size_t count;
    const float *given = golden_find(g, "pieces", &count);
    uint32_t pieces[64];
    char name[16];
    struct aed_workspace workspace;
    struct aed aed;
    struct arena at = {NULL, 0};
    if (count > sizeof pieces / sizeof *pieces)
        die("has too many pieces", "pieces");
    for (size_t i = 0; i < count; i++)
        pieces[i] = (uint32_t)given[i];
    aed_workspace_allocate(&workspace, model, T, count, 1, &at);
    aed_allocate(&aed, &workspace, model, T, count, &at);
    void *memory = aligned_alloc(64, at.used);
    at = (struct arena){memory, 0};
    float *logits = malloc(count * V * sizeof *logits);
    if (!memory || !logits)
        die("out of memory", "decoder");
    aed_workspace_allocate(&workspace, model, T, count, 1, &at);
    aed_allocate(&aed, &workspace, model, T, count, &at);
    aed_hear(&aed, fold_run_x(run), T, fold_run_depth(run));
    for (size_t i = 0, rows; i < count; i += rows) {
        rows = count - i < rows_most ? count - i : rows_most;
        struct aed_lines lines = {&aed, i, pieces + i, rows, NULL};
        aed_read(&workspace, &lines, 1);
        memcpy(logits + i * V, lines.logits, rows * V * sizeof *logits);
    }
    snprintf(name, sizeof name, "logits%u", fold_run_depth(run));
    const bool good = agrees(g, name, logits, count * V, true);
    free(logits);
    free(memory);
    return good;
}

/* The same sound as a stream hears it, at every depth, in portions of some samples. */
static bool stream_agrees(const struct golden *g, const struct fold_model *model,
                          struct fold_run *run, const float *pcm, size_t samples, size_t portion)
{
    const struct fold_info *info = fold_model_info(model);
    const struct fold_stream_options options = {
        info->unfolds, (uint32_t)fold_frames(model, samples) + info->chunk_frames};
    struct fold_stream *stream;
    bool good = true;
    if (fold_stream_open(&stream, model, &options) != FOLD_OK)
        die("cannot be opened", "stream");
    for (uint32_t r = 1; r <= info->unfolds; r++) {
        char name[16];
        fold_stream_reset(stream);
        for (size_t now = portion;; now += portion) {
            const size_t end = now < samples ? now : samples, next = fold_stream_next(stream);
            if (fold_stream_hear(stream, run, pcm + next, end - next, r) != FOLD_OK)
                die("cannot be heard", "stream");
            if (end == samples)
                break;
        }
        if (fold_stream_read(stream, run, 0) != FOLD_OK)
            die("cannot be read", "stream");
        const size_t T = fold_run_frames(run);
        float *logp = malloc(T * info->vocab_size * sizeof *logp);
        if (!logp || fold_run_exit(run, logp) != FOLD_OK ||
            fold_run_unfold(run) != FOLD_ERR_ARGUMENT)
            die("cannot exit, or goes on", "stream");
        snprintf(name, sizeof name, "live.x%u", r);
        good = agrees(g, name, fold_run_x(run), T * info->d, true) && good;
        snprintf(name, sizeof name, "live.logp%u", r);
        good = agrees(g, name, logp, T * info->vocab_size, false) && good;
        free(logp);
    }
    fold_stream_close(stream);
    return good;
}

/* Everything of the model, with the kernels it has. */
static bool all_agrees(const struct golden *g, const struct fold_model *model)
{
    size_t samples;
    const float *pcm = golden_find(g, "pcm", &samples);
    struct fold_run *run;
    const struct fold_info *info = fold_model_info(model);
    if (fold_run_open(&run, model, samples + 4000) != FOLD_OK ||
        fold_run_begin(run, pcm, samples) != FOLD_OK)
        die("cannot be run", info->name);
    const size_t T = fold_run_frames(run);
    float *logp = malloc(T * info->vocab_size * sizeof *logp);
    bool good = agrees(g, "prelude", fold_run_x(run), T * info->d, true);
    for (uint32_t r = 1; r <= info->unfolds; r++) {
        char name[16];
        if (fold_run_unfold(run) != FOLD_OK || fold_run_exit(run, logp) != FOLD_OK)
            die("cannot be unfolded", info->name);
        snprintf(name, sizeof name, "x%u", r);
        good = agrees(g, name, fold_run_x(run), T * info->d, true) && good;
        snprintf(name, sizeof name, "logp%u", r);
        good = agrees(g, name, logp, T * info->vocab_size, false) && good;
        if (info->pieces)
            good = decoder_agrees(g, model, run, 1) && decoder_agrees(g, model, run, 5) && good;
    }
    free(logp);
    fold_run_close(run);
    if (info->chunk_frames) {
        const struct fold_stream_options options = {info->unfolds,
                                                    (uint32_t)T + info->chunk_frames};
        if (fold_run_open(&run, model, fold_stream_run_samples(model, &options)) != FOLD_OK)
            die("cannot be run", "stream");
        good = stream_agrees(g, model, run, pcm, samples, 1000) && good;
        good = stream_agrees(g, model, run, pcm, samples, samples) && good;
        fold_run_close(run);
    }
    return good;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        die("usage: test_golden MODEL GOLDEN fp32|int8|fastest", "arguments");
    const bool every = strcmp(argv[3], "int8") == 0;
    const bool int8 = every || strcmp(argv[3], "fastest") == 0;
    tolerance = int8 ? 0.1 : 1e-3;
    struct fold_note note;
    struct fold_model *model;
    if (fold_model_open_as(&model, argv[1], int8 ? FOLD_INT8 : FOLD_FP32, &note) != FOLD_OK)
        die(note.text, argv[1]);
    struct golden g = golden_read(argv[2]);
    bool good = true;
    for (size_t i = 0; i == 0 || (every && cpu_kernels(i)); i++) {
        model->kernels = cpu_kernels(i);
        printf("kernels: %s\n", model->kernels->name);
        good = all_agrees(&g, model) && good;
    }
    fold_model_close(model);
    json_decref(g.header);
    free(g.bytes);
    return good ? 0 : 1;
}
