/* The engine with a real seed file (of random weights, so its text means nothing) and real
 * recordings: whatever way sound comes in, the same text comes out, and every end is told. */
#include <fcntl.h>
#include <pthread.h>
#include <sndfile.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clips.h"
#include "engine.h"
#include "test.h"

#define PAUSE_MS  800 /* as batch.c has it */
#define TEXT_MOST 16384
#define MOST_LIVE 8

static struct fold_model *model;
static struct clip clips[CLIPS_MOST];
static size_t clips_count;

static int setup(void **state)
{
    struct fold_note note = {""};
    const char *path = getenv("FOLDSCRIBE_TEST_MODEL");

    assert_non_null(path);
    if (fold_model_open(&model, path, &note) < 0) {
        print_error("%s: %s\n", path, note.text);
        return -1;
    }
    clips_count = clips_open(clips);
    return 0;
}

static int teardown(void **state)
{
    clips_close(clips, clips_count);
    fold_model_close(model);
    return 0;
}

static struct engine *engine_new(uint32_t workers, uint32_t max_live, uint32_t max_batch)
{
    const struct engine_options options = {.model = model,
                                           .workers = workers,
                                           .max_live = max_live,
                                           .max_batch = max_batch,
                                           .max_span_ms = 15000,
                                           .max_audio_ms = 300000};
    struct engine *engine;

    assert_int_equal(engine_open(&engine, &options), 0);
    return engine;
}

/* ---- what callbacks leave behind ---------------------------------------------------------- */

struct heard {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool over; /* done() or end() came */
    int callbacks;
    enum engine_end end;
    char detail[256];
    char finals[TEXT_MOST]; /* "[start-end] word@start-end ...\n" a final span */
    int finals_count, partials_count, flushed_count, endpoints_count, ready_count;
    int64_t duration_samples, last_end_samples;
    struct update_depth depth, partial_depth;
    bool wrong; /* something came that may not */
};

static void heard_init(struct heard *heard)
{
    memset(heard, 0, sizeof(*heard));
    pthread_mutex_init(&heard->lock, NULL);
    pthread_cond_init(&heard->changed, NULL);
}

static void heard_finish(struct heard *heard)
{
    assert_false(heard->wrong);
    pthread_cond_destroy(&heard->changed);
    pthread_mutex_destroy(&heard->lock);
}

static void note_span(struct heard *heard, const struct update_span *span)
{
    size_t used = strlen(heard->finals);
    char *text = heard->finals;
    int64_t before = span->start_samples;

    used += (size_t)snprintf(text + used, TEXT_MOST - used, "[%lld-%lld]",
                             (long long)span->start_samples, (long long)span->end_samples);
    for (size_t i = 0; i < span->words_count && used < TEXT_MOST; i++) {
        const struct update_word *word = &span->words[i];
        used += (size_t)snprintf(text + used, TEXT_MOST - used, " %s@%lld-%lld", word->text,
                                 (long long)word->start_samples, (long long)word->end_samples);
        heard->wrong |= word->start_samples < before || word->end_samples < word->start_samples ||
                        word->end_samples > span->end_samples;
        before = word->start_samples;
    }
    if (used < TEXT_MOST)
        snprintf(text + used, TEXT_MOST - used, "\n");
    heard->wrong |= used + 1 >= TEXT_MOST || span->start_samples < heard->last_end_samples ||
                    span->end_samples < span->start_samples;
    heard->last_end_samples = span->end_samples;
    heard->depth = span->depth;
    heard->finals_count++;
}

static void on_done(void *user, const struct engine_result *result)
{
    struct heard *heard = user;

    pthread_mutex_lock(&heard->lock);
    heard->wrong |= heard->over;
    heard->over = true;
    heard->end = result->end;
    snprintf(heard->detail, sizeof(heard->detail), "%s", result->detail ? result->detail : "");
    heard->wrong |= (result->end == ENGINE_OK) != (result->transcript != NULL);
    if (result->transcript) {
        for (size_t i = 0; i < result->transcript->spans_count; i++)
            note_span(heard, &result->transcript->spans[i]);
        heard->duration_samples = result->transcript->duration_samples;
        heard->depth = result->transcript->depth;
    }
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->lock);
}

