/* Between a client and the libraries: every head is judged, requests pass one at a time, and nobody
 * waits for a client that reads nothing. Both ends are sockets of the test's. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event.h"
#include "peer.h"
#include "relay.h"
#include "test.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define UPGRADE                                                                                    \
    "GET /v1/realtime?a=b HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"    \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"                 \
    "Cookie: secret\r\nSec-WebSocket-Protocol: realtime, key.abc\r\n\r\n"

/* What the relay asks of others. */
struct others {
    struct event opened, upgraded;
    int inner; /* our end of the pair; blocks */
    struct head head;
    const char *forbids; /* this path */
    bool is_full;
};

static const char *forbid(void *user, const struct head *head)
{
    const struct others *others = user;

    return others->forbids && strcmp(head->target, others->forbids) == 0 ? "not here" : NULL;
}

static bool open_inner(void *user, int fd, const struct sockaddr *address, socklen_t length)
{
    struct others *others = user;

    if (others->is_full) {
        close(fd);
        return false;
    }
    others->inner = fd;
    event_raise(&others->opened);
    return true;
}

static void upgrade(void *user, int fd, const struct head *head)
{
    struct others *others = user;

    others->inner = fd;
    others->head = *head;
    event_raise(&others->upgraded);
}

static struct relay *open_relay(struct others *others, uint32_t unread_ms)
{
    const struct relay_options options = {.max_connections = 8,
                                          .unread_ms = unread_ms,
                                          .forbid = forbid,
                                          .open = open_inner,
                                          .upgrade = upgrade,
                                          .user = others};
    struct relay *relay;

    *others = (struct others){.inner = -1};
    event_init(&others->opened);
    event_init(&others->upgraded);
    assert_int_equal(relay_open(&relay, &options), 0);
    return relay;
}

/* A client that has said this. */
static int client(struct relay *relay, const char *says)
{
    int ours, theirs;

    peer_pair(&ours, &theirs);
    peer_say(ours, says);
    relay_adopt(relay, theirs);
    return ours;
}

/* The relay's end of the pair does not block; ours waits. */
static int inner(struct others *others, struct event *event)
{
    event_wait(event, 1);
    peer_wait(others->inner);
    return others->inner;
}

static void end(struct relay *relay, struct others *others, int fd)
{
    relay_close(relay);
    close(fd);
    if (others->inner >= 0)
        close(others->inner);
    event_finish(&others->opened);
    event_finish(&others->upgraded);
}

static void is_refused(int fd, int status, const char *message)
{
    char head[1000], body[1000];

    assert_int_equal(peer_read_answer(fd, head, sizeof head, body, sizeof body), status);
    assert_non_null(strstr(body, message));
    assert_true(peer_is_over(fd));
}

