#include "test.h"

#include <string.h>

#include "normal.h"

static void assert_normal(const char *text, const char *want)
{
    char got[400];
    fold_normal_form(got, sizeof got, text);
    assert_string_equal(got, want);
}

static void marks_and_case_are_left_out(void **state)
{
    (void)state;
    assert_normal("  \"Well,\" he said - it's Anna's!  ", "WELL HE SAID IT'S ANNA'S");
    assert_normal("'Tis the boys' twenty-one", "TIS THE BOYS TWENTY ONE");
    assert_normal("don\xe2\x80\x99t", "DON'T");
    assert_normal("Caf\xc3\xa9 na\xc3\xafve", "CAFE NAIVE");
    assert_normal("Mr. and Mrs. Drake saw Dr. Mrow", "MISTER AND MISSUS DRAKE SAW DOCTOR MROW");
    assert_normal("bread & butter", "BREAD AND BUTTER");
    assert_normal("", "");
    assert_normal(" ?! ", "");
}

static void numbers_are_spelled_out(void **state)
{
    (void)state;
    assert_normal("0, 7 and 13", "ZERO SEVEN AND THIRTEEN");
    assert_normal("21", "TWENTY ONE");
    assert_normal("100", "ONE HUNDRED");
    assert_normal("342", "THREE HUNDRED FORTY TWO");
    assert_normal("12,000", "TWELVE THOUSAND");
    assert_normal("1,250,003", "ONE MILLION TWO HUNDRED FIFTY THOUSAND THREE");
    assert_normal("3.14", "THREE POINT ONE FOUR");
    assert_normal("$5 or 20%", "FIVE DOLLARS OR TWENTY PERCENT");
    assert_normal("\xc2\xa3"
                  "1",
                  "ONE POUND");
}

static void years_are_read_in_pairs(void **state)
{
    (void)state;
    assert_normal("1984", "NINETEEN EIGHTY FOUR");
    assert_normal("1905", "NINETEEN OH FIVE");
    assert_normal("1800", "EIGHTEEN HUNDRED");
    assert_normal("2000 2005 2013", "TWO THOUSAND TWO THOUSAND FIVE TWENTY THIRTEEN");
    assert_normal("the 1980s", "THE NINETEEN EIGHTIES");
}

static void ordinals_are_ordinals(void **state)
{
    (void)state;
    assert_normal("1st 2nd 3rd 4th", "FIRST SECOND THIRD FOURTH");
    assert_normal("the 5th, 12th and 20th", "THE FIFTH TWELFTH AND TWENTIETH");
    assert_normal("21st", "TWENTY FIRST");
}

static void what_does_not_fit_is_left_out(void **state)
{
    char got[6];
    (void)state;
    fold_normal_form(got, sizeof got, "abcdefgh");
    assert_string_equal(got, "ABCDE");
    fold_normal_form(got, 1, "abc");
    assert_string_equal(got, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_and_case_are_left_out),   cmocka_unit_test(numbers_are_spelled_out),
        cmocka_unit_test(years_are_read_in_pairs),       cmocka_unit_test(ordinals_are_ordinals),
        cmocka_unit_test(what_does_not_fit_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
