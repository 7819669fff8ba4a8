#include <string.h>
#include <unistd.h>

#include "hearing.h"
#include "test.h"

static void jobs_together_give_what_each_gives_alone(void **state)
{
    struct engine *engine = hearing_engine(2, 1, 6);
    struct heard alone, together[6];
    struct sound sound = hearing_join(3, 4, 400);
    struct batch *batch;

    hearing_init(&alone);
    hearing_file(engine, hearing_spool_wav(&sound), 1, &alone);
    assert_int_equal(alone.end, ENGINE_OK);
    for (size_t i = 0; i < 6; i++) {
        hearing_init(&together[i]);
        const struct batch_options options = hearing_batch_options(&together[i], 1);
        assert_int_equal(batch_start(engine, hearing_spool_wav(&sound), &options, &batch),
                         ENGINE_OK);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_true(hearing_wait_over(&together[i]));
        assert_string_equal(together[i].finals, alone.finals);
        hearing_finish(&together[i]);
    }
    hearing_finish(&alone);
    free(sound.pcm);
    engine_close(engine);
}

struct emitted {
    struct heard heard; /* first: done() writes here */
    int64_t end_samples;
    int count;
    bool wrong;
};

static void on_segment(void *user, const struct result_segment *segment)
{
    struct emitted *emitted = user;

    emitted->wrong |= emitted->heard.over || segment->start_samples < emitted->end_samples;
    emitted->end_samples = segment->end_samples;
    emitted->count++;
}

static void segments_are_told_in_order_before_the_end(void **state)
{
    struct engine *engine = hearing_engine(3, 1, 2);
    struct sound sound = hearing_join(0, 5, 1200);
    struct emitted emitted = {.count = 0};
    struct batch *batch;

    hearing_init(&emitted.heard);
    struct batch_options options = hearing_batch_options(&emitted.heard, 1);
    options.on_segment = on_segment;
    assert_int_equal(batch_start(engine, hearing_spool_wav(&sound), &options, &batch), ENGINE_OK);
    assert_true(hearing_wait_over(&emitted.heard));
    assert_false(emitted.wrong);
    assert_int_equal(emitted.count, emitted.heard.finals_count);
    assert_true(emitted.count >= 5);
    hearing_finish(&emitted.heard);
    free(sound.pcm);
    engine_close(engine);
}

struct drafted {
    struct emitted emitted; /* first */
    int drafts, segments_before;
    size_t words;
    int64_t duration_samples;
    uint32_t depth;
};

static void on_draft(void *user, const struct result_transcript *transcript)
{
    struct drafted *drafted = user;

    drafted->emitted.wrong |= drafted->emitted.heard.over;
    drafted->drafts++;
    drafted->segments_before = drafted->emitted.count;
    drafted->duration_samples = transcript->duration_samples;
    drafted->depth = transcript->depth.used;
    for (size_t i = 0; i < transcript->segments_count; i++)
        drafted->words += transcript->segments[i].words_count;
}

static void make(struct engine *engine, const struct sound *sound, uint32_t depth,
                 uint32_t latency_ms, struct drafted *ret_drafted)
{
    struct batch *batch;

    *ret_drafted = (struct drafted){.drafts = 0};
    hearing_init(&ret_drafted->emitted.heard);
    struct batch_options options = hearing_batch_options(&ret_drafted->emitted.heard, depth);
    options.on_segment = on_segment;
    options.on_draft = on_draft;
    options.policy.latency_ms = latency_ms;
    assert_int_equal(batch_start(engine, hearing_spool_wav(sound), &options, &batch), ENGINE_OK);
    assert_true(hearing_wait_over(&ret_drafted->emitted.heard));
    assert_int_equal(ret_drafted->emitted.heard.end, ENGINE_OK);
    assert_false(ret_drafted->emitted.wrong);
}

static void a_draft_of_the_whole_comes_first_and_changes_nothing(void **state)
{
    struct engine *engine = hearing_engine(3, 1, 2);
    struct sound sound = hearing_join(0, 5, 1200);
    struct heard plain;
    struct drafted drafted;

    hearing_init(&plain);
    hearing_file(engine, hearing_spool_wav(&sound), 2, &plain);
    make(engine, &sound, 2, 0, &drafted);
    assert_int_equal(drafted.drafts, 1);
    assert_int_equal(drafted.segments_before, 0);
    assert_int_equal(drafted.depth, 1);
    assert_int_equal(drafted.duration_samples, sound.count);
    assert_true(drafted.words > 0);
    assert_string_equal(drafted.emitted.heard.finals, plain.finals);
    assert_int_equal(drafted.emitted.count, plain.finals_count);
    assert_int_equal(drafted.emitted.heard.depth.used, 2);
    hearing_finish(&drafted.emitted.heard);
    hearing_finish(&plain);
    free(sound.pcm);
    engine_close(engine);
}

static void no_draft_is_made_that_is_no_shallower_or_would_be_late(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 2);
    struct sound sound = hearing_join(0, 1, 100);
    struct drafted drafted;

    make(engine, &sound, 1, 0, &drafted);
    assert_int_equal(drafted.drafts, 0);
    hearing_finish(&drafted.emitted.heard);
    make(engine, &sound, 2, 60000, &drafted);
    assert_int_equal(drafted.drafts, 0);
    hearing_finish(&drafted.emitted.heard);
    free(sound.pcm);
    engine_close(engine);
}

