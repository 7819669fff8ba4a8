/* A stream follows a growing segment: what it hears when, and where it begins anew. */
#include <string.h>

#include "incremental_partials.h"
#include "test.h"
#include "worker.h"

#define SECONDS 20
#define LEAD    INCREMENTAL_PARTIALS_LEAD_SAMPLES

static struct fold_model *model;
static const struct fold_info *info;
static struct fold_run *run;
static float pcm[SECONDS * 16000];
static int64_t chunk, ahead;

static int setup(void **state)
{
    if (fold_model_open(&model, getenv("FOLDSCRIBE_TEST_MODEL"), NULL))
        return -1;
    info = fold_model_info(model);
    chunk = (int64_t)info->chunk_frames * info->hop_samples;
    ahead = (int64_t)info->min_samples - info->hop_samples;
    for (size_t i = 0; i < sizeof pcm / sizeof *pcm; i++)
        pcm[i] = (float)((int64_t)(i * 7919 % 2003) - 1001) / 5e3f;
    return fold_run_open(&run, model, incremental_partials_run_samples(model));
}

static int teardown(void **state)
{
    fold_run_close(run);
    fold_model_close(model);
    return 0;
}

/* The segment that began at sample 5000, until there. */
static struct endpointer_segment until(int64_t end_samples)
{
    return (struct endpointer_segment){
        .pcm = pcm, .count = (size_t)(end_samples - 5000), .start_samples = 5000};
}

/* The window's words before `from` are settled, with half a second of context. */
static enum incremental_partials_aim aim_at(struct incremental_partials *f,
                                            const struct endpointer_segment *sound, int64_t from)
{
    const struct windowed_partials window = {.start_samples = from ? from - 8000 : 0,
                                             .settled_samples = from};

    return incremental_partials_aim(f, sound, &window);
}

/* Hears what was aimed at and reads it; the frames that are then in the run, without the silence.
 */
static size_t hear(struct incremental_partials *f, const struct endpointer_segment *sound)
{
    const size_t samples = f->unheard_samples + INCREMENTAL_PARTIALS_TAIL_SAMPLES;
    const size_t tail = fold_frames(model, INCREMENTAL_PARTIALS_TAIL_SAMPLES + (size_t)ahead);
    float *unheard = malloc(samples * sizeof *unheard);
    int64_t first_samples;

    assert_non_null(unheard);
    incremental_partials_copy(f, sound, unheard);
    assert_int_equal(fold_stream_hear(f->stream, run, unheard, samples, 1), FOLD_OK);
    assert_int_equal(incremental_partials_read(f, run, &first_samples), FOLD_OK);
    free(unheard);
    const int64_t frames = (int64_t)(fold_run_frames(run) - tail);
    assert_int_equal(first_samples + frames * info->hop_samples + ahead, f->until_samples);
    return (size_t)frames;
}

static void only_whole_chunks_are_heard_each_once(void **state)
{
    struct incremental_partials f;
    size_t heard = 0;

    assert_int_equal(incremental_partials_open(&f, model, 1), FOLD_OK);
    for (int64_t end = 5000; end < 5000 + 6 * 16000; end += 400) {
        const struct endpointer_segment sound = until(end);
        const enum incremental_partials_aim aim = aim_at(&f, &sound, 0);
        const int64_t whole = (end - 5000 + LEAD - ahead) / chunk;
        assert_int_equal(aim, whole > (int64_t)heard ? INCREMENTAL_PARTIALS_READY
                                                     : INCREMENTAL_PARTIALS_WAIT);
        if (aim != INCREMENTAL_PARTIALS_READY)
            continue;
        heard = (size_t)whole;
        assert_int_equal(f.until_samples, 5000 - LEAD + whole * chunk + ahead);
        assert_int_equal(hear(&f, &sound), heard * info->chunk_frames);
    }
    assert_true(heard > 10);
    incremental_partials_close(&f);
}

static void before_the_sound_there_is_silence(void **state)
{
    const struct endpointer_segment sound = until(5000 + 3 * chunk);
    struct incremental_partials f;

    assert_int_equal(incremental_partials_open(&f, model, 1), FOLD_OK);
    assert_int_equal(aim_at(&f, &sound, 0), INCREMENTAL_PARTIALS_READY);
    assert_int_equal(f.from_samples, 5000);
    float *got = malloc((f.unheard_samples + INCREMENTAL_PARTIALS_TAIL_SAMPLES) * sizeof *got);
    assert_non_null(got);
    incremental_partials_copy(&f, &sound, got);
    for (size_t i = 0; i < LEAD; i++)
        assert_true(got[i] == 0);
    assert_memory_equal(got + LEAD, pcm, (f.unheard_samples - LEAD) * sizeof *got);
    for (size_t i = 0; i < INCREMENTAL_PARTIALS_TAIL_SAMPLES; i++) /* and behind it */
        assert_true(got[f.unheard_samples + i] == 0);
    free(got);
    incremental_partials_close(&f);
}