static void on_update(void *user, const struct update *update)
{
    struct heard *heard = user;

    pthread_mutex_lock(&heard->lock);
    heard->wrong |= heard->over;
    heard->callbacks++;
    if (update->final) {
        note_span(heard, &update->span);
        heard->flushed_count += update->from_flush;
        heard->endpoints_count += update->endpoint;
    } else {
        heard->partials_count++;
        heard->partial_depth = update->span.depth;
        heard->wrong |= update->endpoint || update->from_flush;
    }
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->lock);
}

static void on_ready(void *user)
{
    struct heard *heard = user;

    pthread_mutex_lock(&heard->lock);
    heard->ready_count++;
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->lock);
}

static void on_end(void *user, enum engine_end end, int64_t duration_samples)
{
    struct heard *heard = user;

    pthread_mutex_lock(&heard->lock);
    heard->wrong |= heard->over;
    heard->over = true;
    heard->callbacks++;
    heard->end = end;
    heard->duration_samples = duration_samples;
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->lock);
}

/* Waits until *count is at least `least`; false after a minute. */
static bool wait_for(struct heard *heard, const int *count, int least)
{
    struct timespec until;
    int error = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&heard->lock);
    while (*count < least && !error)
        error = pthread_cond_timedwait(&heard->changed, &heard->lock, &until);
    pthread_mutex_unlock(&heard->lock);
    return error == 0;
}

static bool wait_over(struct heard *heard)
{
    struct timespec until;
    int error = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&heard->lock);
    while (!heard->over && !error)
        error = pthread_cond_timedwait(&heard->changed, &heard->lock, &until);
    pthread_mutex_unlock(&heard->lock);
    return error == 0;
}

static void nap_ms(long ms)
{
    const struct timespec nap = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&nap, NULL);
}

/* ---- sound -------------------------------------------------------------------------------- */

struct sound {
    int16_t *pcm;
    size_t count;
};

/* Clips first..first+count, each followed by pause_ms of a quiet room. */
static struct sound join(size_t first, size_t count, size_t pause_ms)
{
    struct sound sound = {0};
    size_t room = 0;
    uint32_t seed = 1;

    for (size_t i = first; i < first + count; i++)
        room += clips[i].count + pause_ms * 16;
    sound.pcm = malloc(room * sizeof(*sound.pcm));
    assert_non_null(sound.pcm);
    for (size_t i = first; i < first + count; i++) {
        for (size_t k = 0; k < clips[i].count; k++)
            sound.pcm[sound.count++] = (int16_t)(clips[i].pcm[k] * 32767.0f);
        for (size_t k = 0; k < pause_ms * 16; k++) {
            seed = seed * 1664525u + 1013904223u;
            sound.pcm[sound.count++] = (int16_t)(seed >> 29);
        }
    }
    return sound;
}

static int spool(const void *bytes, size_t count)
{
    char path[] = "/tmp/test_engine_XXXXXX";
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, bytes, count), count);
    return fd;
}

