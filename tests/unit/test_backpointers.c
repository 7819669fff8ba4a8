#include "test.h"

#include "backpointers.h"

static void collecting_keeps_what_leaves_reach_in_order(void **state)
{
    struct backpointers t;
    (void)state;
    assert_int_equal(backpointers_init(&t), FOLD_OK);
    const uint32_t a = backpointers_add(&t, BACKPOINTERS_NONE, 1, 5, -1),
                   dead = backpointers_add(&t, a, 2, 6, -1);
    uint32_t b = backpointers_add(&t, a, 3, 7, -2), c = backpointers_add(&t, dead, 4, 8, -1),
             none = BACKPOINTERS_NONE;
    (void)c;
    uint32_t *leaves[] = {&b, &none};
    assert_int_equal(backpointers_collect(&t, leaves, 2, 10), FOLD_OK);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.nodes[b].frame, 3);
    assert_int_equal(t.nodes[t.nodes[b].parent].letter, 5);
    assert_int_equal(t.nodes[t.nodes[b].parent].parent, BACKPOINTERS_NONE);
    assert_int_equal(none, BACKPOINTERS_NONE);
    backpointers_finish(&t);
}

static void memory_follows_the_text_and_not_the_work(void **state)
{
    struct backpointers t;
    uint32_t tip = BACKPOINTERS_NONE, *leaf = &tip;
    (void)state;
    assert_int_equal(backpointers_init(&t), FOLD_OK);
    for (uint32_t i = 0; i < 200000; i++) {
        if (backpointers_is_full(&t, 2))
            assert_int_equal(backpointers_collect(&t, &leaf, 1, 2), FOLD_OK);
        const uint32_t kept = backpointers_add(&t, tip, i, 1, 0);
        backpointers_add(&t, tip, i, 2, 0); /* a hypothesis that dies */
        if (i % 100 == 0)
            tip = kept;
    }
    assert_true(t.room < 10000);
    size_t letters = 0;
    for (uint32_t i = tip; i != BACKPOINTERS_NONE; i = t.nodes[i].parent)
        letters++;
    assert_int_equal(letters, 2000);
    backpointers_finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collecting_keeps_what_leaves_reach_in_order),
        cmocka_unit_test(memory_follows_the_text_and_not_the_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
