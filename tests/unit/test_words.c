#include <string.h>

#include "test.h"
#include "words.h"

static void marks_around_a_word_and_capitals_are_taken_off(void **state)
{
    static const char *const rows[][2] = {
        {"Hello,", "hello"},
        {"\"Yes!\"", "yes"},
        {"it's", "it's"},
        {"twenty-one.", "twenty-one"},
        {"3.14", "3.14"},
        {"...", ""},
        {"", ""},
        {"caf\xc3\xa9", "caf\xc3\xa9"},
        {"(A)", "a"},
        {"Mr. Fox", "mr. fox"},
    };
    char to[32];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(words_plain(to, rows[i][0]), strlen(rows[i][1]));
        assert_string_equal(to, rows[i][1]);
    }
}

static void words_are_joined_with_single_spaces(void **state)
{
    static const struct result_word words[] = {
        {"--", 0, 0, 1}, {"One,", 0, 0, 1}, {"--", 0, 0, 1}, {"two.", 0, 0, 1}};
    char *text = words_join(words, 4);

    assert_string_equal(text, "-- One, -- two.");
    free(text);
    text = words_join_plain(words, 4);
    assert_string_equal(text, "one two");
    free(text);
    text = words_join_plain(words, 0);
    assert_string_equal(text, "");
    free(text);
}

static void the_longer_words_of_a_prompt_are_found(void **state)
{
    static const char *const wanted[] = {"Names", "Hawkeye", "Boolooroo", "don't"};
    const char *at = "Names: Hawkeye, \"Boolooroo\" and so on -- [don't]!", *word;
    size_t length;

    for (size_t i = 0; i < 4; i++) {
        assert_non_null(word = words_of_prompt(&at, &length));
        assert_int_equal(length, strlen(wanted[i]));
        assert_memory_equal(word, wanted[i], length);
    }
    assert_null(words_of_prompt(&at, &length));
    assert_null(words_of_prompt(&at, &length));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_around_a_word_and_capitals_are_taken_off),
        cmocka_unit_test(words_are_joined_with_single_spaces),
        cmocka_unit_test(the_longer_words_of_a_prompt_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