static int spool_wav(const struct sound *sound)
{
    SF_INFO info = {
        .samplerate = 16000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
    char path[] = "/tmp/test_engine_XXXXXX";
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    SNDFILE *file = sf_open(path, SFM_WRITE, &info);
    assert_non_null(file);
    assert_int_equal(sf_writef_short(file, sound->pcm, (sf_count_t)sound->count), sound->count);
    sf_close(file);
    unlink(path);
    return fd;
}

static struct engine_batch_options batch_options(struct heard *heard, uint32_t depth)
{
    return (struct engine_batch_options){.depth = depth, .done = on_done, .user = heard};
}

static struct engine_live_options live_options(struct heard *heard)
{
    return (struct engine_live_options){.encoding = ENGINE_LINEAR16,
                                        .rate_hz = 16000,
                                        .channels = 1,
                                        .endpointing_ms = PAUSE_MS,
                                        .update = on_update,
                                        .ready = on_ready,
                                        .end = on_end,
                                        .user = heard};
}

static void recognise_file(struct engine *engine, int fd, uint32_t depth, struct heard *heard)
{
    const struct engine_batch_options options = batch_options(heard, depth);
    struct engine_batch *batch;

    assert_int_equal(engine_batch_start(engine, fd, &options, &batch), ENGINE_OK);
    assert_true(wait_over(heard));
}

/* The whole sound through one stream, step bytes at a time, to its end. */
static void recognise_stream(struct engine *engine, const struct sound *sound, size_t step,
                             const struct engine_live_options *options, struct heard *heard)
{
    const uint8_t *bytes = (const uint8_t *)sound->pcm;
    const size_t count = sound->count * 2;
    struct engine_live *live;

    assert_int_equal(engine_live_open(engine, options, &live), ENGINE_OK);
    for (size_t at = 0; at < count; at += step)
        engine_live_push(live, bytes + at, step < count - at ? step : count - at);
    engine_live_finish(live);
    assert_true(wait_over(heard));
    assert_int_equal(heard->end, ENGINE_OK);
    engine_live_close(live);
}

/* ---- the same text by every way ----------------------------------------------------------- */

static void a_stream_gives_the_finals_of_the_file(void **state)
{
    static const size_t steps[] = {640, 12345, 10000000};
    struct engine *engine = engine_new(2, 4, 4);
    struct sound sound = join(0, 5, 1200);
    struct heard file;

    heard_init(&file);
    recognise_file(engine, spool_wav(&sound), 0, &file);
    assert_int_equal(file.end, ENGINE_OK);
    assert_int_equal(file.duration_samples, sound.count);
    assert_true(file.finals_count >= 5);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct heard stream;
        heard_init(&stream);
        const struct engine_live_options options = live_options(&stream);
        recognise_stream(engine, &sound, steps[i], &options, &stream);
        assert_string_equal(stream.finals, file.finals);
        assert_int_equal(stream.duration_samples, sound.count);
        assert_int_equal(stream.endpoints_count, stream.finals_count);
        heard_finish(&stream);
    }
    heard_finish(&file);
    free(sound.pcm);
    engine_close(engine);
}

static void streams_together_give_what_each_gives_alone(void **state)
{
    struct engine *engine = engine_new(2, MOST_LIVE, 4);
    struct heard alone[MOST_LIVE], together[MOST_LIVE];
    struct sound sounds[MOST_LIVE];
    struct engine_live *lives[MOST_LIVE];
    size_t at[MOST_LIVE] = {0};

    for (size_t i = 0; i < MOST_LIVE; i++) {
        sounds[i] = join(i, 2, 700 + 100 * i);
        heard_init(&alone[i]);
        heard_init(&together[i]);
        const struct engine_live_options options = live_options(&alone[i]);
        recognise_stream(engine, &sounds[i], 1000000, &options, &alone[i]);
        struct engine_live_options with_partials = live_options(&together[i]);
        with_partials.partials = true;
        assert_int_equal(engine_live_open(engine, &with_partials, &lives[i]), ENGINE_OK);
    }
    for (size_t open = MOST_LIVE; open;)
        for (size_t i = 0; i < MOST_LIVE; i++) {
            const size_t count = sounds[i].count * 2, left = count - at[i];
            const size_t now = left < 3200 + i ? left : 3200 + i;
            if (at[i] == count)
                continue;
            engine_live_push(lives[i], (const uint8_t *)sounds[i].pcm + at[i], now);
            at[i] += now;
            if (at[i] == count) {
                engine_live_finish(lives[i]);
                open--;
            }
        }
    for (size_t i = 0; i < MOST_LIVE; i++) {
        assert_true(wait_over(&together[i]));
        assert_string_equal(together[i].finals, alone[i].finals);
        assert_true(strlen(alone[i].finals) > 10);
        engine_live_close(lives[i]);
        heard_finish(&alone[i]);
        heard_finish(&together[i]);
        free(sounds[i].pcm);
    }
    engine_close(engine);
}

static void jobs_together_give_what_each_gives_alone(void **state)
{
    struct engine *engine = engine_new(2, 1, 6);
    struct heard alone, together[6];
    struct sound sound = join(3, 4, 400);
    struct engine_batch *batch;

    heard_init(&alone);
    recognise_file(engine, spool_wav(&sound), 1, &alone);
    assert_int_equal(alone.end, ENGINE_OK);
    for (size_t i = 0; i < 6; i++) {
        heard_init(&together[i]);
        const struct engine_batch_options options = batch_options(&together[i], 1);
        assert_int_equal(engine_batch_start(engine, spool_wav(&sound), &options, &batch), ENGINE_OK);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_true(wait_over(&together[i]));
        assert_string_equal(together[i].finals, alone.finals);
        heard_finish(&together[i]);
    }
    heard_finish(&alone);
    free(sound.pcm);
    engine_close(engine);
}

