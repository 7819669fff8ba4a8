#include "test.h"

#include <string.h>

#include "sentences.h"

static void a_mark_ends_a_sentence_unless_it_belongs_to_a_name(void **state)
{
    static const struct {
        const char *word;
        bool ends;
    } rows[] = {{"dawn.", true},  {"who?\"", true}, {"Stop!)", true}, {"dawn", false},
                {"dawn,", false}, {"Mr.", false},   {"\"Dr.", false}, {"J.", false},
                {"I.", true},     {"...", false},   {"a.", true},     {"", false}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct result_word words[] = {{rows[i].word, 0, 1600, 1}, {"He", 3200, 4800, 1}};
        if (sentences_end(words, 2, 0) != rows[i].ends)
            fail_msg("%s", rows[i].word);
        assert_true(sentences_end(words, 1, 0));
    }
}

static void a_long_silence_ends_one_too(void **state)
{
    const struct result_word words[] = {{"and", 0, 1600, 1}, {"then", 17600, 19200, 1}};

    assert_true(sentences_end(words, 2, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_ends_a_sentence_unless_it_belongs_to_a_name),
        cmocka_unit_test(a_long_silence_ends_one_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
