#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "address.h"
#include "test.h"

static bool allows(const char *words, const char *address)
{
    struct address_list list;
    struct sockaddr_storage to = {0};
    char wrong[64];

    assert_int_equal(address_list_parse(&list, words, wrong, sizeof wrong), 0);
    if (inet_pton(AF_INET, address, &((struct sockaddr_in *)&to)->sin_addr) == 1) {
        to.ss_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, address, &((struct sockaddr_in6 *)&to)->sin6_addr), 1);
        to.ss_family = AF_INET6;
    }
    return address_is_allowed(&list, (struct sockaddr *)&to);
}

static void nothing_said_is_nothing_allowed(void **state)
{
    assert_false(allows("", "8.8.8.8"));
    assert_false(allows("", "127.0.0.1"));
    assert_false(allows(" , ", "2606:4700::1"));
}

static void what_is_special_is_not_public(void **state)
{
    static const char *const inner[] = {
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "fc00::1",
        "ff02::1",
        "64:ff9b::7f00:1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "3fff::1",
        "::ffff:10.0.0.1",
    };
    static const char *const outer[] = {
        "8.8.8.8",   "100.63.255.255", "100.128.0.0",  "172.15.0.1",   "172.32.0.1",
        "192.0.1.1", "198.17.0.1",     "198.20.0.1",   "223.255.0.1",  "11.0.0.1",
        "126.1.1.1", "128.0.0.1",      "2606:4700::1", "2a00:1450::1", "2001:4860:4860::8888"};

    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        if (allows("public", inner[i]))
            fail_msg("%s is taken for public", inner[i]);
    for (size_t i = 0; i < sizeof outer / sizeof *outer; i++)
        if (!allows("public", outer[i]))
            fail_msg("%s is not taken for public", outer[i]);
}

static void blocks_allow_what_is_inside_and_no_more(void **state)
{
    assert_true(allows("127.0.0.1", "127.0.0.1"));
    assert_false(allows("127.0.0.1", "127.0.0.2"));
    assert_true(allows("public, 10.1.0.0/16", "10.1.255.255"));
    assert_false(allows("public, 10.1.0.0/16", "10.2.0.0"));
    assert_true(allows("public, 10.1.0.0/16", "8.8.8.8"));
    assert_false(allows("10.1.0.0/16", "8.8.8.8"));
    assert_true(allows("192.168.4.0/23", "192.168.5.9"));
    assert_false(allows("192.168.4.0/23", "192.168.6.0"));
    assert_true(allows("fd00::/9", "fd7f::1"));
    assert_false(allows("fd00::/9", "fd80::1"));
    assert_true(allows("0.0.0.0/0", "127.0.0.1"));
    assert_false(allows("0.0.0.0/0", "::1"));
    assert_true(allows("::/0", "::1"));
    assert_true(allows("127.0.0.0/8", "::ffff:127.0.0.1")); /* the same place */
}

static void what_is_no_address_is_named(void **state)
{
    static const char *const wrong[] = {"localhost", "10.0.0.0/33", "10.0.0/8", "::/129",
                                        "10.0.0.0/", "10.0.0.0/8x", "Public",   "10.0.0.0/-1"};

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct address_list list = {.count = 7};
        char text[100], named[64];
        snprintf(text, sizeof text, "public,%s,::1", wrong[i]);
        assert_int_equal(address_list_parse(&list, text, named, sizeof named), -1);
        assert_string_equal(named, wrong[i]);
        assert_int_equal(list.count, 7);
    }
}

static void a_socket_of_another_kind_is_not_allowed(void **state)
{
    const struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/docker.sock"};
    struct address_list list;
    char wrong[64];

    assert_int_equal(address_list_parse(&list, "public,::/0", wrong, sizeof wrong), 0);
    assert_false(address_is_allowed(&list, (const struct sockaddr *)&local));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_is_nothing_allowed),
        cmocka_unit_test(what_is_special_is_not_public),
        cmocka_unit_test(blocks_allow_what_is_inside_and_no_more),
        cmocka_unit_test(what_is_no_address_is_named),
        cmocka_unit_test(a_socket_of_another_kind_is_not_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
