#include "test.h"

#include <stdio.h>
#include <string.h>

#include "origins.h"

static bool is_let_in(const struct origins *o, const char *host, const char *origin)
{
    struct head head = {.status = 0};

    snprintf(head.host, sizeof head.host, "%s", host);
    snprintf(head.origin, sizeof head.origin, "%s", origin);
    return !origins_forbid(o, &head);
}

static struct origins open_with(const char *text, bool keys)
{
    struct origins o;
    char wrong[80];

    assert_int_equal(origins_open(&o, text, keys, wrong, sizeof wrong), 0);
    return o;
}

static void programs_notice_nothing(void **state)
{
    static const char *const hosts[] = {"localhost", "localhost:8080", "127.0.0.1:8080",
                                        "[::1]:80",  "192.168.1.7",    "[fe80::1]:8080",
                                        "x",         "foldscribe:80",  "box.local:8080"};
    const struct origins o = open_with("", false);

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        assert_true(is_let_in(&o, hosts[i], ""));
    assert_true(is_let_in(&o, "localhost:8080", "capacitor://localhost"));
    assert_true(is_let_in(&o, "localhost:8080", "file://"));
}

static void pages_of_this_machine_and_our_own_are_let_in(void **state)
{
    static const char *const rows[][2] = {
        {"127.0.0.1:8080", "http://localhost:3000"},     {"127.0.0.1:8080", "https://127.0.0.1"},
        {"127.0.0.1:8080", "http://[::1]:5173"},         {"127.0.0.1:8080", "http://app.localhost"},
        {"192.168.1.7:8080", "http://192.168.1.7:8080"}, {"box.local", "http://box.local:80"},
        {"box.local:443", "https://box.local"}};
    const struct origins o = open_with("", false);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(is_let_in(&o, rows[i][0], rows[i][1]));
}

static void other_pages_are_not(void **state)
{
    static const char *const rows[][2] = {{"127.0.0.1:8080", "https://evil.example"},
                                          {"127.0.0.1:8080", "http://localhost.evil.example"},
                                          {"127.0.0.1:8080", "http://127.0.0.1.evil.example"},
                                          {"127.0.0.1:8080", "http://evil.example:8080"},
                                          {"127.0.0.1:8080", "null"},
                                          {"127.0.0.1:8080", "http://192.168.1.7:8080"},
                                          {"192.168.1.7:8080", "http://192.168.1.7:9090"}};
    const struct origins o = open_with("", false);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_false(is_let_in(&o, rows[i][0], rows[i][1]));
}

static void a_name_that_leads_here_is_not_ours(void **state)
{
    const struct origins o = open_with("", false);

    assert_false(is_let_in(&o, "evil.example", ""));
    assert_false(is_let_in(&o, "evil.example:8080", "http://evil.example:8080"));
    assert_false(is_let_in(&o, "localhost.evil.example", ""));
    assert_false(is_let_in(&o, "127.0.0.1.evil.example:8080", ""));
    assert_true(is_let_in(&o, "", "")); /* HTTP/1.0, which no browser speaks */
    assert_false(is_let_in(&o, "", "http://evil.example"));
    assert_false(is_let_in(&o, "[::1", ""));
}

static void a_list_widens(void **state)
{
    const struct origins o = open_with("https://App.example.com, text.example.org", false);

    assert_true(is_let_in(&o, "127.0.0.1:8080", "https://app.example.com"));
    assert_true(is_let_in(&o, "text.example.org", ""));
    assert_true(is_let_in(&o, "text.example.org:8080", "http://text.example.org:8080"));
    assert_false(is_let_in(&o, "127.0.0.1:8080", "http://app.example.com"));
    assert_false(is_let_in(&o, "evil.example", ""));
    assert_string_equal(origins_allow(&o, "https://app.example.com"), "https://app.example.com");
    assert_null(origins_allow(&o, NULL));
}

static void a_star_and_keys_let_every_page_in(void **state)
{
    struct origins o = open_with("*", false);

    assert_true(is_let_in(&o, "evil.example", "https://evil.example"));
    o = open_with("", true);
    assert_true(is_let_in(&o, "api.example.com", "https://app.example.com"));
    assert_string_equal(origins_allow(&o, NULL), "*");
    o = open_with("https://app.example.com", true);
    assert_false(is_let_in(&o, "127.0.0.1", "https://evil.example"));
}

static void a_list_with_something_else_is_named(void **state)
{
    static const char *const rows[] = {"https://a/b", "https://*.example.com", "https://", ":80"};
    struct origins o;
    char wrong[80];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(origins_open(&o, rows[i], false, wrong, sizeof wrong), -1);
        assert_string_equal(wrong, rows[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_notice_nothing),
        cmocka_unit_test(pages_of_this_machine_and_our_own_are_let_in),
        cmocka_unit_test(other_pages_are_not),
        cmocka_unit_test(a_name_that_leads_here_is_not_ours),
        cmocka_unit_test(a_list_widens),
        cmocka_unit_test(a_star_and_keys_let_every_page_in),
        cmocka_unit_test(a_list_with_something_else_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
