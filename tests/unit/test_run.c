#include "test.h"

#include <math.h>
#include <string.h>

#include "fold.h"

#define SAMPLES 16000
/* Of the model under test, the environment's name for it among them. */
static const struct group {
    const char *name, *model_variable;
    enum fold_precision precision;
    uint32_t hop_samples, unfolds, vocab_size, space;
} * group;
static struct fold_model *model;
static const struct fold_info *info;
static float pcm[SAMPLES];
static float logp[200 * 64], other[200 * 64];

static int open_model(void **state)
{
    struct fold_note note = {{0}};
    (void)state;
    if (fold_model_open_as(&model, getenv(group->model_variable), group->precision, &note) !=
        FOLD_OK)
        fail_msg("%s", note.text);
    info = fold_model_info(model);
    srand(3);
    for (size_t i = 0; i < SAMPLES; i++)
        pcm[i] = 0.3f * sinf((float)i * 0.05f) + 0.1f * ((float)rand() / (float)RAND_MAX - 0.5f);
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    fold_model_close(model);
    return 0;
}

static struct fold_run *open_run(size_t samples)
{
    struct fold_run *run;
    assert_int_equal(fold_run_open(&run, model, samples), FOLD_OK);
    return run;
}

static void to_depth(struct fold_run *run, size_t samples, uint32_t depth, float *out)
{
    assert_int_equal(fold_run_begin(run, pcm, samples), FOLD_OK);
    for (uint32_t r = 0; r < depth; r++)
        assert_int_equal(fold_run_unfold(run), FOLD_OK);
    assert_int_equal(fold_run_exit(run, out), FOLD_OK);
}

static void a_shallow_answer_is_a_prefix_of_a_deeper_run(void **state)
{
    struct fold_run *run = open_run(SAMPLES), *fresh = open_run(SAMPLES);
    (void)state;
    assert_int_equal(fold_run_begin(run, pcm, SAMPLES), FOLD_OK);
    const size_t bytes = fold_frames(model, SAMPLES) * info->vocab_size * sizeof(float);
    for (uint32_t r = 1; r <= info->unfolds; r++) {
        assert_int_equal(fold_run_unfold(run), FOLD_OK);
        assert_int_equal(fold_run_exit(run, logp), FOLD_OK);
        assert_int_equal(fold_run_exit(run, logp), FOLD_OK); /* looking changes nothing */
        to_depth(fresh, SAMPLES, r, other);
        assert_memory_equal(logp, other, bytes);
    }
    fold_run_close(run);
    fold_run_close(fresh);
}

static void the_room_of_a_run_does_not_change_its_answer(void **state)
{
    struct fold_run *roomy = open_run(10 * SAMPLES), *tight = open_run(9000);
    (void)state;
    to_depth(roomy, 9000, info->unfolds, logp);
    to_depth(tight, 9000, info->unfolds, other);
    assert_memory_equal(logp, other, fold_run_frames(tight) * info->vocab_size * sizeof(float));
    fold_run_close(roomy);
    fold_run_close(tight);
}

static void exits_are_log_probabilities(void **state)
{
    struct fold_run *run = open_run(SAMPLES);
    (void)state;
    to_depth(run, SAMPLES, 1, logp);
    for (size_t t = 0; t < fold_run_frames(run); t++) {
        double sum = 0;
        for (size_t i = 0; i < info->vocab_size; i++)
            sum += exp((double)logp[t * info->vocab_size + i]);
        assert_true(fabs(sum - 1) < 1e-5);
    }
    fold_run_close(run);
}

static void calls_out_of_order_are_errors(void **state)
{
    struct fold_run *run = open_run(SAMPLES);
    (void)state;
    assert_int_equal(fold_run_unfold(run), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_run_exit(run, logp), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_run_begin(run, pcm, info->min_samples - 1), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_run_begin(run, pcm, 2 * SAMPLES), FOLD_ERR_TOO_LONG);
    assert_int_equal(fold_run_unfold(run), FOLD_ERR_ARGUMENT);
    to_depth(run, SAMPLES, info->unfolds, logp);
    assert_int_equal(fold_run_unfold(run), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_run_depth(run), info->unfolds);
    fold_run_close(run);
}

