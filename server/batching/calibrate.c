/* calibrate.c - see calibrate.h.
 *
 * Two lengths are enough for a line, and a depth goes on from the one before, so one pass to the
 * greatest depth says what each depth costs. The sound is noise in bursts: what stem and blocks
 * cost does not depend on what is heard, and the time is this thread's own, so a busy machine
 * measures what an idle one would. What the tail costs does depend on it: noise has no words to
 * search for. So the search for words is given what a network says of a sentence: letters between
 * blanks at the pace of speech, now sure, now between two or three (speak): 0.61 ms a second at the
 * depths of the seed that shipped when this was written, whose dev_clean took 0.62, 0.63 and
 * 0.58. (Noise took 0.03.) And the attention decoder writes as much as is
 * usually said in the time (fold_aed_rehearse), with the layers of each depth. A seed that was
 * taught to hear streams hears one, at depth 1, whose share of a run is that of all depths
 * (cost.c); what drafts save is learned from speech. Only what was measured here is kept, not what
 * was learned (cost_learn): that belongs to the load of its day. */
#include "calibrate.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "incremental_partials.h"

#define SHORT_S     1
#define LONG_S      4
#define PADDING_MS  400 /* as worker.c puts around a segment */
#define FORMAT      3
#define CHUNKS      8 /* of a stream; the last of them have as much before them as there is */
#define FILE_MOST   16384
#define UNSURE_MOST 0.5f /* of a frame, for what is not the likeliest */

struct bench {
    const struct fold_model *model;
    struct fold_run *run;
    struct fold_decoder *decoder;
    struct fold_aed *aed; /* NULL: the seed has no attention decoder */
    float *pcm, *logp;    /* [LONG_S and padding] */
    float *said;          /* [frames of that, V] what is heard of a sentence */
};

/* The least that each stage took, in ms. */
struct least {
    double front, unfold[COST_DEPTHS + 1], tail[COST_DEPTHS + 1];
};

static void bench_close(struct bench *b)
{
    fold_aed_close(b->aed);
    fold_decoder_close(b->decoder);
    fold_run_close(b->run);
    free(b->pcm);
    free(b->logp);
    free(b->said);
}

/* The index of a letter in the vocabulary; any other where it has no letters. */
static uint32_t piece_of(const struct fold_info *info, char letter, uint32_t otherwise)
{
    const char text[2] = {letter, '\0'};

    for (uint32_t i = 1; i < info->vocab_size; i++)
        if (strcmp(info->vocab[i], text) == 0)
            return i;
    return 1 + otherwise % (info->vocab_size - 1);
}

/* said [frames, V]: a sentence again and again, fourteen letters a second, as a network would have
 * it: in every third frame a letter, with one or two others that it may be instead. */
static void speak(float *said, size_t frames, const struct fold_info *info)
{
    static const char sentence[] =
        "WHEN THE SUN HAD GONE DOWN BEHIND THE HILLS WE WALKED BACK ALONG "
        "THE RIVER AND SPOKE OF OTHER THINGS ";
    const size_t V = info->vocab_size;
    uint32_t random = 1;

    for (size_t t = 0; t < frames; t++) {
        random = random * 1664525u + 1013904223u;
        const float unsure = (float)(random >> 16 & 255) / 255;
        const float left = 0.001f + UNSURE_MOST * unsure * unsure * unsure * unsure;
        const float sure = 1 - left;
        const bool letter = t % 3 == 0;
        float *row = said + t * V;
        for (size_t v = 0; v < V; v++)
            row[v] = 0.1f * left / (float)V;
        row[letter ? piece_of(info, sentence[t / 3 % (sizeof sentence - 1)], random >> 8) : 0] +=
            sure;
        row[1 + (random >> 8) % (V - 1)] += 0.6f * left;
        row[letter ? 0 : 1 + (random >> 12) % (V - 1)] += 0.3f * left;
        for (size_t v = 0; v < V; v++)
            row[v] = logf(row[v]);
    }
}

