/* bench_live - how many live streams does a core carry, and why:  bench_live MODEL [LM [EVERY_MS]]
 *
 * STREAMS streams of the recordings of tests/data (FOLDSCRIBE_TEST_DATA) with pauses, finals of
 * stream i at depth i % R + 1, partials at depth 1 every EVERY_MS (default 640) while somebody
 * speaks: what live.c does, but without clock, queue and sockets, so that a busy machine makes the
 * same work. Rows: partials hear the whole segment so far, or the window of windowed_partials.h, or
 * follow it (incremental_partials.h: a chunk when it is whole), that also at the depths of their
 * finals (mixed); they are recognised one by one, or batched as batcher.h says; and no partials at
 * all. Columns: processor time for a second of sound, how many streams of people who never stop
 * talking that is a core, and what share of the words of last partials their finals changed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "carryover.h"
#include "clips.h"
#include "restart.h"
#include "transcript.h"
#include "windowed_partials.h"
#include "worker.h"

#define STREAMS    8
#define SECONDS    24
#define MOST_MS    20000 /* of a segment */
#define STEP_MS    640
#define STEP       (STEP_MS * 16)
#define WORDS      120 /* of a segment */
#define WORD_BYTES 24

struct talk {
    const char *name;
    unsigned most_ms, pause_ms; /* of one recording; behind it */
    unsigned endpointing_ms;    /* as a client asks */
};

struct way {
    const char *name;
    bool partials, window, incremental, together;
    uint32_t depth; /* of partials; 0: that of their finals */
};

struct words {
    char list[WORDS][WORD_BYTES];
    size_t count;
};

struct speaker {
    float *pcm; /* [SECONDS] */
    struct endpointer *endpointer;
    struct windowed_partials window;
    struct incremental_partials incremental;
    struct carryover carryover;
    char *prefix; /* of the piece that is submitted */
    uint32_t depth;
    size_t at; /* in pcm */
    bool windowed;
    int64_t due_samples, speech_samples; /* of partials */
    struct words last;
    size_t finals, partials, judged, changed;
};

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Clips first, first + 1, ... with pauses of a quiet room, until it is long enough. */
static float *script(const struct clip *clips, size_t count, size_t first, const struct talk *talk)
{
    const size_t room = (size_t)SECONDS * 16000;
    float *pcm = calloc(room, sizeof *pcm);
    size_t at = 0;
    for (size_t i = first; pcm && at < room; i++) {
        const struct clip *clip = &clips[i % count];
        const size_t most = (size_t)talk->most_ms * 16;
        for (size_t k = 0; k < clip->count && k < most && at < room; k++)
            pcm[at++] = clip->pcm[k];
        at += (size_t)talk->pause_ms * 16;
    }
    return pcm;
}

static void keep_words(struct words *words, const struct result_segment *segment)
{
    words->count = 0;
    for (size_t i = 0; i < segment->words_count && i < WORDS; i++)
        snprintf(words->list[words->count++], WORD_BYTES, "%s", segment->words[i].text);
}

/* Words to change, leave out or put in between one and the other. */
static size_t distance(const struct words *a, const struct words *b)
{
    size_t row[WORDS + 1];
    for (size_t j = 0; j <= a->count; j++)
        row[j] = j;
    for (size_t i = 0; i < b->count; i++) {
        size_t corner = row[0]++;
        for (size_t j = 0; j < a->count; j++) {
            const size_t above = row[j + 1];
            size_t least = corner + (strcmp(a->list[j], b->list[i]) != 0);
            least = least < above + 1 ? least : above + 1;
            least = least < row[j] + 1 ? least : row[j] + 1;
            corner = above;
            row[j + 1] = least;
        }
    }
    return row[a->count];
}

static const atomic_bool never;

static void on_partial(struct piece *piece)
{
    struct speaker *s = piece->user;
    struct result_segment *segment = &piece->segment;
    struct endpointer_segment sound;
    free(s->prefix);
    if (piece->end != PIECE_DONE)
        exit(1);
    endpointer_peek(s->endpointer, &sound);
    if (s->windowed) {
        windowed_partials_join(&s->window, segment, sound.fresh_samples);
        windowed_partials_move(&s->window, segment);
    }
    /* Behind the last whole chunk there may be speech of which there is no text yet. */
    const int64_t speech_samples = endpointer_speech_clock(s->endpointer);
    s->speech_samples =
        speech_samples < segment->end_samples ? speech_samples : segment->end_samples;
    keep_words(&s->last, segment);
    s->partials++;
    transcript_release(segment);
}