static void other_encodings_and_rates_cover_the_same_time(void **state)
{
    struct engine *engine = engine_new(1, 1, 1);
    struct sound sound = join(2, 1, 600), doubled = {0};
    struct heard heard;

    doubled.count = sound.count * 2 * 3; /* stereo, 48 kHz, by repeating */
    doubled.pcm = malloc(doubled.count * sizeof(*doubled.pcm));
    for (size_t i = 0; i < doubled.count; i++)
        doubled.pcm[i] = sound.pcm[i / 6];
    heard_init(&heard);
    struct engine_live_options options = live_options(&heard);
    options.rate_hz = 48000;
    options.channels = 2;
    recognise_stream(engine, &doubled, 4097, &options, &heard);
    assert_int_equal(heard.duration_samples, sound.count);
    assert_int_equal(heard.finals_count, 1);
    heard_finish(&heard);
    free(sound.pcm);
    free(doubled.pcm);
    engine_close(engine);
}

/* ---- depth -------------------------------------------------------------------------------- */

static void the_depth_asked_for_is_the_depth_used(void **state)
{
    const uint32_t deepest = fold_model_info(model)->unfolds;
    struct engine *engine = engine_new(1, 1, 1);
    struct sound sound = join(4, 1, 0);
    struct engine_stats stats;

    for (uint32_t depth = 0; depth <= deepest; depth++) {
        struct heard heard;
        heard_init(&heard);
        recognise_file(engine, spool_wav(&sound), depth, &heard);
        assert_int_equal(heard.depth.used, depth ? depth : deepest);
        assert_int_equal(heard.depth.asked, depth);
        assert_string_equal(heard.depth.reason, depth ? "asked" : "default");
        heard_finish(&heard);
    }
    engine_stats(engine, &stats);
    for (uint32_t depth = 1; depth <= deepest; depth++)
        assert_int_equal(stats.spans_by_depth[depth], depth == deepest ? 2 : 1);
    assert_true(stats.compute_seconds > 0);
    assert_int_equal(stats.batch_jobs, 0);
    free(sound.pcm);
    engine_close(engine);
}

/* ---- partials, flush, finish --------------------------------------------------------------- */

