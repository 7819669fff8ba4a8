#include "test.h"

#include <math.h>
#include <string.h>

#include "fold.h"

#define SAMPLES 16000
static const char *model_variable; /* the environment's name for the model under test */
static struct fold_model *model;
static const struct fold_info *info;
static float pcm[SAMPLES];
static float logp[200 * 64], other[200 * 64];

static int open_model(void **state)
{
    struct fold_note note = {{0}};
    (void)state;
    if (fold_model_open(&model, getenv(model_variable), &note) != FOLD_OK)
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

static void a_models_particulars_are_told(void **state)
{
    (void)state;
    assert_int_equal(info->rate_hz, 16000);
    assert_int_equal(info->hop_samples, 384);
    assert_int_equal(info->unfolds, 3);
    assert_int_equal(info->vocab_size, 29);
    assert_string_equal(info->vocab[1], " ");
    assert_true(strstr(getenv(model_variable), info->name) != NULL);
    assert_true(info->parameters > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shallow_answer_is_a_prefix_of_a_deeper_run),
        cmocka_unit_test(the_room_of_a_run_does_not_change_its_answer),
        cmocka_unit_test(exits_are_log_probabilities),
        cmocka_unit_test(calls_out_of_order_are_errors),
        cmocka_unit_test(the_least_audio_gives_one_frame),
        cmocka_unit_test(broken_samples_count_as_silence),
        cmocka_unit_test(a_models_particulars_are_told),
    };
    int failed = 0;
    model_variable = "FOLDSCRIBE_TEST_MODEL";
    failed += cmocka_run_group_tests_name("conv", tests, open_model, close_model);
    model_variable = "FOLDSCRIBE_TEST_FEEDBACK_MODEL";
    failed += cmocka_run_group_tests_name("feedback", tests, open_model, close_model);
    return failed;
}