static int questions_left;

static bool ask(const void *user)
{
    assert_ptr_equal(user, &questions_left);
    return questions_left-- == 0;
}

static void a_run_stops_when_it_is_told_to_and_can_begin_anew(void **state)
{
    struct fold_run *run = open_run(SAMPLES);
    const size_t bytes = fold_frames(model, SAMPLES) * info->vocab_size * sizeof(float);
    int error = FOLD_ERR_STOPPED, patience = 0;
    (void)state;
    to_depth(run, SAMPLES, 1, other);
    fold_run_set_abort(run, ask, &questions_left);
    for (; error == FOLD_ERR_STOPPED; patience++) {
        questions_left = patience;
        error = fold_run_begin(run, pcm, SAMPLES);
        if (!error)
            error = fold_run_unfold(run);
        if (error)
            assert_int_equal(fold_run_exit(run, logp), FOLD_ERR_ARGUMENT);
    }
    assert_int_equal(error, FOLD_OK);
    /* A second of sound is two slabs of a front end at least, and there are the prelude's blocks
     * and an unfold's. */
    assert_true(patience > 2 + (int)info->prelude);
    assert_int_equal(fold_run_exit(run, logp), FOLD_OK);
    assert_memory_equal(logp, other, bytes);
    questions_left = 0;
    assert_int_equal(fold_run_begin(run, pcm, SAMPLES), FOLD_ERR_STOPPED);
    fold_run_set_abort(run, NULL, NULL);
    to_depth(run, SAMPLES, 1, logp);
    assert_memory_equal(logp, other, bytes);
    fold_run_close(run);
}

static void the_least_audio_gives_one_frame(void **state)
{
    struct fold_run *run = open_run(info->min_samples);
    (void)state;
    assert_int_equal(fold_frames(model, info->min_samples), 1);
    assert_int_equal(fold_frames(model, info->min_samples - 1), 0);
    assert_int_equal(fold_frames(model, info->min_samples + info->hop_samples), 2);
    to_depth(run, info->min_samples, 1, logp);
    assert_true(isfinite(logp[0]));
    fold_run_close(run);
}

static void broken_samples_count_as_silence(void **state)
{
    struct fold_run *run = open_run(SAMPLES);
    float kept[3] = {pcm[100], pcm[5000], pcm[5001]};
    (void)state;
    pcm[100] = NAN;
    pcm[5000] = INFINITY;
    pcm[5001] = -INFINITY;
    to_depth(run, SAMPLES, 1, logp);
    pcm[100] = pcm[5000] = pcm[5001] = 0;
    to_depth(run, SAMPLES, 1, other);
    pcm[100] = kept[0], pcm[5000] = kept[1], pcm[5001] = kept[2];
    assert_memory_equal(logp, other, fold_run_frames(run) * info->vocab_size * sizeof(float));
    fold_run_close(run);
}

/* Audio that a microphone should not give, but some client does. */
static void odd_sound_gives_log_probabilities(void **state)
{
    struct fold_run *run = open_run(SAMPLES);
    static float odd[SAMPLES], loud[SAMPLES];
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        for (size_t i = 0; i < SAMPLES; i++) {
            const float values[] = {0, 1, NAN, i % 2 ? 1 : -1, i % 7 ? 3.4e38f : -3.4e38f, 1e-40f};
            odd[i] = values[kind];
            loud[i] = 9 * pcm[i];
        }
        assert_int_equal(fold_run_begin(run, odd, SAMPLES), FOLD_OK);
        for (uint32_t r = 1; r <= info->unfolds; r++) {
            assert_int_equal(fold_run_unfold(run), FOLD_OK);
            assert_int_equal(fold_run_exit(run, logp), FOLD_OK);
            for (size_t i = 0; i < fold_run_frames(run) * info->vocab_size; i++)
                assert_true(isfinite(logp[i]) && logp[i] <= 1e-5f);
        }
    }
    /* What is louder than full scale counts as full scale. */
    for (size_t i = 0; i < SAMPLES; i++)
        odd[i] = loud[i] > 1 ? 1 : loud[i] < -1 ? -1 : loud[i];
    assert_int_equal(fold_run_begin(run, loud, SAMPLES), FOLD_OK);
    assert_int_equal(fold_run_unfold(run), FOLD_OK);
    assert_int_equal(fold_run_exit(run, logp), FOLD_OK);
    assert_int_equal(fold_run_begin(run, odd, SAMPLES), FOLD_OK);
    assert_int_equal(fold_run_unfold(run), FOLD_OK);
    assert_int_equal(fold_run_exit(run, other), FOLD_OK);
    assert_memory_equal(logp, other, fold_run_frames(run) * info->vocab_size * sizeof(float));
    fold_run_close(run);
}

