/* A form as it comes: the file to the spool, fields to whoever knows them. */
#include <string.h>
#include <unistd.h>

#include "test.h"
#include "upload.h"

#define TYPE       "multipart/form-data; boundary=XbX"
#define PART(name) "--XbX\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define FILE_PART                                                                                  \
    "--XbX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n"
#define END "--XbX--\r\n"

/* The fields that came: "name=value;" each. */
static char seen[1000];

static bool note(void *user, const char *name, const char *value, size_t length)
{
    const char *unwanted = user;

    assert_int_equal(strlen(value), length);
    strcat(strcat(strcat(strcat(seen, name), "="), value), ";");
    return !unwanted || strcmp(name, unwanted) != 0;
}

static void open_form(struct upload *u, const char *unwanted)
{
    seen[0] = '\0';
    upload_init(u, "/tmp", 1000, TYPE, note, (void *)(uintptr_t)unwanted);
    assert_int_equal(u->problem, UPLOAD_OK);
}

/* The whole body, in pieces of step bytes. */
static enum upload_problem feed(struct upload *u, const char *body, size_t step)
{
    const size_t count = strlen(body);

    for (size_t at = 0; at < count; at += step)
        upload_feed(u, body + at, step < count - at ? step : count - at);
    upload_end(u);
    return u->problem;
}

static void a_file_in_pieces_is_spooled_and_fields_around_it_come_whole(void **state)
{
    static const char body[] = PART("model") "foldscribe\r\n" FILE_PART
                                             "RIFFWAVE\r\n" PART("response_format") "srt\r\n" END;
    struct upload u;

    for (size_t step = 1; step < 12; step++) {
        char spooled[16] = {0};
        open_form(&u, NULL);
        assert_int_equal(feed(&u, body, step), UPLOAD_OK);
        assert_string_equal(seen, "model=foldscribe;response_format=srt;");
        assert_true(u.has_filename);
        assert_int_equal(pread(u.fd, spooled, sizeof spooled, 0), 8);
        assert_string_equal(spooled, "RIFFWAVE");
        upload_finish(&u);
    }
}

static void a_repeated_field_comes_as_often_as_it_is_there_and_an_empty_one_too(void **state)
{
    struct upload u;

    open_form(&u, NULL);
    assert_int_equal(
        feed(&u,
             PART("keywords[]") "one\r\n" PART("keywords[]") "two\r\n" PART("prompt") "\r\n" END,
             5),
        UPLOAD_OK);
    assert_string_equal(seen, "keywords[]=one;keywords[]=two;prompt=;");
    assert_int_equal(u.fd, -1);
    upload_finish(&u);
}

static void a_file_needs_no_filename_but_there_is_one_file(void **state)
{
    struct upload u;

    open_form(&u, NULL);
    assert_int_equal(feed(&u, PART("file") "RIFF\r\n" END, 7), UPLOAD_OK);
    assert_true(u.fd >= 0);
    assert_false(u.has_filename);
    upload_finish(&u);
    open_form(&u, NULL);
    assert_int_equal(feed(&u, FILE_PART "RIFF\r\n" FILE_PART "RIFF\r\n" END, 7), UPLOAD_TWO_FILES);
    upload_finish(&u);
}

static void after_a_field_that_is_not_wanted_no_other_is_given(void **state)
{
    struct upload u;

    open_form(&u, "b");
    assert_int_equal(feed(&u, PART("a") "1\r\n" PART("b") "2\r\n" PART("c") "3\r\n" END, 9),
                     UPLOAD_REFUSED);
    assert_string_equal(seen, "a=1;b=2;");
    upload_finish(&u);
}

static void what_is_no_form_or_no_whole_one_is_told_apart(void **state)
{
    struct upload u;

    upload_init(&u, "/tmp", 1000, "application/json", note, NULL);
    assert_int_equal(u.problem, UPLOAD_NOT_A_FORM);
    assert_non_null(u.reason);
    assert_int_equal(feed(&u, "{}", 1), UPLOAD_NOT_A_FORM);
    upload_finish(&u);
    open_form(&u, NULL);
    assert_int_equal(feed(&u, PART("a") "1\r\n", 3), UPLOAD_CUT_SHORT);
    upload_finish(&u);
    open_form(&u, NULL);
    assert_int_equal(feed(&u,
                          "--XbX\r\nContent-Disposition: form-data; name=\"a\"\r\n"
                          "Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n" END,
                          11),
                     UPLOAD_MALFORMED);
    assert_non_null(strstr(u.reason, "Content-Transfer-Encoding"));
    upload_finish(&u);
}

static void sizes_are_limited_while_reading(void **state)
{
    static char value[UPLOAD_FIELD_BYTES + 1];
    struct upload u;

    memset(value, 'x', sizeof value);
    open_form(&u, NULL);
    upload_feed(&u, value, 1000);
    assert_int_equal(u.problem, UPLOAD_OK);
    upload_feed(&u, value, 1);
    assert_int_equal(u.problem, UPLOAD_TOO_LARGE);
    upload_finish(&u);
    upload_init(&u, "/tmp", 1000000, TYPE, note, NULL);
    upload_feed(&u, PART("prompt"), strlen(PART("prompt")));
    upload_feed(&u, value, sizeof value - 1);
    assert_int_equal(u.problem, UPLOAD_OK);
    upload_feed(&u, value, 8); /* it may have been the beginning of a delimiter */
    assert_int_equal(u.problem, UPLOAD_FIELD_TOO_LONG);
    assert_string_equal(u.name, "prompt");
    upload_finish(&u);
}

static void a_spool_that_is_no_folder_stores_nothing(void **state)
{
    struct upload u;

    upload_init(&u, "/tmp/no/such/folder", 1000, TYPE, note, NULL);
    assert_int_equal(feed(&u, FILE_PART "RIFF\r\n" END, 4), UPLOAD_NOT_STORED);
    upload_finish(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_in_pieces_is_spooled_and_fields_around_it_come_whole),
        cmocka_unit_test(a_repeated_field_comes_as_often_as_it_is_there_and_an_empty_one_too),
        cmocka_unit_test(a_file_needs_no_filename_but_there_is_one_file),
        cmocka_unit_test(after_a_field_that_is_not_wanted_no_other_is_given),
        cmocka_unit_test(what_is_no_form_or_no_whole_one_is_told_apart),
        cmocka_unit_test(sizes_are_limited_while_reading),
        cmocka_unit_test(a_spool_that_is_no_folder_stores_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
