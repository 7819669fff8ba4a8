#include "test.h"

#include <string.h>
#include <unistd.h>

#include "upload.h"

static const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};

static int part(struct upload *u, const char *name, const char *file, const char *bytes,
                uint64_t offset)
{
    struct multipart_part part = {.has_filename = file != NULL, .bytes = offset};

    strcpy(part.name, name);
    return upload_part(u, &part, bytes, strlen(bytes));
}

static void a_file_in_pieces_is_spooled_and_fields_after_it_are_read(void **state)
{
    struct upload u;
    char spooled[16] = {0};

    upload_init(&u, &catalog, "/tmp", 1000);
    assert_int_equal(part(&u, "file", "a.wav", "RIFF", 0), 0);
    assert_int_equal(part(&u, "file", "a.wav", "WAVE", 4), 0);
    assert_int_equal(part(&u, "model", NULL, "fold", 0), 0);
    assert_int_equal(part(&u, "model", NULL, "scribe", 4), 0);
    assert_int_equal(part(&u, "response_format", NULL, "srt", 0), 0);
    assert_int_equal(upload_end(&u), 0);
    assert_string_equal(u.request.model, "foldscribe");
    assert_int_equal(u.request.format, OPENAI_SRT);
    assert_true(u.request.has_file);
    assert_int_equal(pread(u.fd, spooled, sizeof spooled, 0), 8);
    assert_string_equal(spooled, "RIFFWAVE");
    upload_finish(&u);
}

static void a_repeated_field_is_a_list(void **state)
{
    struct upload u;

    upload_init(&u, &catalog, "/tmp", 1000);
    part(&u, "keywords[]", NULL, "one", 0);
    part(&u, "keywords[]", NULL, "two", 0);
    assert_int_equal(upload_end(&u), 0);
    assert_int_equal(u.request.hotwords.count, 2);
    upload_finish(&u);
}

static void two_files_are_one_too_many(void **state)
{
    struct upload u;

    upload_init(&u, &catalog, "/tmp", 1000);
    part(&u, "file", "a.wav", "RIFF", 0);
    assert_int_equal(part(&u, "file", "b.wav", "RIFF", 0), -1);
    assert_string_equal(u.error.param, "file");
    assert_int_equal(upload_end(&u), -1);
    upload_finish(&u);
}

static void a_file_needs_no_filename(void **state)
{
    struct upload u;

    upload_init(&u, &catalog, "/tmp", 1000);
    part(&u, "file", NULL, "RIFF", 0);
    assert_int_equal(upload_end(&u), 0);
    assert_true(u.request.has_file);
    assert_false(u.has_filename);
    upload_finish(&u);
}

static void the_first_bad_field_is_the_one_that_is_told(void **state)
{
    struct upload u;

    upload_init(&u, &catalog, "/tmp", 1000);
    part(&u, "response_format", NULL, "xml", 0);
    part(&u, "temperature", NULL, "9", 0);
    assert_int_equal(upload_end(&u), -1);
    assert_string_equal(u.error.param, "response_format");
    upload_finish(&u);
}

static void sizes_are_limited_while_reading(void **state)
{
    static char long_value[70000];
    const struct multipart_part prompt = {.name = "prompt"};
    struct upload u;

    upload_init(&u, &catalog, "/tmp", 1000);
    assert_int_equal(upload_count(&u, 1000), 0);
    assert_int_equal(upload_count(&u, 1), -1);
    assert_int_equal(u.error.status, 413);
    upload_finish(&u);
    upload_init(&u, &catalog, "/tmp", 1000000);
    assert_int_equal(upload_part(&u, &prompt, long_value, sizeof long_value), -1);
    assert_string_equal(u.error.param, "prompt");
    upload_finish(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_in_pieces_is_spooled_and_fields_after_it_are_read),
        cmocka_unit_test(a_repeated_field_is_a_list),
        cmocka_unit_test(two_files_are_one_too_many),
        cmocka_unit_test(a_file_needs_no_filename),
        cmocka_unit_test(the_first_bad_field_is_the_one_that_is_told),
        cmocka_unit_test(sizes_are_limited_while_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
