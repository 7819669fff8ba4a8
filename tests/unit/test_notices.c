#include "test.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "notices.h"

static void each_parameter_is_told_once(void **state)
{
    struct notices notices = {.count = 0};

    notices_add(&notices, "tag", "one");
    notices_add(&notices, "tag", "two");
    notices_add(&notices, "", "none");
    json_t *list = notices_json(&notices);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_array_get(list, 0)), "tag: one");
    assert_string_equal(json_string_value(json_array_get(list, 1)), "(no name): none");
    json_decref(list);
}

static void those_that_are_too_many_are_counted_as_more(void **state)
{
    struct notices notices = {.count = 0};
    char name[16];

    for (int i = 0; i < 2 * NOTICES_MOST; i++) {
        snprintf(name, sizeof name, "p%d", i);
        notices_add(&notices, name, "unknown");
    }
    assert_int_equal(notices.count, NOTICES_MOST);
    assert_string_equal(notices.list[NOTICES_MOST - 1].parameter, "and more");
}

static void a_header_holds_whole_lines_of_plain_text(void **state)
{
    struct notices notices = {.count = 0};
    char header[24];

    notices_add(&notices, "\xc3\xa4\r\n", "odd");
    notices_add(&notices, "another", "too long for it");
    notices_header(&notices, header, sizeof header);
    assert_string_equal(header, "????: odd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_parameter_is_told_once),
        cmocka_unit_test(those_that_are_too_many_are_counted_as_more),
        cmocka_unit_test(a_header_holds_whole_lines_of_plain_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
