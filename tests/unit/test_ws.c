/* WebSocket over a socket pair: what the relay hands over, and what a client sees of it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"
#include "talk.h"
#include "test.h"
#include "ws.h"

#define LINEAR "/v1/listen?encoding=linear16&sample_rate=16000"

static struct ws *open_ws(uint32_t quiet_ms, uint32_t longest_ms, uint32_t max_connections)
{
    const struct ws_options options = {.engine = talk_host.engine,
                                       .catalog = talk_host.catalog,
                                       .info = talk_host.info,
                                       .keys = talk_host.keys,
                                       .secrets = talk_host.secrets,
                                       .metrics = talk_host.metrics,
                                       .idle_ms = quiet_ms,
                                       .quiet_ms = quiet_ms,
                                       .longest_ms = longest_ms,
                                       .max_connections = max_connections};
    struct ws *ws;

    assert_int_equal(ws_open(&ws, &options), 0);
    return ws;
}

/* A client that asks for an upgrade to target; as the relay would pass it on. */
static int ask(struct ws *ws, const char *target, const char *protocols)
{
    static struct head head;
    char request[512];
    int ours, theirs;

    head = (struct head){.status = 0};
    snprintf(head.target, sizeof head.target, "%s", target);
    snprintf(head.protocol, sizeof head.protocol, "%s", protocols);
    const char *protocol = ws_protocol(&head);
    snprintf(request, sizeof request,
             "GET / HTTP/1.1\r\nHost: inside\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
             "%s%s%s\r\n",
             protocol ? "Sec-WebSocket-Protocol: " : "", protocol ? protocol : "",
             protocol ? "\r\n" : "");
    peer_pair(&ours, &theirs);
    peer_say(ours, request);
    ws_adopt(ws, theirs, &head);
    return ours;
}

/* One whose upgrade is granted; ret_head [1000]. */
static int upgrade(struct ws *ws, const char *target, const char *protocols, char *ret_head)
{
    const int fd = ask(ws, target, protocols);

    peer_read_head(fd, ret_head, 1000);
    assert_memory_equal(ret_head, "HTTP/1.1 101 ", 13);
    return fd;
}

/* What comes next is a text of that type. */
static void says(int fd, const char *type)
{
    char text[8000], want[100];
    size_t count;

    assert_int_equal(peer_read_frame(fd, text, sizeof text, &count), PEER_TEXT);
    snprintf(want, sizeof want, "\"type\":\"%s\"", type);
    if (!strstr(text, want))
        fail_msg("%s is not in %s", want, text);
}

/* It ends with that code, and hangs up. Texts before it are dropped. */
static void closes(int fd, int code)
{
    char text[8000];
    size_t count;
    enum peer_opcode opcode;

    do
        opcode = peer_read_frame(fd, text, sizeof text, &count);
    while (opcode == PEER_TEXT);
    assert_int_equal(opcode, PEER_CLOSE);
    assert_int_equal((unsigned char)text[0] << 8 | (unsigned char)text[1], code);
    peer_send_frame(fd, PEER_CLOSE, true, text, 2);
    assert_true(peer_is_over(fd));
    close(fd);
}

static void an_upgrade_is_answered_with_its_id_and_the_protocol_that_is_spoken(void **state)
{
    static const struct {
        const char *target, *offered, *spoken;
    } rows[] = {{"/v1/realtime", "realtime, openai-insecure-api-key.abc", "realtime"},
                {LINEAR, "token, KEY", "token"},
                {LINEAR, "bearer, KEY", "bearer"},
                {"/", "chat", NULL},
                {"/", "", NULL}};
    struct ws *ws = open_ws(60000, 60000, 8);
    char head[1000], want[100];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int fd = upgrade(ws, rows[i].target, rows[i].offered, head);
        assert_non_null(strcasestr(head, "\r\ndg-request-id:"));
        assert_non_null(strcasestr(head, "\r\nx-request-id:"));
        snprintf(want, sizeof want, "\r\nSec-WebSocket-Protocol: %s\r\n",
                 rows[i].spoken ? rows[i].spoken : "");
        if (rows[i].spoken)
            assert_non_null(strcasestr(head, want));
        else
            assert_null(strcasestr(head, "Sec-WebSocket-Protocol"));
        close(fd);
    }
    ws_close(ws);
}

static void a_message_in_pieces_is_one_and_a_ping_between_them_is_answered(void **state)
{
    static const char keep[] = "{\"type\":\"input_audio_", rest[] = "buffer.clear\"}";
    struct ws *ws = open_ws(60000, 60000, 8);
    char head[1000], text[200];
    size_t count;

    const int fd = upgrade(ws, "/v1/realtime", "", head);
    says(fd, "session.created");
    peer_send_frame(fd, PEER_TEXT, false, keep, strlen(keep));
    peer_send_frame(fd, PEER_PING, true, "p", 1);
    assert_int_equal(peer_read_frame(fd, text, sizeof text, &count), PEER_PONG);
    assert_string_equal(text, "p");
    peer_send_frame(fd, PEER_MORE, true, rest, strlen(rest));
    says(fd, "input_audio_buffer.cleared");
    assert_int_equal(ws_streams(ws), 1);
    peer_send_frame(fd, PEER_CLOSE, true, "\x03\xe8", 2);
    assert_int_equal(peer_read_frame(fd, text, sizeof text, &count), PEER_CLOSE);
    assert_true(peer_is_over(fd));
    close(fd);
    ws_close(ws);
}

