#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "test.h"

/* What one line says on standard error. */
static void capture(char *text, size_t room, bool json, const char *detail)
{
    char path[] = "/tmp/test_log_XXXXXX";
    const int file = mkstemp(path), before = dup(2);

    unlink(path);
    fflush(stderr);
    dup2(file, 2);
    log_setup(LOG_INFO, json);
    log_info("heard", "%s", detail);
    fflush(stderr);
    dup2(before, 2);
    const ssize_t got = pread(file, text, room - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(file);
    close(before);
}

static void text_is_one_line_with_a_priority(void **state)
{
    char line[300];

    capture(line, sizeof line, false, "id=a b=\"c\nd\"");
    assert_string_equal(line, "<6>heard id=a b=\"c d\"\n");
}

static void json_has_a_member_for_each_pair(void **state)
{
    char line[600];

    capture(line, sizeof line, true,
            "id=a-1 n=12 x=-0.50 code=007 reason=\"a \"b\" c\" empty= bare last=\"\\\"");
    json_t *json = json_loads(line, 0, NULL);
    if (!json)
        fail_msg("no JSON: %s", line);
    assert_string_equal(json_string_value(json_object_get(json, "event")), "heard");
    assert_string_equal(json_string_value(json_object_get(json, "level")), "info");
    assert_int_equal(strlen(json_string_value(json_object_get(json, "time"))), 24);
    assert_string_equal(json_string_value(json_object_get(json, "id")), "a-1");
    assert_int_equal(json_integer_value(json_object_get(json, "n")), 12);
    assert_float_equal(json_real_value(json_object_get(json, "x")), -0.5, 0);
    assert_string_equal(json_string_value(json_object_get(json, "code")), "007");
    assert_string_equal(json_string_value(json_object_get(json, "reason")), "a \"b\" c");
    assert_string_equal(json_string_value(json_object_get(json, "empty")), "");
    json_decref(json);
}

static void json_without_pairs_is_still_json(void **state)
{
    char line[300];

    capture(line, sizeof line, true, "");
    json_t *json = json_loads(line, 0, NULL);
    assert_non_null(json);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_one_line_with_a_priority),
        cmocka_unit_test(json_has_a_member_for_each_pair),
        cmocka_unit_test(json_without_pairs_is_still_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
