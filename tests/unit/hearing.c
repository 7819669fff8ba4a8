#include "hearing.h"

#include <sndfile.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "test.h"

struct fold_model *hearing_model;
struct clip hearing_clips[CLIPS_MOST];
size_t hearing_clips_count;

int hearing_setup(void **state)
{
    struct fold_note note = {""};
    const char *path = getenv("FOLDSCRIBE_TEST_MODEL");

    assert_non_null(path);
    if (fold_model_open(&hearing_model, path, &note) < 0) {
        print_error("%s: %s\n", path, note.text);
        return -1;
    }
    hearing_clips_count = clips_open(hearing_clips);
    return 0;
}

int hearing_teardown(void **state)
{
    clips_close(hearing_clips, hearing_clips_count);
    fold_model_close(hearing_model);
    return 0;
}

struct engine *hearing_engine(uint32_t workers, uint32_t max_live, uint32_t max_batch)
{
    return hearing_engine_with(workers, max_live, max_batch, ENGINE_PARTIALS_AUTO);
}

struct engine *hearing_engine_with(uint32_t workers, uint32_t max_live, uint32_t max_batch,
                                   enum engine_partials partials)
{
    const struct engine_options options = {.model = hearing_model,
                                           .workers = workers,
                                           .max_live = max_live,
                                           .max_batch = max_batch,
                                           .partials = partials,
                                           .max_segment_ms = 15000,
                                           .max_audio_ms = 300000};
    struct engine *engine;

    assert_int_equal(engine_open(&engine, &options), 0);
    return engine;
}

void hearing_init(struct heard *heard)
{
    memset(heard, 0, sizeof(*heard));
    assert_int_equal(pthread_mutex_init(&heard->lock, NULL), 0);
    assert_int_equal(clock_cond_init(&heard->changed), 0);
}

void hearing_finish(struct heard *heard)
{
    assert_false(heard->wrong);
    pthread_cond_destroy(&heard->changed);
    pthread_mutex_destroy(&heard->lock);
}

static void note_segment(struct heard *heard, const struct result_segment *segment)
{
    size_t used = strlen(heard->finals);
    char *text = heard->finals;
    int64_t before = segment->start_samples;

    used += (size_t)snprintf(text + used, HEARING_TEXT_BYTES - used, "[%lld-%lld]",
                             (long long)segment->start_samples, (long long)segment->end_samples);
    for (size_t i = 0; i < segment->words_count && used < HEARING_TEXT_BYTES; i++) {
        const struct result_word *word = &segment->words[i];
        used +=
            (size_t)snprintf(text + used, HEARING_TEXT_BYTES - used, " %s@%lld-%lld", word->text,
                             (long long)word->start_samples, (long long)word->end_samples);
        heard->wrong |= word->start_samples < before || word->end_samples < word->start_samples ||
                        word->end_samples > segment->end_samples;
        before = word->start_samples;
    }
    if (used < HEARING_TEXT_BYTES)
        snprintf(text + used, HEARING_TEXT_BYTES - used, "\n");
    heard->wrong |= used + 1 >= HEARING_TEXT_BYTES ||
                    segment->start_samples < heard->last_end_samples ||
                    segment->end_samples < segment->start_samples;
    heard->last_end_samples = segment->end_samples;
    heard->depth = segment->depth;
    heard->finals_count++;
}

/* Within what was heard, in order, and never less far than the partial before. */
static void note_partial(struct heard *heard, const struct result_segment *segment)
{
    int64_t before = segment->start_samples;

    for (size_t i = 0; i < segment->words_count; i++) {
        const struct result_word *word = &segment->words[i];
        heard->wrong |= word->start_samples < before || word->end_samples < word->start_samples ||
                        word->end_samples > segment->end_samples;
        before = word->start_samples;
    }
    heard->wrong |= segment->start_samples < heard->last_end_samples ||
                    segment->end_samples < heard->partial_end_samples;
    heard->partial_end_samples = segment->end_samples;
    heard->partial_depth = segment->depth;
    heard->partials_count++;
}

static void on_done(void *user, const struct batch_result *result)
{
    struct heard *heard = user;

    pthread_mutex_lock(&heard->lock);
    heard->wrong |= heard->over;
    heard->over = true;
    heard->end = result->end;
    snprintf(heard->detail, sizeof(heard->detail), "%s", result->detail ? result->detail : "");
    heard->wrong |= (result->end == ENGINE_OK) != (result->transcript != NULL);
    if (result->transcript) {
        for (size_t i = 0; i < result->transcript->segments_count; i++)
            note_segment(heard, &result->transcript->segments[i]);
        heard->duration_samples = result->transcript->duration_samples;
        heard->depth = result->transcript->depth;
    }
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->lock);
}

