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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_outlives_what_it_was_made_from),
        cmocka_unit_test(every_copy_has_its_own_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
