/* Which pieces go together: short ones, while nobody becomes late of it. */
#include "batcher.h"
#include "test.h"

static void an_empty_batch_looks_for_nothing_and_takes_anything(void **state)
{
    const struct batcher empty = {0};

    assert_false(batcher_wants(&empty, 0));
    assert_true(batcher_admits(&empty, 100000, 1e6, -1e6, 0));
}

static void short_pieces_fill_it(void **state)
{
    struct batcher batcher = {0};

    for (size_t i = 0; i < BATCHER_PIECES; i++) {
        assert_int_equal(batcher_wants(&batcher, 0), i > 0);
        assert_true(batcher_admits(&batcher, 30, 5, 500, 0));
        batcher_add(&batcher, 30, 5, 500);
    }
    assert_false(batcher_wants(&batcher, 0));
    assert_false(batcher_admits(&batcher, 30, 5, 500, 0));
}

static void a_long_piece_gains_nothing_from_company(void **state)
{
    struct batcher batcher = {0};

    batcher_add(&batcher, 220, 30, 1000);
    assert_false(batcher_wants(&batcher, 0));
    batcher = (struct batcher){0};
    batcher_add(&batcher, 40, 5, 1000);
    assert_true(batcher_wants(&batcher, 0));
    assert_false(batcher_admits(&batcher, 800, 90, 1000, 0));
}

static void nobody_becomes_late_of_company(void **state)
{
    struct batcher batcher = {0};

    batcher_add(&batcher, 40, 50, 200);
    assert_true(batcher_wants(&batcher, 0));
    assert_false(batcher_wants(&batcher, 150)); /* at 250 both would be done */
    assert_true(batcher_admits(&batcher, 40, 50, 500, 50));
    assert_false(batcher_admits(&batcher, 40, 50, 500, 150));
    assert_false(batcher_admits(&batcher, 40, 50, 120, 50)); /* the newcomer is the urgent one */
    batcher_add(&batcher, 40, 50, 120);
    assert_float_equal(batcher.due_ms, 120, 1e-9);
}

static void when_all_are_late_small_batches_are_the_cure(void **state)
{
    struct batcher batcher = {0};

    batcher_add(&batcher, 40, 10, 0);
    assert_true(batcher_wants(&batcher, 10000));
    assert_true(batcher_admits(&batcher, 40, 10, 0, 10000));
    assert_false(batcher_admits(&batcher, 40, 100, 0, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_batch_looks_for_nothing_and_takes_anything),
        cmocka_unit_test(short_pieces_fill_it),
        cmocka_unit_test(a_long_piece_gains_nothing_from_company),
        cmocka_unit_test(nobody_becomes_late_of_company),
        cmocka_unit_test(when_all_are_late_small_batches_are_the_cure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