static void on_result(void *user, const struct result *result)
{
    struct heard *heard = user;

    pthread_mutex_lock(&heard->lock);
    heard->wrong |= heard->over;
    heard->callbacks++;
    if (result->final) {
        note_segment(heard, &result->segment);
        heard->flushed_count += result->from_flush;
        heard->endpoints_count += result->endpoint;
    } else {
        note_partial(heard, &result->segment);
        heard->wrong |= result->endpoint || result->from_flush;
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

bool hearing_wait(struct heard *heard, const int *count, int least)
{
    const double until_ms = clock_now_ms() + 60000;

    pthread_mutex_lock(&heard->lock);
    while (*count < least && clock_now_ms() < until_ms)
        clock_cond_wait(&heard->changed, &heard->lock, until_ms);
    const bool came = *count >= least;
    pthread_mutex_unlock(&heard->lock);
    return came;
}

bool hearing_wait_over(struct heard *heard)
{
    const double until_ms = clock_now_ms() + 60000;

    pthread_mutex_lock(&heard->lock);
    while (!heard->over && clock_now_ms() < until_ms)
        clock_cond_wait(&heard->changed, &heard->lock, until_ms);
    const bool over = heard->over;
    pthread_mutex_unlock(&heard->lock);
    return over;
}

void hearing_barrier(struct engine *engine)
{
    struct heard heard;
    struct live *live;

    hearing_init(&heard);
    const struct live_options options = hearing_live_options(&heard);
    assert_int_equal(live_open(engine, &options, &live), ENGINE_OK);
    live_finish(live);
    assert_true(hearing_wait_over(&heard));
    live_close(live);
    hearing_finish(&heard);
}

struct sound hearing_join(size_t first, size_t count, size_t pause_ms)
{
    struct sound sound = {0};
    size_t room = 0;
    uint32_t seed = 1;

    for (size_t i = first; i < first + count; i++)
        room += hearing_clips[i].count + pause_ms * 16;
    sound.pcm = malloc(room * sizeof(*sound.pcm));
    assert_non_null(sound.pcm);
    for (size_t i = first; i < first + count; i++) {
        for (size_t k = 0; k < hearing_clips[i].count; k++)
            sound.pcm[sound.count++] = (int16_t)(hearing_clips[i].pcm[k] * 32767.0f);
        for (size_t k = 0; k < pause_ms * 16; k++) {
            seed = seed * 1664525u + 1013904223u;
            sound.pcm[sound.count++] = (int16_t)(seed >> 29);
        }
    }
    return sound;
}

int hearing_spool_wav(const struct sound *sound)
{
    SF_INFO info = {.samplerate = 16000, .channels = 1, .format = SF_FORMAT_WAV | SF_FORMAT_PCM_16};
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

int hearing_spool(const void *bytes, size_t count)
{
    char path[] = "/tmp/test_engine_XXXXXX";
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, bytes, count), count);
    return fd;
}

struct batch_options hearing_batch_options(struct heard *heard, uint32_t depth)
{
    return (struct batch_options){.policy.depth = depth, .on_done = on_done, .user = heard};
}

struct live_options hearing_live_options(struct heard *heard)
{
    return (struct live_options){.encoding = LIVE_LINEAR16,
                                 .rate_hz = 16000,
                                 .channels = 1,
                                 .endpointing_ms = HEARING_PAUSE_MS,
                                 .on_result = on_result,
                                 .on_ready = on_ready,
                                 .on_end = on_end,
                                 .user = heard};
}

void hearing_file(struct engine *engine, int fd, uint32_t depth, struct heard *heard)
{
    const struct batch_options options = hearing_batch_options(heard, depth);
    struct batch *batch;

    assert_int_equal(batch_start(engine, fd, &options, &batch), ENGINE_OK);
    assert_true(hearing_wait_over(heard));
}

void hearing_stream(struct engine *engine, const struct sound *sound, size_t step,
                    const struct live_options *options, struct heard *heard)
{
    const uint8_t *bytes = (const uint8_t *)sound->pcm;
    const size_t count = sound->count * 2;
    struct live *live;

    assert_int_equal(live_open(engine, options, &live), ENGINE_OK);
    for (size_t at = 0; at < count; at += step)
        live_push(live, bytes + at, step < count - at ? step : count - at);
    live_finish(live);
    assert_true(hearing_wait_over(heard));
    assert_int_equal(heard->end, ENGINE_OK);
    live_close(live);
}