static void sound_is_answered_while_it_comes(void **state)
{
    static int16_t quiet[1600];
    struct ws *ws = open_ws(60000, 60000, 8);
    char head[1000], text[4000];
    size_t count;

    const int fd = upgrade(ws, "/", "", head);
    peer_send_frame(fd, PEER_TEXT, true, "{\"config\":{\"sample_rate\":16000}}", 32);
    for (int i = 0; i < 3; i++) {
        peer_send_frame(fd, PEER_BINARY, false, quiet, 1000);
        peer_send_frame(fd, PEER_MORE, true, quiet, 2200);
        assert_int_equal(peer_read_frame(fd, text, sizeof text, &count), PEER_TEXT);
        assert_non_null(strstr(text, "\"partial\""));
    }
    peer_send_frame(fd, PEER_TEXT, true, "{\"eof\":1}", 9);
    closes(fd, 1000);
    ws_close(ws);
}

static void a_text_that_is_too_long_ends_its_stream_alone(void **state)
{
    static char long_text[60000];
    struct ws *ws = open_ws(60000, 60000, 8);
    char head[1000];

    memset(long_text, 'x', sizeof long_text);
    const int other = upgrade(ws, "/v1/realtime", "", head);
    const int fd = upgrade(ws, LINEAR, "", head);
    peer_send_frame(fd, PEER_TEXT, false, long_text, sizeof long_text);
    peer_send_frame(fd, PEER_MORE, true, long_text, sizeof long_text);
    closes(fd, 1009);
    says(other, "session.created");
    peer_send_frame(other, PEER_TEXT, true, "x", 1);
    says(other, "error");
    close(other);
    ws_close(ws);
}

static void what_a_session_refuses_is_a_plain_answer(void **state)
{
    static const struct {
        const char *target, *text;
        int status;
    } rows[] = {{"/v1/nothing", "unknown_url", 404},
                {"/v1/listen?encoding=linear16", "err_msg", 400},
                {"/v1/realtime?intent=sing", "\"param\":\"intent\"", 400}};
    struct ws *ws = open_ws(60000, 60000, 8);
    char head[1000], body[2000];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const int fd = ask(ws, rows[i].target, "");
        assert_int_equal(peer_read_answer(fd, head, sizeof head, body, sizeof body),
                         rows[i].status);
        assert_non_null(strstr(body, rows[i].text));
        assert_true(peer_is_over(fd));
        close(fd);
    }
    assert_int_equal(ws_streams(ws), 0);
    ws_close(ws);
}

static void who_comes_when_all_places_are_taken_is_told_so(void **state)
{
    struct ws *ws = open_ws(60000, 60000, 1);
    char head[1000], body[2000];

    const int first = upgrade(ws, "/", "", head);
    const int second = ask(ws, LINEAR, "");
    assert_int_equal(peer_read_answer(second, head, sizeof head, body, sizeof body), 503);
    assert_non_null(strstr(body, "too many connections"));
    close(first);
    close(second);
    ws_close(ws);
}

static void time_ends_a_stream_that_says_nothing_or_is_too_long(void **state)
{
    struct ws *ws = open_ws(1, 60000, 8);
    char head[1000];

    closes(upgrade(ws, "/", "", head), 1008);
    closes(upgrade(ws, LINEAR, "", head), 1011);
    ws_close(ws);
    ws = open_ws(60000, 1, 8);
    closes(upgrade(ws, "/", "", head), 1001);
    ws_close(ws);
}

static void who_goes_away_says_so_to_all_also_to_who_comes_then(void **state)
{
    struct ws *ws = open_ws(60000, 60000, 8);
    char head[1000];

    const int first = upgrade(ws, "/", "", head), second = upgrade(ws, "/v1/realtime", "", head);
    ws_go_away(ws);
    closes(first, 1001);
    closes(second, 1001);
    assert_int_equal(ws_streams(ws), 0);
    closes(upgrade(ws, "/", "", head), 1001);
    ws_close(ws);
    ws_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upgrade_is_answered_with_its_id_and_the_protocol_that_is_spoken),
        cmocka_unit_test(a_message_in_pieces_is_one_and_a_ping_between_them_is_answered),
        cmocka_unit_test(sound_is_answered_while_it_comes),
        cmocka_unit_test(a_text_that_is_too_long_ends_its_stream_alone),
        cmocka_unit_test(what_a_session_refuses_is_a_plain_answer),
        cmocka_unit_test(who_comes_when_all_places_are_taken_is_told_so),
        cmocka_unit_test(time_ends_a_stream_that_says_nothing_or_is_too_long),
        cmocka_unit_test(who_goes_away_says_so_to_all_also_to_who_comes_then),
    };

    return cmocka_run_group_tests(tests, talk_setup, talk_teardown);
}
