/* A text is written behind words that are given. */
#include "writing.h"

#include <string.h>

#include "aed_decoder.h"
#include "weights.h"

static size_t encoded(const char *text, uint32_t *to)
{
    size_t count = 0;
    for (size_t bytes; (bytes = strcspn(text, " ")); text += bytes + (text[bytes] == ' '))
        count += bpe_encode(&model->decoder.pieces, text, bytes, true, to + count);
    return count;
}

static void a_text_goes_on_behind_what_is_given_whatever_the_draft(void **state)
{
    static const char given[] = "There is";
    uint32_t pieces[400];
    size_t goes_on = 0;
    (void)state;
    const size_t count = encoded(given, pieces);
    const float end = *end_scale();
    *end_scale() = INCLINED * end;
    for (unsigned seed = 0; seed < SOUNDS / 5; seed++) {
        hear(seed, 36000 + 2000 * (seed % 7));
        pretend(70);
        const struct result free_text = write_behind(NULL, NULL);
        assert_int_equal(free_text.written.prefix_words, 0);
        assert_int_equal(write_behind("  ", NULL).count, free_text.count);
        const struct result got = write_behind(given, NULL);
        assert_int_equal(got.written.prefix_words, 2);
        assert_true(got.count >= count && got.written.words_count >= 2);
        assert_int_equal(got.written.pieces, got.count - count);
        assert_memory_equal(got.pieces, pieces, count * sizeof *pieces);
        goes_on += got.written.words_count > 2;
        /* Any draft, the right one included, is read in other portions. */
        const char *drafts[] = {text_of(&got), "thy other tide", given, text_of(&free_text)};
        for (size_t i = 0; i < 4; i++) {
            const struct result again = write_behind(given, drafts[i]);
            assert_same(&again, &got);
            assert_true(again.written.mean_logp == got.written.mean_logp);
        }
    }
    *end_scale() = end;
    assert_true(goes_on > 0);
}

static void other_texts_begin_with_what_is_given_too(void **state)
{
    uint32_t pieces[400], others = 0;
    (void)state;
    const size_t count = encoded("Thy other", pieces);
    const float end = *end_scale();
    *end_scale() = INCLINED * end;
    for (unsigned seed = 0; seed < SOUNDS / 3; seed++) {
        uint32_t texts;
        hear(seed, 36000 + 2000 * (seed % 7));
        pretend(2);
        struct result got = write_behind("Thy other", NULL);
        size_t letters;
        if (got.written.doubt == FOLD_DOUBT_LOOP)
            continue;
        pretend_to_hear(text_of(&got), &letters);
        got = write_behind("Thy other", NULL);
        if (got.written.doubt)
            continue;
        const float sum = sum_of(&got.written);
        assert_int_equal(fold_aed_rescore(writer, 16, &got.written), FOLD_OK);
        assert_true(sum_of(&got.written) >= sum);
        assert_int_equal(fold_aed_alternatives(writer, 5, &texts), FOLD_OK);
        for (uint32_t rank = 0; rank < texts; rank++) {
            struct fold_written other;
            size_t all;
            assert_int_equal(fold_aed_alternative(writer, rank, &other), FOLD_OK);
            const uint32_t *said = aed_decoder_pieces(writer, &all);
            assert_int_equal(other.prefix_words, 2);
            assert_int_equal(other.pieces, all - count);
            assert_memory_equal(said, pieces, count * sizeof *pieces);
        }
        others += texts - 1;
    }
    *end_scale() = end;
    assert_true(others > 0);
}

static void what_is_given_must_leave_room_for_more(void **state)
{
    static char given[4096];
    (void)state;
    hear(3, 24000);
    pretend(40);
    for (size_t i = 0; i + 8 < sizeof given; i += 8)
        memcpy(given + i, "another ", 8);
    assert_int_equal(write_behind(given, NULL).written.doubt, FOLD_DOUBT_LENGTH);
    memset(given, 'a', sizeof given - 1);
    assert_int_equal(write_behind(given, NULL).written.doubt, FOLD_DOUBT_LENGTH);
    pretend(0);
    assert_int_equal(write_behind("There is", NULL).written.doubt, FOLD_DOUBT_SILENCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_goes_on_behind_what_is_given_whatever_the_draft),
        cmocka_unit_test(other_texts_begin_with_what_is_given_too),
        cmocka_unit_test(what_is_given_must_leave_room_for_more),
    };
    writing_variable = "FOLDSCRIBE_TEST_DECODER_MODEL";
    const int failed =
        cmocka_run_group_tests_name("every layer", tests, writing_open, writing_close);
    writing_variable = "FOLDSCRIBE_TEST_PATHS_MODEL";
    return failed + cmocka_run_group_tests_name("paths", tests, writing_open, writing_close);
}
