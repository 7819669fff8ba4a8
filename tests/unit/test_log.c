#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "test.h"

static void say_fields(const char *id, const char *reason)
{
    log_info("heard", log_text("id", id), log_text("reason", reason), log_count("n", 12),
             log_real("x", -0.5, 2));
}

static void say_event(const char *id, const char *reason)
{
    (void)id, (void)reason;
    log_info("stopped", log_none());
}

/* What say() says on standard error, in that format. */
static void capture_as(char *text, size_t room, const struct log_format *format,
                       void (*say)(const char *, const char *), const char *id, const char *reason)
{
    char path[] = "/tmp/test_log_XXXXXX";
    const int file = mkstemp(path), before = dup(2);

    unlink(path);
    fflush(stderr);
    dup2(file, 2);
    log_use(format);
    say(id, reason);
    log_use(NULL);
    fflush(stderr);
    dup2(before, 2);
    const ssize_t got = pread(file, text, room - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    close(file);
    close(before);
}

static void capture(char *text, size_t room, bool json, const char *id, const char *reason)
{
    const struct log_format format = log_format(LOG_INFO, json);

    capture_as(text, room, &format, say_fields, id, reason);
}

static void text_is_one_line_with_its_time(void **state)
{
    char line[300];

    capture(line, sizeof line, false, "a", "c\nd");
    assert_int_equal(strspn(line, "0123456789-T:.Z"), 24);
    assert_string_equal(line + 24, " heard id=a reason=\"c d\" n=12 x=-0.50\n");
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
    const struct log_format format = log_format(LOG_INFO, false);
    log_use(&format);
    log_warning("heard", log_text("id", "a"));
    log_use(NULL);
    fflush(stderr);
    dup2(before, 2);
    const ssize_t got = read(ends[0], line, sizeof line - 1);
    line[got > 0 ? got : 0] = '\0';
    assert_string_equal(line, "<4>heard id=a\n");
    /* The variable is inherited by whatever writes elsewhere. */
    capture(line, sizeof line, false, "a", "b");
    assert_int_equal(line[0], '2');
    unsetenv("JOURNAL_STREAM");
    close(ends[0]);
    close(ends[1]);
    close(before);
}

static json_t *read_json(const char *line)
{
    json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        fail_msg("no JSON: %s", line);
    return json;
}

static void json_has_a_member_of_its_type_for_each_field(void **state)
{
    char line[600];

    capture(line, sizeof line, true, "007", "a \"b\" \\ c");
    json_t *json = read_json(line);
    assert_string_equal(json_string_value(json_object_get(json, "event")), "heard");
    assert_string_equal(json_string_value(json_object_get(json, "level")), "info");
    assert_int_equal(strlen(json_string_value(json_object_get(json, "time"))), 24);
    assert_string_equal(json_string_value(json_object_get(json, "id")), "007");
    assert_string_equal(json_string_value(json_object_get(json, "reason")), "a \"b\" \\ c");
    assert_int_equal(json_integer_value(json_object_get(json, "n")), 12);
    assert_float_equal(json_real_value(json_object_get(json, "x")), -0.5, 0);
    assert_int_equal(json_object_size(json), 7);
    json_decref(json);
}

/* What a client sends may look like fields. */
static void a_value_forges_no_field(void **state)
{
    static const char *const values[] = {"x\" id=forged level=\"error",
                                         "x id=forged",
                                         "id=forged",
                                         "\",\"id\":\"forged",
                                         "x\\",
                                         "x\n<3>forged id=forged",
                                         ""};
    char line[900], long_value[2000];

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        capture(line, sizeof line, true, "true", values[i]);
        json_t *json = read_json(line);
        assert_string_equal(json_string_value(json_object_get(json, "id")), "true");
        assert_string_equal(json_string_value(json_object_get(json, "reason")), values[i]);
        assert_string_equal(json_string_value(json_object_get(json, "level")), "info");
        json_decref(json);
        capture(line, sizeof line, false, "true", values[i]);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        assert_non_null(strstr(line, " heard id=true reason=\""));
        assert_non_null(strstr(line, "\" n=12 x=-0.50\n"));
    }
    memset(long_value, 'x', sizeof long_value - 1);
    long_value[sizeof long_value - 1] = '\0';
    char whole[2600];
    capture(whole, sizeof whole, true, "true", long_value);
    json_decref(read_json(whole));
}

static void an_event_may_say_it_all(void **state)
{
    const struct log_format format = {.least = LOG_INFO, .json = true};
    char line[300];

    capture_as(line, sizeof line, &format, say_event, NULL, NULL);
    json_t *json = read_json(line);
    assert_int_equal(json_object_size(json), 3);
    assert_string_equal(json_string_value(json_object_get(json, "event")), "stopped");
    json_decref(json);
    capture_as(line, sizeof line, NULL, say_event, NULL, NULL);
    assert_string_equal(line + 24, " stopped\n");
}

static void what_is_less_severe_than_asked_for_is_not_written(void **state)
{
    const struct log_format format = {.least = LOG_WARNING};
    char line[300];

    capture_as(line, sizeof line, &format, say_event, NULL, NULL);
    assert_string_equal(line, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_one_line_with_its_time),
        cmocka_unit_test(text_for_journald_has_a_priority_and_no_time),
        cmocka_unit_test(json_has_a_member_of_its_type_for_each_field),
        cmocka_unit_test(a_value_forges_no_field),
        cmocka_unit_test(an_event_may_say_it_all),
        cmocka_unit_test(what_is_less_severe_than_asked_for_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
