#include "test.h"

#include <jansson.h>
#include <string.h>

#include "utf8.h"

static void what_is_well_formed_stays(void **state)
{
    static const char *const rows[] = {
        "",
        "plain",
        "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
        "\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf", /* first and last of their lengths */
        "\xee\x80\x80 \xf0\x90\x80\x80 \xf4\x8f\xbf\xbf",
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        strcpy(text, rows[i]);
        utf8_mend(text);
        assert_string_equal(text, rows[i]);
    }
}

static void each_stray_byte_becomes_a_question_mark(void **state)
{
    static const struct {
        const char *text, *expect;
    } rows[] = {
        {"\xff", "?"},
        {"a\x80z", "a?z"},
        {"cut \xe2\x82", "cut ??"},
        {"cut \xf0\x9f\x98", "cut ???"},
        {"\xe2\x28\xa1", "?(?"},
        {"\xc0\xaf", "??"},            /* "/" in two bytes */
        {"\xe0\x9f\xbf", "???"},       /* two bytes would do */
        {"\xed\xa0\x80", "???"},       /* a surrogate */
        {"\xf4\x90\x80\x80", "????"},  /* beyond U+10FFFF */
        {"\xff\xc3\xa9", "?\xc3\xa9"}, /* what follows is read again from its start */
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        strcpy(text, rows[i].text);
        utf8_mend(text);
        assert_string_equal(text, rows[i].expect);
    }
}

/* The JSON library judges by its own tables. */
static void whatever_was_sent_is_mended_into_json(void **state)
{
    static const unsigned char edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                          0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    const size_t n = sizeof edges;

    for (size_t i = 0; i < n * n * n * n; i++) {
        char text[5] = {(char)edges[i % n], (char)edges[i / n % n], (char)edges[i / n / n % n],
                        (char)edges[i / n / n / n], '\0'};
        char before[5];
        memcpy(before, text, sizeof before);
        json_t *was = json_string(before);
        utf8_mend(text);
        json_t *now = json_string(text);
        assert_non_null(now);
        assert_int_equal(strlen(text), strlen(before));
        assert_int_equal(strcmp(text, before) == 0, was != NULL);
        json_decref(was);
        json_decref(now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_well_formed_stays),
        cmocka_unit_test(each_stray_byte_becomes_a_question_mark),
        cmocka_unit_test(whatever_was_sent_is_mended_into_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
