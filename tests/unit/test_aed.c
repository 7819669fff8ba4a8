#include "test.h"

#include <math.h>
#include <string.h>

#include "aed.h"

#define SAMPLES 16000
#define PIECES  40
static struct fold_model *model;
static struct fold_run *run;
static uint32_t pieces[PIECES];
static enum fold_precision precision;

static int open_model(void **state)
{
    struct fold_note note = {{0}};
    static float pcm[SAMPLES];
    (void)state;
    if (fold_model_open_as(&model, getenv("FOLDSCRIBE_TEST_DECODER_MODEL"), precision, &note))
        fail_msg("%s", note.text);
    srand(5);
    for (size_t i = 0; i < SAMPLES; i++)
        pcm[i] = 0.3f * sinf((float)i * 0.03f) + 0.1f * ((float)rand() / (float)RAND_MAX - 0.5f);
    for (size_t i = 0; i < PIECES; i++)
        pieces[i] = i ? (uint32_t)rand() % model->info.pieces : BPE_BEGIN;
    assert_int_equal(fold_run_open(&run, model, SAMPLES), FOLD_OK);
    assert_int_equal(fold_run_begin(run, pcm, SAMPLES), FOLD_OK);
    assert_int_equal(fold_run_unfold(run), FOLD_OK);
    return 0;
}

static int close_model(void **state)
{
    (void)state;
    fold_run_close(run);
    fold_model_close(model);
    return 0;
}

static void *open_aed(struct aed *aed, size_t frames)
{
    struct place at = {NULL, 0};
    aed_place(aed, model, frames, PIECES, &at);
    const size_t measured = at.used;
    void *memory = aligned_alloc(64, measured);
    assert_non_null(memory);
    memset(memory, 0x5a, measured);
    at = (struct place){memory, 0};
    aed_place(aed, model, frames, PIECES, &at);
    assert_int_equal(at.used, measured);
    return memory;
}

/* Logits [PIECES, V] read in parts of so many; some of each part twice, as after a wrong guess. */
static float *read_in_parts(size_t most)
{
    const size_t T = fold_run_frames(run), V = model->info.pieces;
    struct aed aed;
    void *memory = open_aed(&aed, T + most);
    float *logits = malloc(PIECES * V * sizeof *logits);
    assert_non_null(logits);
    aed_hear(&aed, fold_run_x(run), T);
    for (size_t at = 0, rows; at < PIECES; at += rows) {
        rows = PIECES - at < most ? PIECES - at : most;
        if (most > 2 && rows > 1) {
            uint32_t wrong[AED_ROWS];
            for (size_t i = 0; i < rows; i++)
                wrong[i] = (pieces[at + i] + 1) % model->info.pieces;
            aed_read(&aed, at, wrong, rows);
        }
        aed_read(&aed, at, pieces + at, rows);
        memcpy(logits + at * V, aed.logits, rows * V * sizeof *logits);
    }
    free(memory);
    return logits;
}

static void many_pieces_at_once_give_what_one_by_one_gives(void **state)
{
    const size_t V = model->info.pieces;
    float *alone = read_in_parts(1);
    (void)state;
    for (size_t most = 2; most <= AED_ROWS; most += 2) {
        float *together = read_in_parts(most);
        if (precision == FOLD_INT8)
            assert_memory_equal(together, alone, PIECES * V * sizeof *alone);
        else
            for (size_t i = 0; i < PIECES * V; i++)
                assert_float_equal(together[i], alone[i], 1e-3f);
        free(together);
    }
    free(alone);
}

static void one_utterance_leaves_nothing_for_the_next(void **state)
{
    const size_t T = fold_run_frames(run), V = model->info.pieces;
    struct aed aed;
    void *memory = open_aed(&aed, T);
    float *fresh = read_in_parts(1);
    (void)state;
    aed_hear(&aed, fold_run_x(run) + model->info.d, T - 1);
    for (size_t at = 0; at < 2 * AED_ROWS; at += AED_ROWS)
        aed_read(&aed, at, pieces + 7 + at, AED_ROWS);
    aed_hear(&aed, fold_run_x(run), T);
    aed_read(&aed, 0, pieces, 1);
    assert_memory_equal(aed.logits, fresh, V * sizeof *fresh);
    free(fresh);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_pieces_at_once_give_what_one_by_one_gives),
        cmocka_unit_test(one_utterance_leaves_nothing_for_the_next),
    };
    precision = FOLD_INT8;
    const int failed = cmocka_run_group_tests_name("int8", tests, open_model, close_model);
    precision = FOLD_FP32;
    return failed + cmocka_run_group_tests_name("fp32", tests, open_model, close_model);
}