static size_t samples_of(const struct fold_info *info, unsigned seconds)
{
    return (size_t)info->rate_hz * (seconds * 1000 + PADDING_MS) / 1000;
}

static int bench_open(struct bench *b, const struct fold_model *model, const struct fold_lm *lm)
{
    const struct fold_info *info = fold_model_info(model);
    const size_t samples = samples_of(info, LONG_S);
    struct fold_decoder_options options = fold_decoder_defaults();
    uint32_t random = 1;

    *b = (struct bench){.model = model};
    b->pcm = malloc(samples * sizeof(*b->pcm));
    b->logp = malloc(fold_frames(model, samples) * info->vocab_size * sizeof(*b->logp));
    b->said = malloc(fold_frames(model, samples) * info->vocab_size * sizeof(*b->said));
    if (!b->pcm || !b->logp || !b->said)
        return FOLD_ERR_MEMORY;
    speak(b->said, fold_frames(model, samples), info);
    for (size_t i = 0; i < samples; i++) {
        random = random * 1664525u + 1013904223u;
        const float noise = (float)(random >> 8) / 8388608.0f - 1;
        b->pcm[i] = noise * ((i / 2400) % 3 ? 0.1f : 0.001f);
    }
    int error = fold_run_open(&b->run, model, samples);
    if (!error && info->pieces)
        error = fold_aed_open(&b->aed, model, samples);
    if (b->aed) /* it needs no more than a draft: worker.c */
        options.beam = FOLD_DRAFT_BEAM;
    return error ? error : fold_decoder_open(&b->decoder, model, lm, &options);
}

/* Of this thread alone: what the machine does besides is for cost_learn. */
static double cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double lap(double *clock_ms)
{
    const double before = *clock_ms;

    *clock_ms = cpu_ms();
    return *clock_ms - before;
}

/* A stream of the seed hears chunk after chunk: the least that one took, in ms. */
static int measure_chunk(const struct fold_model *model, const float *pcm, double *ret_ms)
{
    const struct fold_info *info = fold_model_info(model);
    const struct fold_stream_options options = {1, info->chunk_frames};
    const size_t samples = (size_t)(info->chunk_frames - 1) * info->hop_samples +
                           info->min_samples + INCREMENTAL_PARTIALS_TAIL_SAMPLES;
    struct fold_stream *stream = NULL;
    struct fold_run *run = NULL;
    int error = fold_stream_open(&stream, model, &options);

    if (!error)
        error = fold_run_open(&run, model, fold_stream_run_samples(model, &options));
    *ret_ms = INFINITY;
    for (size_t i = 0; i < CHUNKS && !error; i++) {
        double clock_ms = cpu_ms();
        error = fold_stream_hear(stream, run, pcm, samples, 1);
        const double took_ms = lap(&clock_ms);
        if (i >= CHUNKS / 2)
            *ret_ms = fmin(*ret_ms, took_ms);
    }
    fold_run_close(run);
    fold_stream_close(stream);
    return error;
}

/* One pass over so many seconds to the greatest depth. */
static int pass(struct bench *b, unsigned seconds, struct least *least)
{
    const struct fold_info *info = fold_model_info(b->model);
    double clock_ms = cpu_ms();
    struct fold_result result;
    int error = fold_run_begin(b->run, b->pcm, samples_of(info, seconds));

    least->front = fmin(least->front, lap(&clock_ms));
    for (uint32_t r = 1; r <= info->unfolds && !error; r++) {
        error = fold_run_unfold(b->run);
        least->unfold[r] = fmin(least->unfold[r], lap(&clock_ms));
        if (!error)
            error = fold_run_exit(b->run, b->logp);
        if (!error) {
            fold_decoder_reset(b->decoder);
            error = fold_decoder_push(b->decoder, b->said, fold_run_frames(b->run));
        }
        if (!error)
            error = fold_decoder_result(b->decoder, &result);
        if (!error && b->aed)
            error = fold_aed_rehearse(b->aed, b->run, b->logp);
        least->tail[r] = fmin(least->tail[r], lap(&clock_ms));
    }
    return error;
}