static void a_channel_that_is_not_there_is_named(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 2);
    struct sound sound = hearing_join(0, 1, 100);
    struct heard heard;
    struct batch *batch;

    hearing_init(&heard);
    struct batch_options options = hearing_batch_options(&heard, 1);
    options.channel = 2;
    assert_int_equal(batch_start(engine, hearing_spool_wav(&sound), &options, &batch), ENGINE_OK);
    assert_true(hearing_wait_over(&heard));
    assert_int_equal(heard.end, ENGINE_NOT_AUDIO);
    assert_non_null(strstr(heard.detail, "no channel 2"));
    hearing_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void the_depth_asked_for_is_the_depth_used(void **state)
{
    const uint32_t deepest = fold_model_info(hearing_model)->unfolds;
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound sound = hearing_join(4, 1, 0);
    struct engine_stats stats;

    for (uint32_t depth = 0; depth <= deepest; depth++) {
        struct heard heard;
        hearing_init(&heard);
        hearing_file(engine, hearing_spool_wav(&sound), depth, &heard);
        assert_int_equal(heard.depth.used, depth ? depth : deepest);
        assert_int_equal(heard.depth.asked, depth);
        assert_int_equal(heard.depth.reason, depth ? RESULT_BY_REQUEST : RESULT_BY_TIER);
        hearing_finish(&heard);
    }
    engine_stats(engine, &stats);
    for (uint32_t depth = 1; depth <= deepest; depth++)
        assert_int_equal(stats.segments_by_depth[depth], depth == deepest ? 2 : 1);
    assert_true(stats.compute_seconds > 0);
    assert_int_equal(stats.batch_jobs, 0);
    free(sound.pcm);
    engine_close(engine);
}

static void bad_recordings_end_with_a_reason(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound sound = hearing_join(0, 1, 0);
    struct heard heard;

    hearing_init(&heard);
    hearing_file(engine, hearing_spool("", 0), 0, &heard);
    assert_int_equal(heard.end, ENGINE_EMPTY);
    hearing_finish(&heard);

    hearing_init(&heard);
    hearing_file(engine, hearing_spool("%PDF-1.7 text", 13), 0, &heard);
    assert_int_equal(heard.end, ENGINE_NOT_AUDIO);
    assert_non_null(strstr(heard.detail, "PDF"));
    hearing_finish(&heard);

    hearing_init(&heard);
    int fd = hearing_spool_wav(&sound);
    assert_int_equal(ftruncate(fd, 40), 0);
    hearing_file(engine, fd, 0, &heard);
    assert_int_equal(heard.end, ENGINE_TRUNCATED);
    assert_true(heard.detail[0] != '\0');
    hearing_finish(&heard);
    free(sound.pcm);

    hearing_init(&heard);
    sound = (struct sound){.pcm = calloc(16000 * 301, 2), .count = 16000 * 301};
    hearing_file(engine, hearing_spool_wav(&sound), 0, &heard);
    assert_int_equal(heard.end, ENGINE_TOO_LONG);
    assert_non_null(strstr(heard.detail, "300 s"));
    hearing_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void note_segment(void *user, const struct result_segment *segment)
{
    struct heard *heard = user;

    pthread_mutex_lock(&heard->lock);
    heard->partials_count++;
    pthread_cond_broadcast(&heard->changed);
    pthread_mutex_unlock(&heard->lock);
}

static void a_cancelled_job_is_told_so_once(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 3);
    struct sound sound = hearing_join(0, 12, 300), four = {.count = 4 * sound.count};
    const uint32_t stats_depth = fold_model_info(hearing_model)->unfolds;
    struct heard heard[3];
    struct batch *batch;
    struct engine_stats stats;

    four.pcm = malloc(four.count * sizeof(*four.pcm));
    for (size_t i = 0; i < four.count; i++)
        four.pcm[i] = sound.pcm[i % sound.count];
    for (size_t i = 0; i < 3; i++) {
        hearing_init(&heard[i]);
        struct batch_options options = hearing_batch_options(&heard[i], 0);
        options.on_segment = note_segment;
        assert_int_equal(batch_start(engine, hearing_spool_wav(&four), &options, &batch),
                         ENGINE_OK);
    }
    batch_cancel(engine, &heard[2]); /* waiting */
    assert_true(hearing_wait(&heard[0], &heard[0].partials_count, 1));
    batch_cancel(engine, &heard[0]); /* at work */
    assert_true(hearing_wait_over(&heard[0]));
    assert_true(hearing_wait_over(&heard[2]));
    assert_int_equal(heard[0].end, ENGINE_CANCELLED);
    assert_int_equal(heard[2].end, ENGINE_CANCELLED);
    batch_cancel(engine, &heard[0]); /* no error */
    assert_true(hearing_wait_over(&heard[1]));
    assert_int_equal(heard[1].end, ENGINE_OK);
    engine_stats(engine, &stats);
    assert_int_equal(stats.cancels, 2);
    assert_true(stats.cancel_worst_seconds > 0 &&
                stats.cancel_worst_seconds <= stats.cancel_seconds);
    /* heard[1] alone, and what heard[0] got before it was cancelled */
    assert_true(stats.segments_by_depth[stats_depth] < 2 * (uint64_t)heard[1].finals_count);
    for (size_t i = 0; i < 3; i++)
        hearing_finish(&heard[i]);
    free(sound.pcm);
    free(four.pcm);
    engine_close(engine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_together_give_what_each_gives_alone),
        cmocka_unit_test(segments_are_told_in_order_before_the_end),
        cmocka_unit_test(a_draft_of_the_whole_comes_first_and_changes_nothing),
        cmocka_unit_test(no_draft_is_made_that_is_no_shallower_or_would_be_late),
        cmocka_unit_test(a_channel_that_is_not_there_is_named),
        cmocka_unit_test(the_depth_asked_for_is_the_depth_used),
        cmocka_unit_test(bad_recordings_end_with_a_reason),
        cmocka_unit_test(a_cancelled_job_is_told_so_once),
    };
    return cmocka_run_group_tests(tests, hearing_setup, hearing_teardown);
}
