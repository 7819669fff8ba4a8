#include <string.h>

#include "hotwords.h"
#include "test.h"

static void a_copy_outlives_what_it_was_made_from(void **state)
{
    char text[] = "foldscribe";
    const struct fold_hotword words[] = {{text, 4.0f}, {"two words", 2.5f}};
    struct hotwords *hotwords = hotwords_copy(words, 2);

    assert_non_null(hotwords);
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(hotwords->count, 2);
    assert_string_equal(hotwords->words[0].text, "foldscribe");
    assert_float_equal(hotwords->words[0].boost, 4.0f, 0);
    assert_string_equal(hotwords->words[1].text, "two words");
    struct hotwords *again = hotwords_ref(hotwords);
    hotwords_unref(hotwords);
    assert_string_equal(again->words[1].text, "two words");
    hotwords_unref(again);
    hotwords_unref(NULL);
}

static void every_copy_has_its_own_id(void **state)
{
    struct hotwords *a = hotwords_copy(NULL, 0), *b = hotwords_copy(NULL, 0);

    assert_non_null(a);
    assert_non_null(b);
    assert_true(a->id != 0 && a->id != b->id);
    hotwords_unref(a);
    hotwords_unref(b);
}

static void words_become_what_is_heard(void **state)
{
    const struct fold_hotword words[] = {{"2026", 1},     {"Caf\xc3\xa9", 1}, {"B2B", 1},
                                         {"McDonald", 1}, {"O'Hara", 1},      {"3rd Avenue", 1}};
    static const char *const heard[] = {"twenty twenty six", "cafe",   "b two b",
                                        "McDonald",          "O'Hara", "third avenue"};
    struct hotwords *hotwords = hotwords_copy(words, 6);

    assert_non_null(hotwords);
    assert_int_equal(hotwords->count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(hotwords->words[i].text, heard[i]);
    assert_string_equal(hotwords->warning, "");
    hotwords_unref(hotwords);
}

static void what_cannot_be_heard_is_dropped_and_named(void **state)
{
    const struct fold_hotword words[] = {{"", 1},
                                         {"  \t", 1},
                                         {"...", 1},
                                         {"\xd0\x9c\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0", 1},
                                         {"conjurer", 3}};
    struct hotwords *hotwords = hotwords_copy(words, 5);

    assert_non_null(hotwords);
    assert_int_equal(hotwords->count, 1);
    assert_string_equal(hotwords->words[0].text, "conjurer");
    assert_non_null(strstr(hotwords->warning, "'...'"));
    assert_non_null(strstr(hotwords->warning, "\xd0\x9c"));
    hotwords_unref(hotwords);
}

static void a_warning_ends_somewhere(void **state)
{
    struct fold_hotword words[200];

    for (size_t i = 0; i < 200; i++)
        words[i] = (struct fold_hotword){"!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!", 1};
    struct hotwords *hotwords = hotwords_copy(words, 200);
    assert_non_null(hotwords);
    assert_int_equal(hotwords->count, 0);
    assert_non_null(strstr(hotwords->warning, "..."));
    hotwords_unref(hotwords);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_outlives_what_it_was_made_from),
        cmocka_unit_test(every_copy_has_its_own_id),
        cmocka_unit_test(words_become_what_is_heard),
        cmocka_unit_test(what_cannot_be_heard_is_dropped_and_named),
        cmocka_unit_test(a_warning_ends_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
