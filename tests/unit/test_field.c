#include "test.h"

#include <string.h>

#include "field.h"

static void booleans_come_in_the_spellings_of_programs(void **state)
{
    static const char *const yes[] = {"true", "True", "TRUE", "1", "yes", "on"};
    static const char *const no[] = {"false", "False", "0", "no", "Off"};
    static const char *const neither[] = {"", "2", "perhaps", " true", "nan"};
    struct field_error err;
    bool value;

    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        assert_int_equal(field_truth(&value, "f", yes[i], &err), 0);
        assert_true(value);
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        assert_int_equal(field_truth(&value, "f", no[i], &err), 0);
        assert_false(value);
    }
    for (size_t i = 0; i < sizeof neither / sizeof *neither; i++)
        assert_int_equal(field_truth(&value, "f", neither[i], &err), -1);
    assert_string_equal(err.message, "f=nan: must be true or false");
}

static void english_has_many_names_and_other_languages_are_refused_by_theirs(void **state)
{
    static const char *const english[] = {"en",      "EN", "en-US", "en_GB", "eng",       "eng-US",
                                          "English", "",   "null",  "None",  "undefined", "auto"};
    static const char *const others[] = {"de", "ger",   "enm",   "multi",
                                         "e",  "fr-CA", "nullx", "englishenglishenglish"};
    struct field_error err;
    bool is_auto;

    for (size_t i = 0; i < sizeof english / sizeof *english; i++) {
        if (field_language(&is_auto, "language", english[i], &err) != 0)
            fail_msg("%s", err.message);
        assert_int_equal(is_auto, strcmp(english[i], "auto") == 0);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(field_language(NULL, "language", others[i], &err), -1);
        assert_int_equal(err.fault, FIELD_UNSUPPORTED);
        assert_non_null(strstr(err.message, others[i]));
    }
}

static void numbers_are_whole_and_within_bounds(void **state)
{
    static const char *const wrong[] = {
        "", "0", "4", "+1", " 1", "1.0", "1e0", "0x1", "18446744073709551617"};
    struct field_error err;
    uint32_t value = 7;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(field_whole(&value, "n", wrong[i], 1, 3, &err), -1);
    assert_int_equal(value, 7);
    assert_int_equal(field_whole(&value, "n", "3", 1, 3, &err), 0);
    assert_int_equal(value, 3);
}

static void what_is_wrong_is_whole_text(void **state)
{
    struct field_error err;

    assert_int_equal(field_fail(&err, FIELD_INVALID, "\xff", "%s", "a\xc3"), -1);
    assert_string_equal(err.field, "?");
    assert_string_equal(err.message, "a?");
    assert_int_equal(field_status(FIELD_NO_MODEL), 404);
    assert_string_equal(field_code(FIELD_NO_MODEL), "model_not_found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(booleans_come_in_the_spellings_of_programs),
        cmocka_unit_test(english_has_many_names_and_other_languages_are_refused_by_theirs),
        cmocka_unit_test(numbers_are_whole_and_within_bounds),
        cmocka_unit_test(what_is_wrong_is_whole_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