/* The same bits with int8; with fp32 BLAS may sum in another order. */
static void assert_same_x(const struct fold_run *a, const struct fold_run *b)
{
    const size_t count = fold_run_frames(a) * info->d;
    assert_int_equal(fold_run_frames(a), fold_run_frames(b));
    if (group->precision == FOLD_INT8)
        assert_memory_equal(fold_run_x(a), fold_run_x(b), count * sizeof(float));
    for (size_t i = 0; i < count; i++)
        assert_true(fabsf(fold_run_x(a)[i] - fold_run_x(b)[i]) < 1e-4f);
}

static void companions_do_not_change_a_run(void **state)
{
    enum { RUNS = 5 };
    /* One frame, and lengths that cut slabs anywhere. */
    const size_t samples[RUNS] = {SAMPLES, info->min_samples, 9000, SAMPLES - 400, 5000};
    const float *starts[RUNS];
    struct fold_run *together[RUNS], *alone[RUNS];
    (void)state;
    for (size_t i = 0; i < RUNS; i++) {
        together[i] = open_run(i % 2 ? SAMPLES : samples[i]);
        alone[i] = open_run(SAMPLES);
        starts[i] = pcm + (SAMPLES - samples[i]) / 2;
        assert_int_equal(fold_run_begin(alone[i], starts[i], samples[i]), FOLD_OK);
    }
    assert_int_equal(fold_batch_begin(together, starts, samples, RUNS), FOLD_OK);
    for (size_t i = 0; i < RUNS; i++)
        assert_same_x(together[i], alone[i]);
    /* Run i goes ahead by i % R unfolds alone, so that all depths are in one step. */
    for (size_t i = 0; i < RUNS; i++)
        for (size_t r = 0; r < i % info->unfolds; r++) {
            assert_int_equal(fold_run_unfold(together[i]), FOLD_OK);
            assert_int_equal(fold_run_unfold(alone[i]), FOLD_OK);
        }
    assert_int_equal(fold_batch_unfold(together, RUNS), FOLD_OK);
    for (size_t i = 0; i < RUNS; i++) {
        assert_int_equal(fold_run_unfold(alone[i]), FOLD_OK);
        assert_int_equal(fold_run_depth(together[i]), i % info->unfolds + 1);
        assert_same_x(together[i], alone[i]);
        fold_run_close(together[i]);
        fold_run_close(alone[i]);
    }
}

