#include "test.h"

#include "authorization.h"

static void a_key_is_found_where_each_client_puts_it(void **state)
{
    static const struct {
        const char *header, *protocols, *key;
    } rows[] = {
        {"Bearer sk-1", NULL, "sk-1"},
        {"bearer  sk-1 ", "", "sk-1"},
        {"Token abc", NULL, "abc"},
        {"abc", NULL, "abc"},
        {"", "token, abc", "abc"},
        {"", "bearer,abc", "abc"},
        {"", "realtime, openai-insecure-api-key.ek_1, openai-beta.realtime-v1", "ek_1"},
        {"Token abc", "token, other", "abc"},
        {NULL, "realtime", ""},
        {NULL, NULL, ""},
        {"Bearer a, b", NULL, "a"},
    };
    char key[16];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        authorization_key(key, sizeof key, rows[i].header, rows[i].protocols);
        assert_string_equal(key, rows[i].key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_where_each_client_puts_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