static void on_final(struct piece *piece)
{
    struct speaker *s = piece->user;
    struct result_segment *segment = &piece->segment;
    struct endpointer_segment sound;
    struct carryover_cut cut;
    struct words words;
    free(s->prefix);
    endpointer_segment(s->endpointer, &sound);
    if (piece->end != PIECE_DONE ||
        carryover_settle(&s->carryover, &sound, MOST_MS * 16, segment, &cut) < 0)
        exit(1);
    keep_words(&words, segment);
    if (s->last.count) {
        s->judged += words.count;
        s->changed += distance(&s->last, &words);
    }
    s->last.count = 0;
    s->due_samples = 0;
    s->finals++;
    transcript_release(segment);
    windowed_partials_reset(&s->window);
    incremental_partials_forget(&s->incremental);
    if (cut.kept_samples < cut.final_samples)
        windowed_partials_begin(&s->window, carryover_partial_start(&s->carryover, &cut),
                                cut.final_samples);
    endpointer_pop(s->endpointer, cut.kept_samples, cut.final_samples);
}

/* A partial, if one is due: with piece->follow where a stream hears it. */
static bool partial_is_due(struct speaker *s, struct endpointer_segment *ret_sound, long every_ms,
                           const struct way *way, struct piece *piece)
{
    const int64_t now_samples = endpointer_clock(s->endpointer), every_samples = every_ms * 16;
    if (!endpointer_peek(s->endpointer, ret_sound))
        return false;
    if (s->due_samples == 0)
        s->due_samples = ret_sound->fresh_samples + every_samples;
    if (now_samples < s->due_samples || endpointer_speech_clock(s->endpointer) <= s->speech_samples)
        return false;
    enum incremental_partials_aim aim = INCREMENTAL_PARTIALS_TOO_FAR;
    if (way->incremental)
        aim = incremental_partials_aim(&s->incremental, ret_sound, &s->window);
    if (aim == INCREMENTAL_PARTIALS_WAIT)
        return false;
    if (aim == INCREMENTAL_PARTIALS_READY)
        piece->incremental = &s->incremental;
    else if (way->window)
        windowed_partials_cut(&s->window, ret_sound);
    s->due_samples = now_samples + every_samples;
    return true;
}

static void recognise_all(struct worker *worker)
{
    while (worker->pieces_count)
        worker_recognise(worker);
}

/* A final or a partial, if it is time for one. */
static void turn(struct worker *worker, struct speaker *s, const struct way *way, long every_ms)
{
    struct piece piece = {.depth = {.used = 1, .reason = RESULT_BY_TIER},
                          .limit = {.floor = 1, .due_ms = INFINITY},
                          .before = s->window.words,
                          .before_count = s->window.words_count,
                          .cancelled = &never,
                          .user = s};
    struct endpointer_segment sound;
    if (endpointer_segment(s->endpointer, &sound)) {
        piece.depth.used = s->depth;
        piece.search = true;
        piece.on_result = on_final;
    } else if (way->partials && partial_is_due(s, &sound, every_ms, way, &piece)) {
        piece.depth.used = way->depth ? way->depth : s->depth;
        piece.on_result = on_partial;
    } else {
        return;
    }
    piece.prefix = s->prefix =
        carryover_text(s->carryover.words, s->carryover.count,
                       piece.incremental ? piece.incremental->from_samples : sound.start_samples);
    worker_submit(worker, &sound, &piece);
    if (!way->together || !worker_wants(worker))
        recognise_all(worker);
}

