/* Bytes as digits, and back. */
#include <string.h>

#include "hex.h"
#include "test.h"

static void what_is_written_is_read_again(void **state)
{
    unsigned char bytes[256], again[256];
    char text[2 * 256 + 1];

    for (int i = 0; i < 256; i++)
        bytes[i] = (unsigned char)(255 - i);
    hex_write(text, bytes, sizeof bytes);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "fffefdfc", 8);
    assert_true(hex_read(again, sizeof again, text));
    assert_memory_equal(bytes, again, sizeof bytes);
    assert_true(hex_read(again, 2, "aBCd"));
    assert_memory_equal(again, "\xab\xcd", 2);
}

static void digits_too_many_too_few_or_none_are_refused(void **state)
{
    static const char *const wrong[] = {"", "abc", "abcde", "abcg", "ab d", "abcd\n"};
    unsigned char bytes[2];

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(hex_read(bytes, 2, wrong[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(digits_too_many_too_few_or_none_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