static struct cost_line line(double short_ms, double long_ms)
{
    const double slope = fmax((long_ms - short_ms) / (LONG_S - SHORT_S), 0);

    return (struct cost_line){.fixed_ms = fmax(short_ms - slope * SHORT_S, 0), .ms_per_s = slope};
}

int calibrate_measure(struct cost *ret_cost, const struct fold_model *model,
                      const struct fold_lm *lm, double limit_ms)
{
    const double until_ms = clock_now_ms() + limit_ms;
    struct bench bench;
    struct least brief, lengthy;

    for (uint32_t r = 0; r <= COST_DEPTHS; r++)
        brief.unfold[r] = lengthy.unfold[r] = brief.tail[r] = lengthy.tail[r] = INFINITY;
    brief.front = lengthy.front = INFINITY;
    int error = fold_reserve(1);
    if (error)
        return error;
    error = bench_open(&bench, model, lm);
    double pass_ms = 0;
    while (!error && (pass_ms <= 0 || clock_now_ms() + pass_ms < until_ms)) {
        const double begun_ms = clock_now_ms();
        error = pass(&bench, SHORT_S, &brief);
        if (!error)
            error = pass(&bench, LONG_S, &lengthy);
        pass_ms = fmax(clock_now_ms() - begun_ms, 1e-3);
    }
    const struct fold_info *info = fold_model_info(model);
    double chunk_ms = 0;
    if (!error && info->chunk_frames)
        error = measure_chunk(model, bench.pcm, &chunk_ms);
    bench_close(&bench);
    if (error)
        return error;
    *ret_cost = (struct cost){.unfolds = info->unfolds, .front = line(brief.front, lengthy.front)};
    for (uint32_t r = 1; r <= ret_cost->unfolds; r++) {
        ret_cost->unfold[r] = line(brief.unfold[r], lengthy.unfold[r]);
        ret_cost->tail[r] = line(brief.tail[r], lengthy.tail[r]);
    }
    const double chunk_s = (double)(info->chunk_frames * info->hop_samples) / info->rate_hz;
    const double ms_per_s = ret_cost->front.ms_per_s + ret_cost->unfold[1].ms_per_s;
    if (chunk_ms > 0 && ms_per_s > 0)
        ret_cost->hear = chunk_ms / chunk_s / ms_per_s;
    return FOLD_OK;
}

/* ---- the cache ------------------------------------------------------------------------------ */

static void cpu_name(char *ret_name, size_t room)
{
    char text[512];
    FILE *file = fopen("/proc/cpuinfo", "r");

    snprintf(ret_name, room, "unknown");
    while (file && fgets(text, sizeof text, file))
        if (strncmp(text, "model name", 10) == 0 && strchr(text, ':')) {
            snprintf(ret_name, room, "%s", strchr(text, ':') + 1);
            break;
        }
    if (file)
        fclose(file);
}

static uint64_t hash(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h;
}

bool calibrate_path(char *ret_path, size_t room, const struct fold_info *info,
                    const struct fold_lm *lm)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char cpu[512], words[64] = "none";
    int length;

    cpu_name(cpu, sizeof cpu);
    if (lm)
        snprintf(words, sizeof words, "%u %llu", fold_lm_info(lm).words,
                 (unsigned long long)fold_lm_info(lm).ngrams);
    uint64_t h = hash(hash(14695981039346656037u, cpu), words);
    h = hash(hash(h, fold_cpu_kernel()), fold_cpu_level());
    h = hash(h, info->precision == FOLD_INT8 ? "int8" : "fp32");
    if (cache && *cache == '/')
        length = snprintf(ret_path, room, "%s/foldscribe/cost-%.16s-%016llx.json", cache,
                          info->sha256, (unsigned long long)h);
    else if (home && *home == '/')
        length = snprintf(ret_path, room, "%s/.cache/foldscribe/cost-%.16s-%016llx.json", home,
                          info->sha256, (unsigned long long)h);
    else
        return false;
    return length > 0 && (size_t)length < room;
}