static void a_batch_that_cannot_go_on_is_refused_whole(void **state)
{
    struct fold_run *runs[] = {open_run(SAMPLES), open_run(SAMPLES)};
    struct fold_run *const twice[] = {runs[0], runs[0]};
    const float *const starts[] = {pcm, pcm};
    const size_t good[] = {SAMPLES, 9000}, too_long[] = {9000, SAMPLES + 1},
                 too_short[] = {9000, 1};
    (void)state;
    assert_int_equal(fold_batch_begin(runs, starts, good, 0), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_batch_begin(runs, starts, good, FOLD_BATCH_MAX + 1), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_batch_begin(twice, starts, good, 2), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_batch_begin(runs, starts, too_long, 2), FOLD_ERR_TOO_LONG);
    assert_int_equal(fold_batch_begin(runs, starts, too_short, 2), FOLD_ERR_ARGUMENT);
    assert_int_equal(fold_batch_unfold(runs, 2), FOLD_ERR_ARGUMENT); /* not begun */
    assert_int_equal(fold_batch_begin(runs, starts, good, 2), FOLD_OK);
    for (uint32_t r = 0; r < info->unfolds; r++)
        assert_int_equal(fold_run_unfold(runs[1]), FOLD_OK);
    assert_int_equal(fold_batch_unfold(runs, 2), FOLD_ERR_ARGUMENT); /* the second is through */
    assert_int_equal(fold_run_depth(runs[0]), 0);
    assert_int_equal(fold_batch_unfold(twice, 2), FOLD_ERR_ARGUMENT);
    fold_run_close(runs[0]);
    fold_run_close(runs[1]);
}

static void a_models_particulars_are_told(void **state)
{
    (void)state;
    assert_int_equal(info->rate_hz, 16000);
    assert_int_equal(info->hop_samples, group->hop_samples);
    assert_int_equal(info->precision, group->precision);
    assert_int_equal(info->unfolds, group->unfolds);
    assert_int_equal(info->vocab_size, group->vocab_size);
    assert_string_equal(info->vocab[group->space], " ");
    assert_true(strstr(getenv(group->model_variable), info->name) != NULL);
    assert_true(info->parameters > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shallow_answer_is_a_prefix_of_a_deeper_run),
        cmocka_unit_test(the_room_of_a_run_does_not_change_its_answer),
        cmocka_unit_test(exits_are_log_probabilities),
        cmocka_unit_test(calls_out_of_order_are_errors),
        cmocka_unit_test(a_run_stops_when_it_is_told_to_and_can_begin_anew),
        cmocka_unit_test(the_least_audio_gives_one_frame),
        cmocka_unit_test(broken_samples_count_as_silence),
        cmocka_unit_test(odd_sound_gives_log_probabilities),
        cmocka_unit_test(companions_do_not_change_a_run),
        cmocka_unit_test(a_batch_that_cannot_go_on_is_refused_whole),
        cmocka_unit_test(a_models_particulars_are_told),
    };
    static const struct group groups[] = {
        {"conv int8", "FOLDSCRIBE_TEST_MODEL", FOLD_INT8, 384, 3, 29, 1},
        {"conv fp32", "FOLDSCRIBE_TEST_MODEL", FOLD_FP32, 384, 3, 29, 1},
        {"feedback int8", "FOLDSCRIBE_TEST_FEEDBACK_MODEL", FOLD_INT8, 384, 3, 29, 1},
        {"feedback fp32", "FOLDSCRIBE_TEST_FEEDBACK_MODEL", FOLD_FP32, 384, 3, 29, 1},
        {"paths int8", "FOLDSCRIBE_TEST_PATHS_MODEL", FOLD_INT8, 384, 3, 29, 1},
        {"paths fp32", "FOLDSCRIBE_TEST_PATHS_MODEL", FOLD_FP32, 384, 3, 29, 1},
        {"base int8", "FOLDSCRIBE_TEST_BASE_MODEL", FOLD_INT8, 320, 2, 32, 4},
        {"base fp32", "FOLDSCRIBE_TEST_BASE_MODEL", FOLD_FP32, 320, 2, 32, 4},
        {"large int8", "FOLDSCRIBE_TEST_LARGE_MODEL", FOLD_INT8, 320, 2, 32, 4},
        {"large fp32", "FOLDSCRIBE_TEST_LARGE_MODEL", FOLD_FP32, 320, 2, 32, 4},
        {"mel int8", "FOLDSCRIBE_TEST_MEL_MODEL", FOLD_INT8, 640, 2, 29, 1},
        {"mel fp32", "FOLDSCRIBE_TEST_MEL_MODEL", FOLD_FP32, 640, 2, 29, 1},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        group = &groups[i];
        failed += cmocka_run_group_tests_name(group->name, tests, open_model, close_model);
    }
    return failed;
}