static void bench(struct worker *worker, const struct way *way, const struct talk *talk,
                  const struct clip *clips, size_t clips_count, uint32_t unfolds, long every_ms)
{
    static struct speaker speakers[STREAMS];
    struct speaker sum = {0};
    memset(speakers, 0, sizeof speakers);
    for (size_t i = 0; i < STREAMS; i++) {
        speakers[i].pcm = script(clips, clips_count, i, talk);
        speakers[i].depth = (uint32_t)i % unfolds + 1;
        speakers[i].windowed = way->window;
        if (!speakers[i].pcm ||
            endpointer_open(&speakers[i].endpointer, talk->endpointing_ms, MOST_MS) < 0 ||
            (way->incremental &&
             incremental_partials_open(&speakers[i].incremental, worker->model, unfolds) < 0))
            exit(1);
    }
    const double begun_s = cpu_s();
    for (size_t until = STEP; until <= (size_t)SECONDS * 16000; until += STEP) {
        for (size_t i = 0; i < STREAMS; i++) {
            struct speaker *s = &speakers[i];
            while (s->at < until) {
                if (endpointer_segment(s->endpointer, &(struct endpointer_segment){0}))
                    recognise_all(worker);
                s->at += (size_t)endpointer_push(s->endpointer, s->pcm + s->at, until - s->at);
                if (s->at == until ||
                    endpointer_segment(s->endpointer, &(struct endpointer_segment){0}))
                    turn(worker, s, way, every_ms);
            }
        }
        recognise_all(worker);
    }
    const double spent_s = cpu_s() - begun_s, heard_s = (double)STREAMS * SECONDS;
    for (size_t i = 0; i < STREAMS; i++) {
        sum.finals += speakers[i].finals;
        sum.partials += speakers[i].partials;
        sum.judged += speakers[i].judged;
        sum.changed += speakers[i].changed;
        windowed_partials_reset(&speakers[i].window);
        incremental_partials_close(&speakers[i].incremental);
        carryover_reset(&speakers[i].carryover);
        endpointer_close(speakers[i].endpointer);
        free(speakers[i].pcm);
    }
    printf("%-30s %6zu %8zu %10.2f %14.0f", way->name, sum.finals, sum.partials,
           1e3 * spent_s / heard_s, heard_s / spent_s);
    if (sum.judged)
        printf(" %10.1f %%", 100.0 * (double)sum.changed / (double)sum.judged);
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const struct way ways[] = {{"whole span, one by one", true, false, false, false, 1},
                                      {"window, one by one", true, true, false, false, 1},
                                      {"window, together", true, true, false, true, 1},
                                      {"stream, one by one", true, true, true, false, 1},
                                      {"stream, together", true, true, true, true, 1},
                                      {"stream, mixed, together", true, true, true, true, 0},
                                      {"no partials, together", false, false, false, true, 1}};
    static const struct talk talks[] = {{"sentences", 60000, 900, 500},
                                        {"sentences, endpointing=10", 60000, 900, 10},
                                        {"a few words at a time", 1200, 900, 500},
                                        {"nobody pauses", 60000, 0, 500},
                                        {"the same, endpointing=10", 60000, 0, 10}};
    static struct clip clips[CLIPS_MOST];
    static struct worker worker;
    struct fold_note note;
    struct fold_model *model;
    struct fold_lm *lm = NULL;

    restart_for_blas(argv);
    const long every_ms = argc > 3 ? strtol(argv[3], NULL, 10) : 640;
    if (argc < 2 || argc > 4 || every_ms < STEP_MS || every_ms > 60000) {
        fprintf(stderr, "usage: bench_live MODEL [LM [EVERY_MS]]\n");
        return 2;
    }
    if (fold_model_open(&model, argv[1], &note) != FOLD_OK ||
        (argc > 2 && fold_lm_open(&lm, argv[2], &note) != FOLD_OK)) {
        fprintf(stderr, "bench_live: %s\n", note.text);
        return 1;
    }
    if (worker_open(&worker, NULL, model, lm, MOST_MS) != FOLD_OK)
        return 1;
    worker.due_ms = INFINITY;
    const size_t count = clips_open(clips);
    for (size_t k = 0; k < sizeof talks / sizeof *talks; k++) {
        printf("%-30s %6s %8s %10s %14s %12s\n", talks[k].name, "finals", "partials", "ms/s",
               "streams/core", "changed");
        for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
            bench(&worker, &ways[i], &talks[k], clips, count, fold_model_info(model)->unfolds,
                  every_ms);
    }
    worker_close(&worker);
    fold_lm_close(lm);
    fold_model_close(model);
    clips_close(clips, count);
    return 0;
}