static void a_request_passes_whole_and_the_next_waits_for_its_answer(void **state)
{
    struct others others;
    struct relay *relay = open_relay(&others, 60000);
    const int fd =
        client(relay, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" GET("/b"));
    char text[200];

    const int in = inner(&others, &others.opened);
    peer_read_head(in, text, sizeof text);
    assert_memory_equal(text, "POST /a HTTP/1.1\r\n", 18);
    peer_read(in, text, 3);
    assert_string_equal(text, "abc");
    peer_say(in, "first");
    peer_read(fd, text, 5);
    assert_string_equal(text, "first");
    assert_true(peer_is_quiet(in)); /* more of that answer may come */
    assert_int_equal(relay_busy(relay), 1);
    relay_answered(relay, in);
    peer_read_head(in, text, sizeof text);
    assert_string_equal(text, GET("/b"));
    peer_say(in, "second");
    peer_read(fd, text, 6);
    assert_string_equal(text, "second");
    end(relay, &others, fd);
}

static void what_may_not_be_asked_is_answered_in_the_shape_of_its_path(void **state)
{
    struct others others;
    struct relay *relay = open_relay(&others, 60000);
    int fd;

    others.forbids = "/v1/listen";
    fd = client(relay, GET("/v1/listen"));
    is_refused(fd, 403, "\"err_msg\":\"not here\"");
    close(fd);
    fd = client(relay, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    is_refused(fd, 400, "\"message\":\"exactly one Host");
    close(fd);
    others.is_full = true;
    fd = client(relay, GET("/"));
    is_refused(fd, 503, "too many connections");
    assert_int_equal(event_count(&others.opened), 0);
    end(relay, &others, fd);
}

static void a_body_that_ends_early_or_is_malformed_is_told(void **state)
{
    struct others others;
    struct relay *relay = open_relay(&others, 60000);
    int fd = client(relay, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");

    shutdown(fd, SHUT_WR);
    is_refused(fd, 400, "ends before it is whole");
    close(fd);
    event_wait(&others.opened, 1);
    close(others.inner);
    fd = client(relay, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
    is_refused(fd, 400, "not in chunks");
    event_wait(&others.opened, 2);
    end(relay, &others, fd);
}

static void who_hangs_up_inside_before_an_answer_is_answered_for(void **state)
{
    struct others others;
    struct relay *relay = open_relay(&others, 60000);
    int fd = client(relay, GET("/"));
    char text[100];

    const int in = inner(&others, &others.opened);
    peer_read_head(in, text, sizeof text);
    close(in);
    is_refused(fd, 500, "could not be answered");
    close(fd);
    fd = client(relay, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    event_wait(&others.opened, 2);
    peer_wait(others.inner);
    peer_read_head(others.inner, text, sizeof text);
    peer_read(others.inner, text, 3);
    close(others.inner);
    is_refused(fd, 503, "cannot be taken");
    others.inner = -1;
    end(relay, &others, fd);
}

static void an_answer_that_ends_by_hanging_up_ends_so_for_the_client(void **state)
{
    struct others others;
    struct relay *relay = open_relay(&others, 60000);
    const int fd = client(relay, GET("/"));
    char text[100];

    const int in = inner(&others, &others.opened);
    peer_read_head(in, text, sizeof text);
    peer_say(in, "answer");
    close(in);
    peer_read(fd, text, 6);
    assert_string_equal(text, "answer");
    assert_true(peer_is_over(fd));
    others.inner = -1;
    end(relay, &others, fd);
}

static void an_upgrade_passes_as_one_of_its_own_with_the_protocol_that_is_spoken(void **state)
{
    struct others others;
    struct relay *relay = open_relay(&others, 60000);
    const int fd = client(relay, UPGRADE);
    char text[600];
    size_t count;

    const int in = inner(&others, &others.upgraded);
    assert_string_equal(others.head.target, "/v1/realtime?a=b");
    assert_string_equal(others.head.protocol, "realtime, key.abc");
    peer_read_head(in, text, sizeof text);
    assert_memory_equal(text, "GET / HTTP/1.1\r\n", 16);
    assert_non_null(strstr(text, "\r\nSec-WebSocket-Protocol: realtime\r\n"));
    assert_null(strstr(text, "secret"));
    peer_send_frame(fd, PEER_TEXT, true, "hello", 5);
    peer_read(in, text, 11);
    assert_int_equal((unsigned char)text[1], 0x80 | 5);
    peer_write(in, "\x81\x02hi", 4);
    assert_int_equal(peer_read_frame(fd, text, sizeof text, &count), PEER_TEXT);
    assert_string_equal(text, "hi");
    /* A frame without a mask becomes one that the library refuses; what follows is dropped. */
    peer_write(fd, "\x81\x02hi\x81\x02ho", 8);
    peer_read(in, text, 6);
    assert_memory_equal(text, "\x8f\x80\0\0\0\0", 6);
    assert_true(peer_is_quiet(in));
    close(in);
    assert_true(peer_is_over(fd));
    others.inner = -1;
    end(relay, &others, fd);
}

static void a_protocol_that_nobody_speaks_is_not_asked_for_inside(void **state)
{
    struct others others;
    struct relay *relay = open_relay(&others, 60000);
    const int fd =
        client(relay, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, realtime\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    char text[600];

    const int in = inner(&others, &others.upgraded);
    peer_read_head(in, text, sizeof text);
    assert_null(strcasestr(text, "Sec-WebSocket-Protocol"));
    end(relay, &others, fd);
}

static void a_client_that_leaves_takes_its_request_along(void **state)
{
    struct others others;
    struct relay *relay = open_relay(&others, 60000);
    const int fd = client(relay, GET("/"));
    char text[100];

    const int in = inner(&others, &others.opened);
    peer_read_head(in, text, sizeof text);
    close(fd);
    assert_true(peer_is_over(in));
    end(relay, &others, -1);
}

static void a_client_that_reads_nothing_is_let_go(void **state)
{
    static char much[65536];
    struct others others;
    struct relay *relay = open_relay(&others, 1);
    const int fd = client(relay, GET("/"));
    char text[100];
    ssize_t n;

    const int in = inner(&others, &others.opened);
    peer_read_head(in, text, sizeof text);
    do
        n = send(in, much, sizeof much, MSG_NOSIGNAL);
    while (n > 0);
    end(relay, &others, fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_passes_whole_and_the_next_waits_for_its_answer),
        cmocka_unit_test(what_may_not_be_asked_is_answered_in_the_shape_of_its_path),
        cmocka_unit_test(a_body_that_ends_early_or_is_malformed_is_told),
        cmocka_unit_test(who_hangs_up_inside_before_an_answer_is_answered_for),
        cmocka_unit_test(an_answer_that_ends_by_hanging_up_ends_so_for_the_client),
        cmocka_unit_test(an_upgrade_passes_as_one_of_its_own_with_the_protocol_that_is_spoken),
        cmocka_unit_test(a_protocol_that_nobody_speaks_is_not_asked_for_inside),
        cmocka_unit_test(a_client_that_leaves_takes_its_request_along),
        cmocka_unit_test(a_client_that_reads_nothing_is_let_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
