#include "test.h"

#include <math.h>
#include <string.h>

#include "hypothesis.h"
#include "weights.h"

static struct fold_model *model;
static struct hypothesis hypothesis;
static void *memory;

static int make(void **state)
{
    struct fold_note note = {{0}};
    struct arena at = {NULL, 0};
    (void)state;
    if (fold_model_open(&model, getenv("FOLDSCRIBE_TEST_DECODER_MODEL"), &note))
        fail_msg("%s", note.text);
    hypothesis_allocate(&hypothesis, model, 64, 40, &at);
    memory = aligned_alloc(64, at.used);
    assert_non_null(memory);
    at = (struct arena){memory, 0};
    hypothesis_allocate(&hypothesis, model, 64, 40, &at);
    return 0;
}

static int release(void **state)
{
    (void)state;
    free(memory);
    fold_model_close(model);
    return 0;
}

/* Writes words apart by spaces, every piece with that log-probability. Returns how many words. */
static size_t write_all(const char *text, float logp, size_t *ret_symbols)
{
    uint32_t pieces[64];
    hypothesis_clear(&hypothesis);
    while (*text) {
        const size_t bytes = strcspn(text, " ");
        const size_t count = bpe_encode(&model->decoder.pieces, text, bytes, true, pieces);
        for (size_t i = 0; i < count; i++)
            hypothesis_add(&hypothesis, pieces[i], logp);
        text += bytes + (text[bytes] == ' ');
    }
    return hypothesis_split(&hypothesis, ret_symbols);
}

/* The symbols asked for, as text; '*' for any. */
static const char *symbols_text(size_t count)
{
    static char text[128];
    for (size_t i = 0; i < count; i++)
        text[i] = hypothesis.symbols[i] == ALIGN_ANY ? '*' : model->vocab[hypothesis.symbols[i]][0];
    text[count] = '\0';
    return text;
}

static void words_keep_case_and_marks_and_are_spelled_without(void **state)
{
    size_t symbols;
    (void)state;
    assert_int_equal(write_all("The other one, isn't it?", 0, &symbols), 5);
    assert_string_equal(hypothesis.words[0].text, "The");
    assert_string_equal(hypothesis.words[2].text, "one,");
    assert_string_equal(hypothesis.words[3].text, "isn't");
    assert_string_equal(symbols_text(symbols), "THE OTHER ONE ISN'T IT");
}

static void what_has_no_letters_takes_any_sound(void **state)
{
    size_t symbols;
    (void)state;
    assert_int_equal(write_all("in 1984 the 4th caf\xc3\xa9 'one'", 0, &symbols), 6);
    assert_string_equal(hypothesis.words[1].text, "1984");
    assert_string_equal(hypothesis.words[4].text, "caf\xc3\xa9");
    assert_string_equal(symbols_text(symbols), "IN * THE *TH CAF* ONE");
}

static void marks_alone_are_no_words(void **state)
{
    size_t symbols;
    (void)state;
    assert_int_equal(write_all("one - \"the ... &", 0, &symbols), 3);
    assert_string_equal(hypothesis.words[1].text, "\"the");
    assert_string_equal(hypothesis.words[2].text, "&");
    assert_string_equal(symbols_text(symbols), "ONE THE *");
}

static void bytes_that_are_no_character_are_replaced(void **state)
{
    const uint32_t bytes[] = {3 + 'a', 3 + 0xc3, 3 + 'b', 3 + 0xe2, 3 + 0x82, 3 + 0xac, 3 + 0x07};
    size_t symbols;
    (void)state;
    hypothesis_clear(&hypothesis);
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++)
        hypothesis_add(&hypothesis, bytes[i], 0);
    assert_int_equal(hypothesis_split(&hypothesis, &symbols), 1);
    assert_string_equal(hypothesis.words[0].text, "a\xef\xbf\xbd"
                                                  "b\xe2\x82\xac\xef\xbf\xbd");
}

static void confidence_is_that_of_the_pieces_that_are_no_marks(void **state)
{
    uint32_t pieces[16];
    size_t symbols;
    (void)state;
    hypothesis_clear(&hypothesis);
    const size_t count = bpe_encode(&model->decoder.pieces, "the", 3, true, pieces);
    assert_int_equal(count, 1);
    hypothesis_add(&hypothesis, pieces[0], logf(0.5f));
    bpe_encode(&model->decoder.pieces, "?", 1, false, pieces);
    hypothesis_add(&hypothesis, pieces[0], logf(0.1f)); /* a mark */
    assert_int_equal(bpe_encode(&model->decoder.pieces, "on", 2, true, pieces), 2);
    hypothesis_add(&hypothesis, pieces[0], logf(0.5f));
    hypothesis_add(&hypothesis, pieces[1], logf(0.25f));
    assert_int_equal(hypothesis_split(&hypothesis, &symbols), 2);
    assert_string_equal(hypothesis.words[0].text, "the?");
    assert_float_equal(hypothesis.words[0].confidence, 0.5f, 1e-5f);
    assert_float_equal(hypothesis.words[1].confidence, 0.125f, 1e-5f);
}

static void times_are_those_of_a_words_own_symbols(void **state)
{
    static struct align_times times[40];
    size_t symbols;
    (void)state;
    const size_t count = write_all("one the", 0, &symbols);
    for (uint32_t i = 0; i < symbols; i++)
        times[i] = (struct align_times){10 * i, 10 * i + 3};
    hypothesis_time(&hypothesis, count, times);
    assert_int_equal(hypothesis.words[0].start_frame, 0);
    assert_int_equal(hypothesis.words[0].end_frame, 24); /* N is symbol 2 */
    assert_int_equal(hypothesis.words[1].start_frame, 40);
    assert_int_equal(hypothesis.words[1].end_frame, 64);
}

static void text_too_long_to_align_is_spread(void **state)
{
    size_t symbols;
    (void)state;
    const size_t count =
        write_all("one other one other one other one other one other", 0, &symbols);
    assert_int_equal(symbols, 0); /* more than 40 */
    hypothesis_spread(&hypothesis, count, 100, 180);
    assert_int_equal(hypothesis.words[0].start_frame, 100);
    assert_int_equal(hypothesis.words[count - 1].end_frame, 180);
    for (size_t i = 1; i < count; i++)
        assert_int_equal(hypothesis.words[i].start_frame, hypothesis.words[i - 1].end_frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_keep_case_and_marks_and_are_spelled_without),
        cmocka_unit_test(what_has_no_letters_takes_any_sound),
        cmocka_unit_test(marks_alone_are_no_words),
        cmocka_unit_test(bytes_that_are_no_character_are_replaced),
        cmocka_unit_test(confidence_is_that_of_the_pieces_that_are_no_marks),
        cmocka_unit_test(times_are_those_of_a_words_own_symbols),
        cmocka_unit_test(text_too_long_to_align_is_spread),
    };
    return cmocka_run_group_tests(tests, make, release);
}