static void partials_are_shallow_and_come_before_their_final(void **state)
{
    struct engine *engine = engine_new(1, 1, 1);
    struct sound sound = join(3, 1, 1000);
    struct engine_live *live;
    struct heard heard;

    heard_init(&heard);
    struct engine_live_options options = live_options(&heard);
    options.partials = true;
    assert_int_equal(engine_live_open(engine, &options, &live), ENGINE_OK);
    /* Faster than real time, but each partial is awaited. */
    int partials = 0;
    for (size_t at = 0; at < sound.count; at += 16000) {
        const size_t left = sound.count - at;
        engine_live_push(live, sound.pcm + at, 2 * (left < 16000 ? left : 16000));
        if (at + 16000 < clips[3].count) {
            assert_true(wait_for(&heard, &heard.partials_count, ++partials));
        }
    }
    engine_live_finish(live);
    assert_true(wait_over(&heard));
    assert_true(heard.partials_count >= 5);
    assert_int_equal(heard.partial_depth.used, 1);
    assert_string_equal(heard.partial_depth.reason, "partial");
    assert_int_equal(heard.finals_count, 1);
    assert_int_equal(heard.depth.used, fold_model_info(model)->unfolds);
    engine_live_close(live);
    heard_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void every_flush_is_answered_and_covers_what_was_pushed(void **state)
{
    struct engine *engine = engine_new(1, 1, 1);
    struct sound sound = join(5, 1, 0);
    struct engine_live *live;
    struct heard heard;
    const size_t half = sound.count / 2;

    heard_init(&heard);
    struct engine_live_options options = live_options(&heard);
    options.rate_hz = 8000; /* so that a resampler holds something back */
    assert_int_equal(engine_live_open(engine, &options, &live), ENGINE_OK);
    engine_live_push(live, sound.pcm, half * 2);
    engine_live_flush(live);
    assert_true(wait_for(&heard, &heard.flushed_count, 1));
    assert_int_equal(heard.last_end_samples, half * 2);
    engine_live_flush(live); /* nothing new: an empty final */
    assert_true(wait_for(&heard, &heard.flushed_count, 2));
    assert_int_equal(heard.last_end_samples, half * 2);
    engine_live_push(live, sound.pcm + half, (sound.count - half) * 2);
    engine_live_flush(live);
    engine_live_finish(live);
    assert_true(wait_over(&heard));
    assert_int_equal(heard.flushed_count, 3);
    assert_int_equal(heard.duration_samples, sound.count * 2);
    assert_int_equal(heard.last_end_samples, sound.count * 2);
    engine_live_close(live);
    heard_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void a_word_cut_by_the_end_is_in_the_last_final(void **state)
{
    struct engine *engine = engine_new(1, 1, 1);
    struct sound sound = join(6, 1, 0);
    struct heard heard;

    sound.count = 40001; /* within speech */
    heard_init(&heard);
    const struct engine_live_options options = live_options(&heard);
    recognise_stream(engine, &sound, 3333, &options, &heard);
    assert_int_equal(heard.last_end_samples, 40001);
    assert_int_equal(heard.finals_count, 1);
    heard_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void a_stream_without_speech_just_ends(void **state)
{
    struct engine *engine = engine_new(1, 1, 1);
    struct sound nothing = {.pcm = calloc(80000, sizeof(int16_t))};
    struct engine_stats stats;

    for (nothing.count = 0; nothing.count <= 80000; nothing.count += 80000) {
        struct heard heard;
        heard_init(&heard);
        const struct engine_live_options options = live_options(&heard);
        recognise_stream(engine, &nothing, 1000, &options, &heard);
        assert_int_equal(heard.callbacks, 1);
        assert_int_equal(heard.duration_samples, nothing.count);
        heard_finish(&heard);
    }
    nothing.count = 80000;
    struct heard file;
    heard_init(&file);
    recognise_file(engine, spool_wav(&nothing), 0, &file);
    assert_int_equal(file.end, ENGINE_OK);
    assert_int_equal(file.finals_count, 0);
    assert_int_equal(file.duration_samples, 80000);
    engine_stats(engine, &stats);
    assert_float_equal(stats.compute_seconds, 0, 0);
    heard_finish(&file);
    free(nothing.pcm);
    engine_close(engine);
}

static void a_full_stream_says_when_it_is_ready_again(void **state)
{
    struct engine *engine = engine_new(1, 1, 1);
    struct sound sound = join(0, 4, 500);
    struct engine_live *live;
    struct heard heard;

    heard_init(&heard);
    const struct engine_live_options options = live_options(&heard);
    assert_int_equal(engine_live_open(engine, &options, &live), ENGINE_OK);
    assert_true(sound.count * 2 > engine_live_high_bytes(live));
    assert_true(engine_live_push(live, sound.pcm, sound.count * 2) > engine_live_high_bytes(live));
    assert_true(wait_for(&heard, &heard.ready_count, 1));
    assert_true(engine_live_waiting(live) < engine_live_high_bytes(live));
    engine_live_finish(live);
    assert_true(wait_over(&heard));
    assert_int_equal(heard.ready_count, 1);
    assert_int_equal(heard.duration_samples, sound.count);
    engine_live_close(live);
    heard_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

/* ---- bad recordings ------------------------------------------------------------------------ */

static void bad_recordings_end_with_a_reason(void **state)
{
    struct engine *engine = engine_new(1, 1, 1);
    struct sound sound = join(0, 1, 0);
    struct heard heard;

    heard_init(&heard);
    recognise_file(engine, spool("", 0), 0, &heard);
    assert_int_equal(heard.end, ENGINE_EMPTY);
    heard_finish(&heard);

    heard_init(&heard);
    recognise_file(engine, spool("%PDF-1.7 text", 13), 0, &heard);
    assert_int_equal(heard.end, ENGINE_NOT_AUDIO);
    assert_non_null(strstr(heard.detail, "PDF"));
    heard_finish(&heard);

    heard_init(&heard);
    int fd = spool_wav(&sound);
    assert_int_equal(ftruncate(fd, 20000), 0);
    recognise_file(engine, fd, 0, &heard);
    assert_int_equal(heard.end, ENGINE_TRUNCATED);
    assert_true(heard.detail[0] != '\0');
    heard_finish(&heard);
    free(sound.pcm);

    heard_init(&heard);
    sound = (struct sound){.pcm = calloc(16000 * 301, 2), .count = 16000 * 301};
    recognise_file(engine, spool_wav(&sound), 0, &heard);
    assert_int_equal(heard.end, ENGINE_TOO_LONG);
    assert_non_null(strstr(heard.detail, "300 s"));
    heard_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

/* ---- limits, cancelling, closing ------------------------------------------------------------ */

static void more_than_allowed_is_refused_as_busy(void **state)
{
    struct engine *engine = engine_new(1, 1, 1);
    struct sound sound = join(0, 6, 300);
    struct heard heard, other;
    struct engine_batch *batch;
    struct engine_live *live, *none = NULL;

    heard_init(&heard);
    heard_init(&other);
    struct engine_batch_options options = batch_options(&heard, 0);
    assert_int_equal(engine_batch_start(engine, spool_wav(&sound), &options, &batch), ENGINE_OK);
    assert_false(engine_is_idle(engine));
    options.user = &other;
    assert_int_equal(engine_batch_start(engine, spool_wav(&sound), &options, &batch), ENGINE_BUSY);
    const struct engine_live_options live_opts = live_options(&other);
    assert_int_equal(engine_live_open(engine, &live_opts, &live), ENGINE_OK);
    assert_int_equal(engine_live_open(engine, &live_opts, &none), ENGINE_BUSY);
    assert_null(none);
    engine_live_close(live);
    assert_int_equal(engine_live_open(engine, &live_opts, &live), ENGINE_OK);
    engine_drain(engine);
    assert_int_equal(engine_live_open(engine, &live_opts, &none), ENGINE_DRAINING);
    assert_int_equal(engine_batch_start(engine, spool_wav(&sound), &options, &batch),
                     ENGINE_DRAINING);
    assert_true(wait_over(&heard)); /* work in hand goes on */
    assert_int_equal(heard.end, ENGINE_OK);
    engine_live_finish(live);
    assert_true(wait_over(&other));
    assert_int_equal(other.end, ENGINE_OK);
    engine_live_close(live);
    while (!engine_is_idle(engine))
        nap_ms(1);
    heard_finish(&heard);
    heard_finish(&other);
    free(sound.pcm);
    engine_close(engine);
}

static void a_cancelled_job_is_told_so_once(void **state)
{
    struct engine *engine = engine_new(1, 1, 3);
    struct sound sound = join(0, 12, 300), four = {.count = 4 * sound.count};
    const uint32_t stats_depth = fold_model_info(model)->unfolds;
    struct heard heard[3];
    struct engine_batch *batch;
    struct engine_stats stats;

    four.pcm = malloc(four.count * sizeof(*four.pcm));
    for (size_t i = 0; i < four.count; i++)
        four.pcm[i] = sound.pcm[i % sound.count];
    for (size_t i = 0; i < 3; i++) {
        heard_init(&heard[i]);
        const struct engine_batch_options options = batch_options(&heard[i], 0);
        assert_int_equal(engine_batch_start(engine, spool_wav(&four), &options, &batch), ENGINE_OK);
    }
    engine_batch_cancel(engine, &heard[2]); /* waiting */
    do {
        nap_ms(1);
        engine_stats(engine, &stats);
    } while (stats.spans_by_depth[stats_depth] == 0);
    engine_batch_cancel(engine, &heard[0]); /* at work */
    assert_true(wait_over(&heard[0]));
    assert_true(wait_over(&heard[2]));
    assert_int_equal(heard[0].end, ENGINE_CANCELLED);
    assert_int_equal(heard[2].end, ENGINE_CANCELLED);
    engine_batch_cancel(engine, &heard[0]); /* no error */
    assert_true(wait_over(&heard[1]));
    assert_int_equal(heard[1].end, ENGINE_OK);
    for (size_t i = 0; i < 3; i++)
        heard_finish(&heard[i]);
    free(sound.pcm);
    free(four.pcm);
    engine_close(engine);
}

static void after_close_no_callback_comes(void **state)
{
    struct engine *engine = engine_new(2, 2, 1);
    struct sound sound = join(0, 2, 600);
    unsigned seed = 7;

    for (int round = 0; round < 60; round++) {
        struct heard heard;
        struct engine_live *live;
        heard_init(&heard);
        struct engine_live_options options = live_options(&heard);
        options.partials = true;
        assert_int_equal(engine_live_open(engine, &options, &live), ENGINE_OK);
        engine_live_push(live, sound.pcm, sound.count * 2);
        if (round % 3 == 0)
            engine_live_finish(live);
        if (round % 3 == 1)
            engine_live_flush(live);
        seed = seed * 1664525u + 1013904223u;
        nap_ms(seed >> 27);
        engine_live_close(live);
        const int callbacks = heard.callbacks; /* no lock: nobody may write any more */
        memset(&heard.finals, 0, sizeof(heard.finals));
        nap_ms(1);
        assert_int_equal(heard.callbacks, callbacks);
        heard_finish(&heard);
    }
    free(sound.pcm);
    engine_close(engine);
}

static void closing_the_engine_ends_everything_and_tells(void **state)
{
    struct engine *engine = engine_new(2, 4, 4);
    struct sound sound = join(0, 12, 300);
    struct heard files[3], streams[3];
    struct engine_live *lives[3];
    struct engine_batch *batch;

    for (size_t i = 0; i < 3; i++) {
        heard_init(&files[i]);
        heard_init(&streams[i]);
        const struct engine_batch_options options = batch_options(&files[i], 0);
        const struct engine_live_options live_opts = live_options(&streams[i]);
        assert_int_equal(engine_batch_start(engine, spool_wav(&sound), &options, &batch), ENGINE_OK);
        assert_int_equal(engine_live_open(engine, &live_opts, &lives[i]), ENGINE_OK);
        engine_live_push(lives[i], sound.pcm, i * 320000);
    }
    nap_ms(50);
    engine_close(engine);
    for (size_t i = 0; i < 3; i++) {
        assert_true(files[i].over && files[i].end == ENGINE_DRAINING);
        assert_true(streams[i].over && streams[i].end == ENGINE_DRAINING);
        engine_live_push(lives[i], sound.pcm, 320); /* too late, but harmless */
        engine_live_close(lives[i]);
        heard_finish(&files[i]);
        heard_finish(&streams[i]);
    }
    free(sound.pcm);
}

static void every_end_has_its_codes(void **state)
{
    assert_int_equal(engine_end_http(ENGINE_BUSY), 429);
    assert_int_equal(engine_end_close(ENGINE_BUSY), 1013);
    assert_int_equal(engine_end_http(ENGINE_TOO_LONG), 413);
    assert_string_equal(engine_end_type(ENGINE_NOT_AUDIO), "invalid_request_error");
    assert_string_equal(engine_end_text(ENGINE_DRAINING), "the server is shutting down");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_gives_the_finals_of_the_file),
        cmocka_unit_test(streams_together_give_what_each_gives_alone),
        cmocka_unit_test(jobs_together_give_what_each_gives_alone),
        cmocka_unit_test(other_encodings_and_rates_cover_the_same_time),
        cmocka_unit_test(the_depth_asked_for_is_the_depth_used),
        cmocka_unit_test(partials_are_shallow_and_come_before_their_final),
        cmocka_unit_test(every_flush_is_answered_and_covers_what_was_pushed),
        cmocka_unit_test(a_word_cut_by_the_end_is_in_the_last_final),
        cmocka_unit_test(a_stream_without_speech_just_ends),
        cmocka_unit_test(a_full_stream_says_when_it_is_ready_again),
        cmocka_unit_test(bad_recordings_end_with_a_reason),
        cmocka_unit_test(more_than_allowed_is_refused_as_busy),
        cmocka_unit_test(a_cancelled_job_is_told_so_once),
        cmocka_unit_test(after_close_no_callback_comes),
        cmocka_unit_test(closing_the_engine_ends_everything_and_tells),
        cmocka_unit_test(every_end_has_its_codes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
