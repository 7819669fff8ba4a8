#include "test.h"

#include <math.h>
#include <string.h>

#include "aed.h"

#define SAMPLES 16000
#define PIECES  40
static struct fold_model *model;
static struct fold_run *run;
static const char *model_variable; /* the environment's name for the model under test */
static uint32_t pieces[PIECES];
static enum fold_precision precision;

static int open_model(void **state)
{
    struct fold_note note = {{0}};
    static float pcm[SAMPLES];
    (void)state;
    if (fold_model_open_as(&model, getenv(model_variable), precision, &note))
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

#define TOGETHER 3

/* A workspace and utterances that share it. */
struct table {
    struct aed_workspace workspace;
    struct aed aeds[TOGETHER];
    void *memory;
};

static void open_table(struct table *table, size_t frames)
{
    struct arena at = {NULL, 0};
    size_t measured = 0;
    for (int round = 0; round < 2; round++) {
        aed_workspace_allocate(&table->workspace, model, frames, PIECES, TOGETHER, &at);
        for (size_t i = 0; i < TOGETHER; i++)
            aed_allocate(&table->aeds[i], &table->workspace, model, frames, PIECES, &at);
        if (round) {
            assert_int_equal(at.used, measured);
            continue;
        }
        measured = at.used;
        table->memory = aligned_alloc(64, measured);
        assert_non_null(table->memory);
        memset(table->memory, 0x5a, measured);
        at = (struct arena){table->memory, 0};
    }
}

static const float *read_one(struct table *table, size_t at, const uint32_t *read, size_t rows)
{
    struct aed_lines lines = {&table->aeds[0], at, read, rows, NULL};
    aed_read(&table->workspace, &lines, 1);
    return lines.logits;
}

/* Logits [PIECES, V] read in parts of so many; some of each part twice, as after a wrong guess. */
static float *read_in_parts(size_t most)
{
    const size_t T = fold_run_frames(run), V = model->info.pieces;
    struct table table;
    float *logits = malloc(PIECES * V * sizeof *logits);
    assert_non_null(logits);
    open_table(&table, T + most);
    aed_hear(&table.aeds[0], fold_run_x(run), T, 1);
    for (size_t at = 0, rows; at < PIECES; at += rows) {
        rows = PIECES - at < most ? PIECES - at : most;
        if (most > 2 && rows > 1) {
            uint32_t wrong[AED_ROWS];
            for (size_t i = 0; i < rows; i++)
                wrong[i] = (pieces[at + i] + 1) % model->info.pieces;
            read_one(&table, at, wrong, rows);
        }
        const float *read = read_one(&table, at, pieces + at, rows);
        memcpy(logits + at * V, read, rows * V * sizeof *logits);
    }
    free(table.memory);
    return logits;
}

static void assert_same(const float *a, const float *b, size_t count)
{
    if (precision == FOLD_INT8)
        assert_memory_equal(a, b, count * sizeof *a);
    else
        for (size_t i = 0; i < count; i++)
            assert_float_equal(a[i], b[i], 1e-3f);
}

static void many_pieces_at_once_give_what_one_by_one_gives(void **state)
{
    const size_t V = model->info.pieces;
    float *alone = read_in_parts(1);
    (void)state;
    for (size_t most = 2; most <= AED_ROWS; most += 2) {
        float *together = read_in_parts(most);
        assert_same(together, alone, PIECES * V);
        free(together);
    }
    free(alone);
}

/* Utterance i is without the first i frames, of a depth of its own, and is read i + 1, i + 2, ...
 * pieces in one go. */
static void several_utterances_at_once_give_what_each_alone_gives(void **state)
{
    const size_t T = fold_run_frames(run), V = model->info.pieces, d = model->info.d;
    static const uint32_t depths[TOGETHER] = {1, 3, 2};
    float *alone[TOGETHER];
    struct table table;
    size_t at[TOGETHER] = {0};
    (void)state;
    open_table(&table, T);
    for (size_t i = 0; i < TOGETHER; i++) {
        alone[i] = malloc(PIECES * V * sizeof(float));
        assert_non_null(alone[i]);
        aed_hear(&table.aeds[0], fold_run_x(run) + i * d, T - i, depths[i]);
        for (size_t k = 0; k < PIECES; k++)
            memcpy(alone[i] + k * V, read_one(&table, k, pieces + k, 1), V * sizeof(float));
    }
    for (size_t i = 0; i < TOGETHER; i++)
        aed_hear(&table.aeds[i], fold_run_x(run) + i * d, T - i, depths[i]);
    for (size_t round = 0;; round++) {
        struct aed_lines lines[TOGETHER];
        size_t whose[TOGETHER], count = 0;
        for (size_t i = 0; i < TOGETHER; i++) {
            const size_t wanted = 1 + (i + round) % AED_ROWS, left = PIECES - at[i];
            if (!left)
                continue;
            whose[count] = i;
            lines[count++] = (struct aed_lines){&table.aeds[i], at[i], pieces + at[i],
                                                wanted < left ? wanted : left, NULL};
        }
        if (!count)
            break;
        aed_read(&table.workspace, lines, count);
        for (size_t n = 0; n < count; n++) {
            const size_t i = whose[n];
            assert_same(lines[n].logits, alone[i] + at[i] * V, lines[n].rows * V);
            at[i] += lines[n].rows;
        }
    }
    for (size_t i = 0; i < TOGETHER; i++)
        free(alone[i]);
    free(table.memory);
}

/* Only where a depth is written by layers of its own: one by one, as each is asked for. */
static void an_utterance_is_read_at_the_depth_it_was_heard_at(void **state)
{
    const size_t T = fold_run_frames(run), V = model->info.pieces;
    const bool differ = model->decoder.depths[0].gain != model->decoder.depths[2].gain;
    struct table table;
    float *shallow = read_in_parts(1);
    (void)state;
    open_table(&table, T);
    for (uint32_t depth = 3; depth >= 1; depth--) {
        aed_hear(&table.aeds[0], fold_run_x(run), T, depth);
        for (size_t k = 0; k < PIECES; k++) {
            const float *logits = read_one(&table, k, pieces + k, 1);
            const bool same = !memcmp(logits, shallow + k * V, V * sizeof *logits);
            assert_int_equal(same, depth == 1 || !differ);
        }
    }
    free(shallow);
    free(table.memory);
}

static void one_utterance_leaves_nothing_for_the_next(void **state)
{
    const size_t T = fold_run_frames(run), V = model->info.pieces;
    struct table table;
    float *fresh = read_in_parts(1);
    (void)state;
    open_table(&table, T);
    aed_hear(&table.aeds[0], fold_run_x(run) + model->info.d, T - 1, 1);
    for (size_t at = 0; at < 2 * AED_ROWS; at += AED_ROWS)
        read_one(&table, at, pieces + 7 + at, AED_ROWS);
    aed_hear(&table.aeds[0], fold_run_x(run), T, 1);
    assert_memory_equal(read_one(&table, 0, pieces, 1), fresh, V * sizeof *fresh);
    free(fresh);
    free(table.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_pieces_at_once_give_what_one_by_one_gives),
        cmocka_unit_test(several_utterances_at_once_give_what_each_alone_gives),
        cmocka_unit_test(an_utterance_is_read_at_the_depth_it_was_heard_at),
        cmocka_unit_test(one_utterance_leaves_nothing_for_the_next),
    };
    static const struct {
        const char *name, *variable;
        enum fold_precision precision;
    } groups[] = {
        {"int8", "FOLDSCRIBE_TEST_DECODER_MODEL", FOLD_INT8},
        {"fp32", "FOLDSCRIBE_TEST_DECODER_MODEL", FOLD_FP32},
        {"paths int8", "FOLDSCRIBE_TEST_PATHS_MODEL", FOLD_INT8},
        {"paths fp32", "FOLDSCRIBE_TEST_PATHS_MODEL", FOLD_FP32},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        model_variable = groups[i].variable;
        precision = groups[i].precision;
        failed += cmocka_run_group_tests_name(groups[i].name, tests, open_model, close_model);
    }
    return failed;
}
