#include "test.h"

#include <string.h>

#include "body.h"

static const struct head chunked = {.is_chunked = true};

static void a_body_of_a_length_ends_there(void **state)
{
    const struct head head = {.body_bytes = 5};
    struct body body;

    body_begin(&body, &head);
    assert_int_equal(body_take(&body, "abc", 3), 3);
    assert_false(body.is_over);
    assert_int_equal(body_take(&body, "deGET", 5), 2);
    assert_true(body.is_over);
    assert_int_equal(body_take(&body, "GET", 3), 0);
}

static void no_length_is_no_body(void **state)
{
    struct body body;

    body_begin(&body, &(struct head){0});
    assert_true(body.is_over);
}

static void chunks_end_with_the_trailer_wherever_they_are_cut(void **state)
{
    static const char text[] =
        "3\r\nabc\r\n0A;x=\"y\"\r\n0123456789\r\n00\r\nA: b\r\nC: d\r\n\r\nGET /";
    const size_t whole = strlen(text) - strlen("GET /");

    for (size_t cut = 0; cut <= whole; cut++) {
        struct body body;
        body_begin(&body, &chunked);
        assert_int_equal(body_take(&body, text, cut), cut);
        assert_int_equal(body_take(&body, text + cut, strlen(text) - cut), whole - cut);
        assert_true(body.is_over);
    }
}

static void what_is_no_chunk_is_refused(void **state)
{
    static const char *const rows[] = {
        "\r\n",   "x\r\n",     "-1\r\n",         "0x3\r\n",
        "3\nabc", "3\r\nabcd", "3\r\nabc\n",     "0000000000000003\r\n",
        "3\rabc", ";x\r\n",    "0\r\nA: b\n\r\n"};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct body body;
        body_begin(&body, &chunked);
        assert_int_equal(body_take(&body, rows[i], strlen(rows[i])), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_a_length_ends_there),
        cmocka_unit_test(no_length_is_no_body),
        cmocka_unit_test(chunks_end_with_the_trailer_wherever_they_are_cut),
        cmocka_unit_test(what_is_no_chunk_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
