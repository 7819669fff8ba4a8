#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "profanity.h"

static void swear_words_are_hidden_and_their_neighbours_are_not(void **state)
{
    static const struct result_word words[] = {
        {"Fucking", 0, 10, 0.5f},  {"\"bullshit!\"", 10, 20, 1}, {"bitch's", 20, 30, 1},
        {"Scunthorpe", 30, 40, 1}, {"hell", 40, 50, 1},          {"shitake", 50, 60, 1},
        {"", 60, 70, 1},           {"Dickens.", 70, 80, 1}};
    static const char *const expected[] = {"*******", "\"********!\"", "*****'*", "Scunthorpe",
                                           "hell",    "shitake",       "",        "Dickens."};
    const size_t count = sizeof words / sizeof *words;

    struct result_word *hidden = profanity_hide(words, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(hidden[i].text, expected[i]);
        assert_int_equal(hidden[i].end_samples, words[i].end_samples);
    }
    free(hidden);
    free(profanity_hide(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swear_words_are_hidden_and_their_neighbours_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
