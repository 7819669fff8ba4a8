#include <string.h>

#include "base64.h"
#include "test.h"

static void texts_of_rfc_4648_are_read(void **state)
{
    static const char *const rows[][2] = {{"", ""},
                                          {"Zg==", "f"},
                                          {"Zm8=", "fo"},
                                          {"Zm9v", "foo"},
                                          {"Zm9vYg==", "foob"},
                                          {"Zm9vYmE=", "fooba"},
                                          {"Zm9vYmFy", "foobar"},
                                          {"+/+/", "\xfb\xff\xbf"}};
    uint8_t bytes[16];
    size_t count;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(base64_decode(rows[i][0], strlen(rows[i][0]), bytes, &count), 0);
        assert_int_equal(count, strlen(rows[i][1]));
        assert_memory_equal(bytes, rows[i][1], count);
    }
}

static void everything_else_is_refused(void **state)
{
    static const char *const rows[] = {
        "Z",        "Zg",   "Zg=",  "Z===", "====", "Zm9v\n", "Zm9vZm9\n",
        "Zg==Zm9v", "-_-_", "Zh==", "Zm9=", "Zm=v", "Zm 9"};
    uint8_t bytes[16];
    size_t count;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (base64_decode(rows[i], strlen(rows[i]), bytes, &count) != -1)
            fail_msg("\"%s\" was taken", rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_rfc_4648_are_read),
        cmocka_unit_test(everything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