static void the_window_may_move_on(void **state)
{
    struct incremental_partials f;
    int64_t from = 0;

    assert_int_equal(incremental_partials_open(&f, model, 1), FOLD_OK);
    for (int64_t end = 5000 + 16000; end < 5000 + 16000 * SECONDS; end += 8000) {
        const struct endpointer_segment sound = until(end);
        if (end - from > 4 * 16000)
            from = end - 2 * 16000;
        assert_int_equal(aim_at(&f, &sound, from), INCREMENTAL_PARTIALS_READY);
        assert_int_equal(f.begun_samples, 5000 - LEAD); /* nothing is heard twice */
        const size_t frames = hear(&f, &sound);
        const int64_t begins = f.until_samples - ahead - (int64_t)frames * info->hop_samples;
        assert_in_range(begins,
                        f.from_samples - (f.from_samples == 5000 ? LEAD : info->hop_samples),
                        f.from_samples);
    }
    incremental_partials_close(&f);
}

static void what_is_too_far_back_is_for_a_run_and_then_it_begins_anew(void **state)
{
    const struct endpointer_segment brief = until(5000 + 2 * 16000),
                                    lengthy = until(5000 + 9 * 16000);
    struct incremental_partials f;

    assert_int_equal(incremental_partials_open(&f, model, 1), FOLD_OK);
    assert_int_equal(aim_at(&f, &brief, 0), INCREMENTAL_PARTIALS_READY);
    hear(&f, &brief);
    assert_int_equal(aim_at(&f, &lengthy, 0), INCREMENTAL_PARTIALS_TOO_FAR);
    assert_int_equal(aim_at(&f, &lengthy, 5000 + 6 * 16000), INCREMENTAL_PARTIALS_READY);
    assert_int_equal(f.begun_samples, 5000 + 6 * 16000 - 8000 - LEAD);
    const int64_t heard = (3 * 16000 + 8000 + LEAD - ahead) / chunk * info->chunk_frames;
    assert_int_equal(hear(&f, &lengthy), heard - (8000 + LEAD) / info->hop_samples);
    incremental_partials_close(&f);
}

static void what_it_has_missed_is_heard_later_and_another_segment_anew(void **state)
{
    const struct endpointer_segment brief = until(5000 + 2 * 16000),
                                    longer = until(5000 + 5 * 16000);
    struct endpointer_segment next = until(5000 + 8 * 16000);
    struct incremental_partials f;

    assert_int_equal(incremental_partials_open(&f, model, 1), FOLD_OK);
    assert_int_equal(aim_at(&f, &brief, 0), INCREMENTAL_PARTIALS_READY);
    hear(&f, &brief);
    /* A partial in between was of a run, and settled what the stream has not heard. */
    assert_int_equal(aim_at(&f, &longer, 5000 + 3 * 16000), INCREMENTAL_PARTIALS_READY);
    assert_int_equal(f.begun_samples, 5000 - LEAD);
    hear(&f, &longer);
    next.start_samples += 6 * 16000; /* even if nobody said that the segment is over */
    next.pcm += 6 * 16000;
    next.count -= 6 * 16000;
    assert_int_equal(aim_at(&f, &next, 0), INCREMENTAL_PARTIALS_READY);
    assert_int_equal(f.begun_samples, next.start_samples - LEAD);
    hear(&f, &next);
    incremental_partials_forget(&f);
    assert_int_equal(aim_at(&f, &brief, 0), INCREMENTAL_PARTIALS_READY);
    assert_int_equal(f.begun_samples, 5000 - LEAD);
    incremental_partials_close(&f);
}

static void a_seed_that_was_not_taught_so_cannot(void **state)
{
    struct fold_model *other;
    struct incremental_partials f;

    assert_true(incremental_partials_bytes(model, 1) > 0);
    assert_true(incremental_partials_bytes(model, info->unfolds) >
                incremental_partials_bytes(model, 1));
    assert_int_equal(incremental_partials_bytes(model, info->unfolds + 1), 0);
    assert_int_equal(fold_model_open(&other, getenv("FOLDSCRIBE_TEST_DECODER_MODEL"), NULL),
                     FOLD_OK);
    assert_int_equal(incremental_partials_bytes(other, 1), 0);
    assert_int_equal(incremental_partials_open(&f, other, 1), FOLD_ERR_ARGUMENT);
    incremental_partials_close(&f);
    fold_model_close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_whole_chunks_are_heard_each_once),
        cmocka_unit_test(before_the_sound_there_is_silence),
        cmocka_unit_test(the_window_may_move_on),
        cmocka_unit_test(what_is_too_far_back_is_for_a_run_and_then_it_begins_anew),
        cmocka_unit_test(what_it_has_missed_is_heard_later_and_another_segment_anew),
        cmocka_unit_test(a_seed_that_was_not_taught_so_cannot),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
