/* Whatever way sound comes in, the same text comes out; limits and ends. */
#include <string.h>

#include "hearing.h"
#include "test.h"

static void a_stream_gives_the_finals_of_the_file(void **state)
{
    static const size_t steps[] = {640, 12345, 10000000};
    struct engine *engine = hearing_engine(2, 4, 4);
    struct sound sound = hearing_join(0, 5, 1200);
    struct heard file;

    hearing_init(&file);
    hearing_file(engine, hearing_spool_wav(&sound), 0, &file);
    assert_int_equal(file.end, ENGINE_OK);
    assert_int_equal(file.duration_samples, sound.count);
    assert_true(file.finals_count >= 5);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct heard stream;
        hearing_init(&stream);
        const struct live_options options = hearing_live_options(&stream);
        hearing_stream(engine, &sound, steps[i], &options, &stream);
        assert_string_equal(stream.finals, file.finals);
        assert_int_equal(stream.duration_samples, sound.count);
        assert_int_equal(stream.endpoints_count, stream.finals_count);
        hearing_finish(&stream);
    }
    hearing_finish(&file);
    free(sound.pcm);
    engine_close(engine);
}

/* Segments of a recording without pauses go on from each other, as those of a stream do. */
static void a_file_without_pauses_gives_the_finals_of_its_stream(void **state)
{
    struct engine *engine = hearing_engine(2, 4, 4);
    struct sound sound = hearing_join(0, 8, 30);
    struct heard file, stream;

    hearing_init(&file);
    hearing_file(engine, hearing_spool_wav(&sound), 0, &file);
    assert_int_equal(file.end, ENGINE_OK);
    assert_true(file.finals_count >= 3);
    hearing_init(&stream);
    const struct live_options options = hearing_live_options(&stream);
    hearing_stream(engine, &sound, 4000, &options, &stream);
    assert_string_equal(stream.finals, file.finals);
    assert_true(stream.endpoints_count < stream.finals_count);
    hearing_finish(&stream);
    hearing_finish(&file);
    free(sound.pcm);
    engine_close(engine);
}

static void more_than_allowed_is_refused_as_busy(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound sound = hearing_join(0, 6, 300);
    struct heard heard, other;
    struct batch *batch;
    struct live *live, *none = NULL;

    hearing_init(&heard);
    hearing_init(&other);
    struct batch_options options = hearing_batch_options(&heard, 0);
    assert_int_equal(batch_start(engine, hearing_spool_wav(&sound), &options, &batch), ENGINE_OK);
    assert_false(engine_is_idle(engine));
    options.user = &other;
    assert_int_equal(batch_start(engine, hearing_spool_wav(&sound), &options, &batch), ENGINE_BUSY);
    const struct live_options live_opts = hearing_live_options(&other);
    assert_int_equal(live_open(engine, &live_opts, &live), ENGINE_OK);
    assert_int_equal(live_open(engine, &live_opts, &none), ENGINE_BUSY);
    assert_null(none);
    live_close(live);
    assert_int_equal(live_open(engine, &live_opts, &live), ENGINE_OK);
    engine_drain(engine);
    assert_int_equal(live_open(engine, &live_opts, &none), ENGINE_DRAINING);
    assert_int_equal(batch_start(engine, hearing_spool_wav(&sound), &options, &batch),
                     ENGINE_DRAINING);
    assert_true(hearing_wait_over(&heard)); /* work in hand goes on */
    assert_int_equal(heard.end, ENGINE_OK);
    live_finish(live);
    assert_true(hearing_wait_over(&other));
    assert_int_equal(other.end, ENGINE_OK);
    live_close(live);
    hearing_finish(&heard);
    hearing_finish(&other);
    free(sound.pcm);
    engine_close(engine);
}

static void an_engine_is_idle_until_it_has_work_and_when_that_is_done(void **state)
{
    struct engine *engine = hearing_engine(1, 1, 1);
    struct sound sound = hearing_join(0, 1, 300);
    struct heard heard;
    struct live *live;

    assert_true(engine_is_idle(engine));
    hearing_init(&heard);
    const struct live_options options = hearing_live_options(&heard);
    assert_int_equal(live_open(engine, &options, &live), ENGINE_OK);
    assert_false(engine_is_idle(engine));
    live_close(live);
    assert_true(engine_is_idle(engine));
    hearing_file(engine, hearing_spool_wav(&sound), 0, &heard);
    hearing_barrier(engine); /* the callback that ended it has returned */
    assert_true(engine_is_idle(engine));
    hearing_finish(&heard);
    free(sound.pcm);
    engine_close(engine);
}

static void closing_the_engine_ends_everything_and_tells(void **state)
{
    struct engine *engine = hearing_engine(2, 4, 4);
    struct sound sound = hearing_join(0, 12, 300);
    struct heard files[3], streams[3];
    struct live *lives[3];
    struct batch *batch;

    for (size_t i = 0; i < 3; i++) {
        hearing_init(&files[i]);
        hearing_init(&streams[i]);
        const struct batch_options options = hearing_batch_options(&files[i], 0);
        const struct live_options live_opts = hearing_live_options(&streams[i]);
        assert_int_equal(batch_start(engine, hearing_spool_wav(&sound), &options, &batch),
                         ENGINE_OK);
        assert_int_equal(live_open(engine, &live_opts, &lives[i]), ENGINE_OK);
        live_push(lives[i], sound.pcm, i * 320000);
    }
    assert_true(hearing_wait(&streams[2], &streams[2].finals_count, 1)); /* all are at work */
    engine_close(engine);
    for (size_t i = 0; i < 3; i++) {
        /* A file may have been through before; a stream that nobody finished cannot. */
        assert_true(files[i].over);
        assert_true(files[i].end == ENGINE_DRAINING || files[i].end == ENGINE_OK);
        assert_true(streams[i].over && streams[i].end == ENGINE_DRAINING);
        live_push(lives[i], sound.pcm, 320); /* too late, but harmless */
        live_close(lives[i]);
        hearing_finish(&files[i]);
        hearing_finish(&streams[i]);
    }
    free(sound.pcm);
}

static void partials_by_streams_need_a_seed_that_was_taught_so(void **state)
{
    struct engine_options options = {.model = hearing_model,
                                     .workers = 1,
                                     .max_live = 1,
                                     .max_segment_ms = 15000,
                                     .partials = ENGINE_PARTIALS_STREAMS};
    struct fold_model *untaught;
    struct engine *engine;

    assert_int_equal(fold_model_open(&untaught, getenv("FOLDSCRIBE_TEST_DECODER_MODEL"), NULL),
                     FOLD_OK);
    options.model = untaught;
    assert_int_equal(engine_open(&engine, &options), FOLD_ERR_ARGUMENT);
    options.partials = ENGINE_PARTIALS_AUTO; /* windows, whatever the load */
    assert_int_equal(engine_open(&engine, &options), FOLD_OK);
    engine_close(engine);
    fold_model_close(untaught);
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
        cmocka_unit_test(a_file_without_pauses_gives_the_finals_of_its_stream),
        cmocka_unit_test(more_than_allowed_is_refused_as_busy),
        cmocka_unit_test(an_engine_is_idle_until_it_has_work_and_when_that_is_done),
        cmocka_unit_test(closing_the_engine_ends_everything_and_tells),
        cmocka_unit_test(partials_by_streams_need_a_seed_that_was_taught_so),
        cmocka_unit_test(every_end_has_its_codes),
    };
    return cmocka_run_group_tests(tests, hearing_setup, hearing_teardown);
}
