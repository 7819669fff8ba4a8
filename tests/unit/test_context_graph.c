#include "test.h"

#include "context_graph.h"

static const char *const vocab[] = {"<blank>", " ", "A", "B", "C"};

static void credit_grows_by_the_letter_and_stays_when_the_phrase_is_whole(void **state)
{
    const struct fold_hotword hot[] = {{"ab c", 8}};
    struct context_graph b;
    float change, total = 0;
    (void)state;
    assert_int_equal(context_graph_init(&b, hot, 1, vocab, 5), FOLD_OK);
    uint32_t s = context_graph_step(&b, 0, 2, &change);
    total += change;
    assert_float_equal(total, 2, 1e-6f);
    s = context_graph_step(&b, s, 3, &change);
    total += change;
    assert_false(context_graph_is_complete(&b, s));
    s = context_graph_end_word(&b, s, 1, &change);
    total += change;
    assert_float_equal(total, 6, 1e-6f);
    s = context_graph_step(&b, s, 4, &change);
    total += change;
    assert_float_equal(total, 8, 1e-6f);
    assert_true(context_graph_is_complete(&b, s));
    assert_int_equal(context_graph_end_word(&b, s, 1, &change), 0);
    assert_float_equal(change, 0, 0);
    context_graph_finish(&b);
}

static void credit_goes_back_when_the_word_turns_out_another(void **state)
{
    const struct fold_hotword hot[] = {{"abc", 6}, {"ab", 1}};
    struct context_graph b;
    float change, total = 0;
    (void)state;
    assert_int_equal(context_graph_init(&b, hot, 2, vocab, 5), FOLD_OK);
    uint32_t s = context_graph_step(&b, 0, 2, &change);
    total += change;
    assert_float_equal(total, 2, 1e-6f);
    s = context_graph_step(&b, s, 2, &change);
    assert_int_equal(s, CONTEXT_GRAPH_DEAD);
    assert_float_equal(total + change, 0, 1e-6f);
    s = context_graph_step(&b, s, 3, &change);
    assert_int_equal(s, CONTEXT_GRAPH_DEAD);
    assert_int_equal(context_graph_end_word(&b, s, 1, &change), 0);
    context_graph_finish(&b);
}

static void texts_without_letters_are_refused_and_none_is_fine(void **state)
{
    const struct fold_hotword hot[] = {{"123", 6}};
    struct context_graph b;
    float change;
    (void)state;
    assert_int_equal(context_graph_init(&b, hot, 1, vocab, 5), FOLD_ERR_ARGUMENT);
    assert_int_equal(context_graph_init(&b, NULL, 0, vocab, 5), FOLD_OK);
    assert_int_equal(context_graph_step(&b, 0, 2, &change), CONTEXT_GRAPH_DEAD);
    context_graph_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credit_grows_by_the_letter_and_stays_when_the_phrase_is_whole),
        cmocka_unit_test(credit_goes_back_when_the_word_turns_out_another),
        cmocka_unit_test(texts_without_letters_are_refused_and_none_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
