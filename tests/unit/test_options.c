/* Settings: flags win over the environment, that over a file; what is wrong is named. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "options.h"
#include "test.h"

#define MOST 12

static struct options options;
/* What went to standard error and output. */
static char said[20000];

/* Everything that options_read says is in `said` then. */
static enum options_outcome read_args(int count, char **args)
{
    char path[] = "/tmp/test_options_XXXXXX", *argv[MOST + 1] = {"foldscribed"};
    const int file = mkstemp(path), error = dup(2), output = dup(1);

    assert_true(file >= 0 && count < MOST);
    unlink(path);
    if (count)
        memcpy(argv + 1, args, (size_t)count * sizeof *args);
    fflush(stdout);
    dup2(file, 2);
    dup2(file, 1);
    memset(&options, 0xff, sizeof options);
    const enum options_outcome outcome = options_read(&options, count + 1, argv);
    fflush(stdout);
    dup2(error, 2);
    dup2(output, 1);
    const ssize_t got = pread(file, said, sizeof said - 1, 0);
    said[got > 0 ? got : 0] = '\0';
    close(file);
    close(error);
    close(output);
    return outcome;
}
#define READ(...)                                                                                  \
    read_args((int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)), (char *[]){__VA_ARGS__})

static char *write_file(const char *text)
{
    static char path[40];
    strcpy(path, "/tmp/test_options_XXXXXX");
    const int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static void what_nobody_sets_has_its_default(void **state)
{
    assert_int_equal(read_args(0, NULL), OPTIONS_RUN);
    assert_string_equal(options.listen, "127.0.0.1:8080");
    assert_string_equal(options.model, "");
    assert_int_equal(options.idle_s, 10);
    assert_int_equal(options.max_segment_ms, 20000);
    assert_string_equal(said, "");
}

static void a_list_grows_each_time_it_is_said_wherever_that_is(void **state)
{
    char *path = write_file("alias = a=foldscribe@1\n"), long_one[OPTIONS_LIST];

    setenv("FOLDSCRIBE_ALIAS", "b=a", 1);
    assert_int_equal(READ("--config", path, "--alias", "c=b", "--alias=d=c"), OPTIONS_RUN);
    assert_string_equal(options.alias, "a=foldscribe@1,b=a,c=b,d=c");
    unsetenv("FOLDSCRIBE_ALIAS");
    memset(long_one, 'a', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    assert_int_equal(READ("--alias", "e=f", "--alias", long_one), OPTIONS_BAD);
    assert_non_null(strstr(said, "--alias: all of them are longer than 8191 characters"));
    unlink(path);
}

static void flags_win_over_the_environment_and_that_over_the_file(void **state)
{
    char *path = write_file("# a comment\n\n  idle-s =  21 \t\nquiet-s=22\nlongest-s = 23\r\n"
                            "model = a file.safetensors\n");

    setenv("FOLDSCRIBE_QUIET_S", "32", 1);
    setenv("FOLDSCRIBE_LONGEST_S", "33", 1);
    assert_int_equal(READ("--longest-s=43", "--config", path, "--lm", "x=y"), OPTIONS_RUN);
    unsetenv("FOLDSCRIBE_QUIET_S");
    unsetenv("FOLDSCRIBE_LONGEST_S");
    unlink(path);
    assert_int_equal(options.idle_s, 21);
    assert_int_equal(options.quiet_s, 32);
    assert_int_equal(options.longest_s, 43);
    assert_string_equal(options.model, "a file.safetensors");
    assert_string_equal(options.lm, "x=y");
}

static void a_number_has_its_bounds_and_nothing_behind_it(void **state)
{
    static char *const wrong[] = {"0", "3601", "1.5", "ten",
                                  "",  "10s",  "-1",  "99999999999999999999"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(READ("--idle-s", wrong[i]), OPTIONS_BAD);
        assert_non_null(strstr(said, "--idle-s: '"));
        assert_non_null(strstr(said, "is not a whole number from 1 to 3600"));
    }
    assert_int_equal(READ("--idle-s", "3600"), OPTIONS_RUN);
    assert_int_equal(options.idle_s, 3600);
    assert_int_equal(READ("--drain-grace-ms", "0"), OPTIONS_RUN);
    assert_int_equal(options.drain_grace_ms, 0);
}

static void what_is_no_setting_is_named_with_where_it_stands(void **state)
{
    static char long_value[OPTIONS_TEXT + 1];

    assert_int_equal(READ("--no-such", "1"), OPTIONS_BAD);
    assert_non_null(strstr(said, "--no-such: no such setting"));
    assert_int_equal(READ("idle-s", "1"), OPTIONS_BAD);
    assert_non_null(strstr(said, "idle-s: expected --flag value"));
    assert_int_equal(READ("--idle-s"), OPTIONS_BAD);
    memset(long_value, 'x', OPTIONS_TEXT);
    assert_int_equal(READ("--model", long_value), OPTIONS_BAD);
    assert_non_null(strstr(said, "--model: longer than 511 characters"));
    setenv("FOLDSCRIBE_IDLE_S", "x", 1);
    assert_int_equal(read_args(0, NULL), OPTIONS_BAD);
    assert_non_null(strstr(said, "environment, idle-s: 'x'"));
    unsetenv("FOLDSCRIBE_IDLE_S");
}

static void a_line_of_the_file_that_is_wrong_is_named_by_its_number(void **state)
{
    static const struct {
        const char *text, *message;
    } rows[] = {{"idle-s = 20\nnonsense\n", "line 2"},
                {"\n\nidle-s = 0\n", "line 3: idle-s: '0'"},
                {"no-such = 1\n", "line 1: no-such: no such setting"}};
    static char long_line[3000];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *path = write_file(rows[i].text);
        assert_int_equal(READ("--config", path), OPTIONS_BAD);
        unlink(path);
        if (!strstr(said, rows[i].message))
            fail_msg("%s is not in %s", rows[i].message, said);
    }
    /* Cut apart, its second half would be another line. */
    memset(long_line, ' ', sizeof long_line - 1);
    memcpy(long_line, "model = ", 8);
    memcpy(long_line + sizeof long_line - 13, "idle-s = 20\n", 12);
    char *path = write_file(long_line);
    assert_int_equal(READ("--config", path), OPTIONS_BAD);
    unlink(path);
    assert_non_null(strstr(said, "line 1"));
    assert_int_equal(READ("--config", "/no/such/file"), OPTIONS_BAD);
    assert_non_null(strstr(said, "/no/such/file"));
}

static void who_asks_a_question_gets_an_answer_and_no_server(void **state)
{
    assert_int_equal(READ("--idle-s", "nonsense", "--help"), OPTIONS_EXIT);
    assert_non_null(strstr(said, "--idle-s N"));
    assert_int_equal(READ("--version"), OPTIONS_EXIT);
    assert_memory_equal(said, "foldscribed ", 12);
    assert_int_equal(READ("--options"), OPTIONS_EXIT);
    assert_non_null(strstr(said, "| `idle-s` | 10 | 1 to 3600 |"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nobody_sets_has_its_default),
        cmocka_unit_test(a_list_grows_each_time_it_is_said_wherever_that_is),
        cmocka_unit_test(flags_win_over_the_environment_and_that_over_the_file),
        cmocka_unit_test(a_number_has_its_bounds_and_nothing_behind_it),
        cmocka_unit_test(what_is_no_setting_is_named_with_where_it_stands),
        cmocka_unit_test(a_line_of_the_file_that_is_wrong_is_named_by_its_number),
        cmocka_unit_test(who_asks_a_question_gets_an_answer_and_no_server),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
