#include "test.h"

#include <stdio.h>
#include <string.h>

#include "head.h"

#define HOST    "Host: here\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13     "Sec-WebSocket-Version: 13\r\n"

static void sound_heads_are_told_apart(void **state)
{
    static const struct {
        const char *text, *target;
        enum head_verdict expect;
    } rows[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", "/", HEAD_HTTP},
        {"POST /v1/a?b=c HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "/v1/a?b=c", HEAD_HTTP},
        {"POST /x HTTP/1.1\r\n" HOST "transfer-encoding:Chunked\r\n\r\n", "/x", HEAD_HTTP},
        {"GET /v1/listen HTTP/1.1\r\n" HOST UPGRADE KEY V13 "\r\n", "/v1/listen", HEAD_UPGRADE},
        {"GET /h2 HTTP/1.1\r\n" HOST "Upgrade: h2c\r\n\r\n", "/h2", HEAD_HTTP},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct head head;
        assert_int_equal(head_parse(&head, rows[i].text, strlen(rows[i].text)), rows[i].expect);
        assert_string_equal(head.target, rows[i].target);
    }
}

static void a_head_may_come_in_any_pieces(void **state)
{
    const char *text = "GET /v1/listen HTTP/1.1\r\n" HOST UPGRADE KEY V13
                       "Sec-WebSocket-Protocol: token, secret\r\n\r\n";
    const size_t length = strlen(text);
    struct head head;

    for (size_t count = 0; count < length; count++)
        assert_int_equal(head_parse(&head, text, count), HEAD_INCOMPLETE);
    assert_int_equal(head_parse(&head, text, length), HEAD_UPGRADE);
    assert_string_equal(head.protocol, "token, secret");
}

static void what_libraries_would_take_wrongly_is_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length : 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "X: a\nContent-Length: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "X: a\r\n folded\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 9999999999999999999\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400},
        {"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 400},
        {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", 400},
        {"GET / HTTP/1.0\r\n" UPGRADE KEY V13 "\r\n", 400},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 501},
        {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: \r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "Origin: http://a\r\nOrigin: http://b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "a b: c\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n" HOST ": no name\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", 400},
        {"GET /\r\n" HOST "\r\n", 400},
        {"get / HTTP/1.1\r\n" HOST "\r\n", 400},
        {" / HTTP/1.1\r\n" HOST "\r\n", 400},
        {"\r\n\r\n", 400},
        {"\x16\x03\x01\x02\r\n\r\n", 400},
        {"GET /x HTTP/1.1\r\n" HOST UPGRADE V13 "\r\n", 400},
        {"GET /x HTTP/1.1\r\n" HOST "Upgrade: websocket\r\n" KEY V13 "\r\n", 400},
        {"GET /x HTTP/1.1\r\n" HOST UPGRADE "Sec-WebSocket-Key: short\r\n" V13 "\r\n", 400},
        {"GET /x HTTP/1.1\r\n" HOST UPGRADE KEY V13 "Content-Length: 5\r\n\r\n", 400},
        {"GET /x HTTP/1.1\r\n" HOST UPGRADE KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426},
        {"POST /x HTTP/1.1\r\n" HOST UPGRADE KEY V13 "\r\n", 405},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct head head;
        if (head_parse(&head, rows[i].text, strlen(rows[i].text)) != HEAD_BAD)
            fail_msg("row %zu is not refused", i);
        assert_int_equal(head.status, rows[i].status);
        assert_non_null(head.problem);
    }
}

static void http_1_0_may_name_no_host(void **state)
{
    static const char text[] = "GET /readyz HTTP/1.0\r\n\r\n";
    struct head head;
    assert_int_equal(head_parse(&head, text, strlen(text)), HEAD_HTTP);
    assert_string_equal(head.host, "");
}

static void zero_bytes_and_endless_heads_are_refused(void **state)
{
    static char endless[HEAD_MAX + 10];
    struct head head;

    assert_int_equal(head_parse(&head, "GET /\0 HTTP/1.1\r\n", 18), HEAD_BAD);
    memset(endless, 'a', sizeof endless);
    assert_int_equal(head_parse(&head, endless, HEAD_MAX - 1), HEAD_INCOMPLETE);
    assert_int_equal(head_parse(&head, endless, sizeof endless), HEAD_BAD);
    assert_int_equal(head.status, 431);
    memcpy(endless, "GET /", 5);
    memcpy(endless + HEAD_TARGET + 100, " HTTP/1.1\r\n" HOST "\r\n", 26);
    assert_int_equal(head_parse(&head, endless, HEAD_TARGET + 126), HEAD_BAD);
    assert_int_equal(head.status, 414);
}

static void slashes_that_a_program_doubled_are_taken_as_one(void **state)
{
    static const char *const rows[][2] = {
        {"/v1/listen", "/v1/listen"},
        {"//v1///listen/?a=b//c/", "/v1/listen?a=b//c/"},
        {"/v1/models/", "/v1/models"},
        {"/", "/"},
        {"//", "/"},
        {"//?a=//", "/?a=//"},
        {"*", "*"},
        {"http://here//x/", "http://here//x/"},
    };
    char target[64];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        strcpy(target, rows[i][0]);
        head_tidy(target);
        assert_string_equal(target, rows[i][1]);
    }
}

static void subprotocols_may_come_in_several_lines_and_hold_a_long_key(void **state)
{
    char text[2000], key[512] = "";
    struct head head;

    memset(key, 'k', sizeof key - 1);
    snprintf(text, sizeof text,
             "GET /v1/realtime HTTP/1.1\r\n" HOST UPGRADE KEY V13
             "Sec-WebSocket-Protocol: realtime\r\n"
             "Sec-WebSocket-Protocol: openai-insecure-api-key.%s\r\n\r\n",
             key);
    assert_int_equal(head_parse(&head, text, strlen(text)), HEAD_UPGRADE);
    assert_memory_equal(head.protocol, "realtime, openai-insecure-api-key.k", 35);
    assert_int_equal(strlen(head.protocol), 34 + 511);
    snprintf(text, sizeof text,
             "GET / HTTP/1.1\r\n" HOST UPGRADE KEY V13 "Authorization: Bearer %s\r\n"
             "Sec-WebSocket-Protocol: %s\r\nSec-WebSocket-Protocol: %.200s\r\n\r\n",
             key, key, key);
    assert_int_equal(head_parse(&head, text, strlen(text)), HEAD_BAD);
    assert_non_null(strstr(head.problem, "Sec-WebSocket-Protocol"));
    assert_int_equal(strlen(head.authorization), 7 + 511);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_heads_are_told_apart),
        cmocka_unit_test(a_head_may_come_in_any_pieces),
        cmocka_unit_test(what_libraries_would_take_wrongly_is_refused),
        cmocka_unit_test(http_1_0_may_name_no_host),
        cmocka_unit_test(zero_bytes_and_endless_heads_are_refused),
        cmocka_unit_test(slashes_that_a_program_doubled_are_taken_as_one),
        cmocka_unit_test(subprotocols_may_come_in_several_lines_and_hold_a_long_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