/* Which build of the program this is: another one, or one with a sanitizer, costs something else.
 */
static void program(char *ret_text, size_t room)
{
    struct stat st;

    if (stat("/proc/self/exe", &st) != 0)
        memset(&st, 0, sizeof st);
    snprintf(ret_text, room, "%lld bytes of %lld.%09ld", (long long)st.st_size,
             (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static bool read_line(struct cost_line *ret_line, const json_t *pair)
{
    const json_t *fixed = json_array_get(pair, 0), *slope = json_array_get(pair, 1);

    *ret_line = (struct cost_line){json_number_value(fixed), json_number_value(slope)};
    return json_is_number(fixed) && json_is_number(slope);
}

bool calibrate_load(struct cost *ret_cost, const char *path, uint32_t unfolds)
{
    char text[FILE_MOST], build[80];
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    program(build, sizeof build);
    const size_t length = fread(text, 1, sizeof text, file);
    fclose(file);
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    const json_t *unfold = json_object_get(json, "unfold"), *tails = json_object_get(json, "tail");
    const char *measured_by = json_string_value(json_object_get(json, "program"));
    struct cost cost = {.unfolds = unfolds};
    bool sound = json_integer_value(json_object_get(json, "format")) == FORMAT && measured_by &&
                 strcmp(measured_by, build) == 0 && json_array_size(tails) == unfolds &&
                 json_array_size(unfold) == unfolds && unfolds <= COST_DEPTHS &&
                 read_line(&cost.front, json_object_get(json, "front")) &&
                 json_is_number(json_object_get(json, "hear"));
    cost.hear = json_number_value(json_object_get(json, "hear"));
    for (uint32_t r = 1; r <= unfolds && sound; r++)
        sound = read_line(&cost.unfold[r], json_array_get(unfold, r - 1)) &&
                read_line(&cost.tail[r], json_array_get(tails, r - 1));
    json_decref(json);
    if (!sound || !cost_is_sound(&cost))
        return false;
    *ret_cost = cost;
    return true;
}

static json_t *line_json(const struct cost_line *l)
{
    return json_pack("[f, f]", l->fixed_ms, l->ms_per_s);
}

bool calibrate_save(const struct cost *cost, const char *path)
{
    char folder[512], scratch[560], build[80];
    json_t *unfold = json_array(), *tails = json_array();

    for (uint32_t r = 1; r <= cost->unfolds; r++) {
        json_array_append_new(unfold, line_json(&cost->unfold[r]));
        json_array_append_new(tails, line_json(&cost->tail[r]));
    }
    program(build, sizeof build);
    json_t *json =
        json_pack("{s:i, s:s, s:s, s:o, s:o, s:o, s:f}", "format", FORMAT, "program", build, "unit",
                  "[ms, ms per second of audio] of one worker", "front", line_json(&cost->front),
                  "unfold", unfold, "tail", tails, "hear", cost->hear);
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    /* The cache folder itself may not be there yet. */
    char *slash = strrchr(folder, '/');
    if (slash) {
        *slash = '\0';
        mkdir(folder, 0700);
        *slash = '/';
    }
    mkdir(folder, 0700);
    snprintf(scratch, sizeof scratch, "%s/cost.XXXXXX", folder);
    const int fd = mkstemp(scratch);
    bool done = json && fd >= 0 && json_dumpfd(json, fd, JSON_INDENT(1)) == 0;
    if (fd >= 0)
        done &= close(fd) == 0;
    done = done && rename(scratch, path) == 0;
    if (fd >= 0 && !done)
        unlink(scratch);
    json_decref(json);
    return done;
}
