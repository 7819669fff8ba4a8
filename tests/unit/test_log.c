#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static void text_is_one_line_with_its_time(void **state)
{
    char line[300];

    capture(line, sizeof line, false, "id=a b=\"c\nd\"");
    assert_int_equal(strspn(line, "0123456789-T:.Z"), 24);
    assert_string_equal(line + 24, " heard id=a b=\"c d\"\n");
}

static void text_for_journald_has_a_priority_and_no_time(void **state)
{
    int ends[2];
    char line[300], stream[64];
    struct stat st;
    const int before = dup(2);

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fstat(ends[1], &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    fflush(stderr);
    dup2(ends[1], 2);
    log_setup(LOG_INFO, false);
    log_warning("heard", "id=a");
    fflush(stderr);
    dup2(before, 2);
    const ssize_t got = read(ends[0], line, sizeof line - 1);
    line[got > 0 ? got : 0] = '\0';
    assert_string_equal(line, "<4>heard id=a\n");
    /* The variable is inherited by whatever writes elsewhere. */
    capture(line, sizeof line, false, "id=a");
    assert_int_equal(line[0], '2');
    unsetenv("JOURNAL_STREAM");
    close(ends[0]);
    close(ends[1]);
    close(before);
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
        cmocka_unit_test(text_is_one_line_with_its_time),
        cmocka_unit_test(text_for_journald_has_a_priority_and_no_time),
        cmocka_unit_test(json_has_a_member_for_each_pair),
        cmocka_unit_test(json_without_pairs_is_still_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
