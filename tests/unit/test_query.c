/* A query says the same to HTTP and to WebSocket. */
#include <string.h>

#include "percent.h"
#include "query.h"
#include "test.h"

static void a_query_is_decoded_pair_by_pair(void **state)
{
    static const char *const pairs[][2] = {{"a", "1"}, {"b", "two words"}, {"c", "100% +"},
                                           {"d", ""},  {"e", ""},          {"key", "cut h"}};
    const char *at = "?a=1&&b=two+words&c=100%+%2B&d=&e&key=cut+here";
    char key[4], value[10];

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        const size_t room = i == 5 ? 6 : sizeof value;
        assert_true(query_next(&at, key, sizeof key, value, room));
        assert_string_equal(key, pairs[i][0]);
        assert_string_equal(value, pairs[i][1]);
    }
    assert_false(query_next(&at, key, sizeof key, value, sizeof value));
}

static void what_is_no_percent_encoding_stays_and_a_zero_byte_goes(void **state)
{
    const char *at = "?a=%4&b=%zz%4a%4A&%63=x%00y";
    char key[8], value[16];

    assert_true(query_next(&at, key, sizeof key, value, sizeof value));
    assert_string_equal(value, "%4");
    assert_true(query_next(&at, key, sizeof key, value, sizeof value));
    assert_string_equal(value, "%zzJJ");
    assert_true(query_next(&at, key, sizeof key, value, sizeof value));
    assert_string_equal(key, "c");
    assert_string_equal(value, "xy");
    assert_false(query_next(&at, key, sizeof key, value, sizeof value));
    assert_int_equal(percent_byte("%"), -1);
    assert_int_equal(percent_byte("%00"), 0);
    assert_int_equal(percent_byte("%fF"), 255);
}

static void a_target_without_a_query_has_an_empty_one(void **state)
{
    char key[8], value[8];
    const char *at = query_of("/v1/listen");

    assert_false(query_next(&at, key, sizeof key, value, sizeof value));
    assert_string_equal(query_of("/v1/listen?a=1?b"), "?a=1?b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_decoded_pair_by_pair),
        cmocka_unit_test(what_is_no_percent_encoding_stays_and_a_zero_byte_goes),
        cmocka_unit_test(a_target_without_a_query_has_an_empty_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
