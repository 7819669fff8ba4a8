#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lm.h"

static struct fold_lm *lm;

static int open_lm(void **state)
{
    struct fold_note note = {{0}};
    (void)state;
    if (fold_lm_open(&lm, getenv("FOLDSCRIBE_TEST_LM"), &note) != FOLD_OK)
        fail_msg("%s", note.text);
    return 0;
}

static int close_lm(void **state)
{
    (void)state;
    fold_lm_close(lm);
    return 0;
}

static uint32_t word(const char *text)
{
    uint32_t node = 0;
    for (; *text && node != LM_NONE; text++)
        node = lm_child(lm, node, (uint8_t)(strchr(lm->h.alphabet, *text) - lm->h.alphabet));
    return node == LM_NONE ? LM_NONE : lm_node_word(lm, node);
}

/* log10 as in the ARPA file, from natural. */
static float score10(struct lm_state state, const char *text, struct lm_state *next)
{
    return lm_score(lm, state, word(text), next) / logf(10);
}

static void words_are_found_by_their_letters_and_others_are_not(void **state)
{
    (void)state;
    assert_int_not_equal(word("A"), LM_NONE);
    assert_int_not_equal(word("BAA"), LM_NONE);
    assert_int_not_equal(word("CAN'T"), LM_NONE);
    assert_int_equal(word("BA"), LM_NONE); /* a prefix, not a word */
    assert_int_equal(word("ABA"), LM_NONE);
}

static void words_with_foreign_letters_are_left_out(void **state)
{
    (void)state;
    assert_int_equal(fold_lm_info(lm).words, 5);
}

static void trigrams_bigrams_and_back_offs_are_those_of_the_arpa_file(void **state)
{
    struct lm_state s;
    (void)state;
    assert_float_equal(score10(lm_start(lm), "A", &s), -0.4f, 0.01f);
    assert_float_equal(score10(s, "B", &s), -0.2f, 0.01f);  /* <s> A B */
    assert_float_equal(score10(s, "AB", &s), -0.3f, 0.01f); /* A B AB */
    assert_float_equal(score10(s, "A", &s), -0.7f, 0.01f);  /* AB A; "B AB" has no back-off */
    assert_float_equal(score10(s, "BAA", &s), -0.25f - 1.6f,
                       0.01f); /* back-offs of "AB A" (0) and A */
    assert_float_equal(score10(s, "CAN'T", &s), -0.1f - 2.0f, 0.01f); /* BAA has no bigrams */
    assert_float_equal(lm_score(lm, lm_start(lm), word("AB"), NULL) / logf(10), -0.3f - 1.1f,
                       0.01f);
}

static void every_node_knows_the_best_word_below_it(void **state)
{
    (void)state;
    assert_float_equal(lm_best(lm, 0) / logf(10), -0.8f, 0.01f); /* B */
    const uint32_t c = lm_child(lm, 0, (uint8_t)(strchr(lm->h.alphabet, 'C') - lm->h.alphabet));
    assert_float_equal(lm_best(lm, c) / logf(10), -2.0f, 0.01f);
}

static void any_cut_or_flipped_bit_is_refused(void **state)
{
    struct fold_lm copy;
    struct fold_note note;
    unsigned char *bytes = aligned_alloc(64, (lm->bytes + 63) / 64 * 64);
    (void)state;
    for (size_t count = 0; count < lm->bytes; count += count < 200 ? 1 : 97) {
        memcpy(bytes, lm->map, lm->bytes);
        assert_int_equal(lm_parse(&copy, bytes, count, true, &note), FOLD_ERR_FORMAT);
    }
    for (size_t at = 0; at < lm->bytes; at += 13) {
        memcpy(bytes, lm->map, lm->bytes);
        bytes[at] ^= 16;
        if (lm_parse(&copy, bytes, lm->bytes, true, &note) == FOLD_OK)
            fail_msg("a changed byte %zu was not seen", at);
    }
    free(bytes);
}

static void a_missing_file_is_named(void **state)
{
    struct fold_lm *none;
    struct fold_note note;
    (void)state;
    assert_int_equal(fold_lm_open(&none, "/nonexistent/x.flm", &note), FOLD_ERR_IO);
    assert_non_null(strstr(note.text, "/nonexistent/x.flm"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_found_by_their_letters_and_others_are_not),
        cmocka_unit_test(words_with_foreign_letters_are_left_out),
        cmocka_unit_test(trigrams_bigrams_and_back_offs_are_those_of_the_arpa_file),
        cmocka_unit_test(every_node_knows_the_best_word_below_it),
        cmocka_unit_test(any_cut_or_flipped_bit_is_refused),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, open_lm, close_lm);
}
