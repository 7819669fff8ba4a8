/* The one port: a socket is handed on when its first head has come, and not a byte is read from it.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event.h"
#include "peer.h"
#include "router.h"
#include "test.h"

struct taken {
    struct event event;
    int fds[8];
};

static void take(void *user, int fd)
{
    struct taken *taken = user;

    taken->fds[event_count(&taken->event)] = fd;
    event_raise(&taken->event);
}

static struct router *start(struct taken *taken, uint32_t max_connections)
{
    const struct router_options options = {
        .listen = "127.0.0.1:0", .max_connections = max_connections, .take = take, .user = taken};
    struct router *router;
    char problem[300] = "";

    event_init(&taken->event);
    assert_int_equal(router_open(&router, &options, problem, sizeof problem), 0);
    assert_int_equal(router_start(router), 0);
    return router;
}

/* What can be read from the socket that was taken as the index-th. */
static void reads(const struct taken *taken, int index, const char *want)
{
    char text[200];
    const ssize_t n = recv(taken->fds[index], text, sizeof text - 1, MSG_DONTWAIT);

    assert_true(n >= 0);
    text[n] = '\0';
    assert_string_equal(text, want);
    close(taken->fds[index]);
}

static void whoever_has_sent_a_whole_head_is_handed_on_first_with_every_byte(void **state)
{
    struct taken taken;
    struct router *router = start(&taken, 8);
    const int slow = peer_connect(router_port(router)), quick = peer_connect(router_port(router));

    peer_say(slow, "POST /slow HTTP/1.1\r\nHost: a\r\n");
    peer_say(quick, "GET /quick HTTP/1.1\r\nHost: a\r\n\r\nmore");
    event_wait(&taken.event, 1);
    reads(&taken, 0, "GET /quick HTTP/1.1\r\nHost: a\r\n\r\nmore");
    peer_say(slow, "\r\n");
    event_wait(&taken.event, 2);
    reads(&taken, 1, "POST /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_false(router_is_done(router));
    router_close(router);
    close(slow);
    close(quick);
    event_finish(&taken.event);
}

static void a_bad_head_is_handed_on_too_for_others_to_judge(void **state)
{
    struct taken taken;
    struct router *router = start(&taken, 8);
    const int client = peer_connect(router_port(router));

    peer_say(client, "nonsense\r\n\r\n");
    event_wait(&taken.event, 1);
    reads(&taken, 0, "nonsense\r\n\r\n");
    router_close(router);
    close(client);
    event_finish(&taken.event);
}

static void who_comes_when_all_places_are_taken_is_told_so(void **state)
{
    char head[1000], body[1000];
    struct taken taken;
    struct router *router = start(&taken, 1);
    const int first = peer_connect(router_port(router)), second = peer_connect(router_port(router));

    assert_int_equal(peer_read_answer(second, head, sizeof head, body, sizeof body), 503);
    assert_non_null(strstr(head, "Retry-After:"));
    assert_non_null(strstr(body, "too many connections"));
    assert_true(peer_is_over(second));
    peer_say(first, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&taken.event, 1);
    reads(&taken, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    router_close(router);
    close(first);
    close(second);
    event_finish(&taken.event);
}

static void
who_has_connected_before_the_end_is_still_handed_on_and_who_says_nothing_is_told(void **state)
{
    char head[1000], body[1000];
    struct taken taken;
    struct router *router = start(&taken, 8);
    const int quick = peer_connect(router_port(router)), mute = peer_connect(router_port(router));

    router_stop_listening(router);
    peer_say(quick, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&taken.event, 1);
    assert_int_equal(peer_read_answer(mute, head, sizeof head, body, sizeof body), 503);
    assert_non_null(strstr(body, "going away"));
    reads(&taken, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(peer_is_over(mute));
    router_close(router);
    close(quick);
    close(mute);
    event_finish(&taken.event);
}

static void who_leaves_before_its_head_leaves_its_place(void **state)
{
    struct taken taken;
    struct router *router = start(&taken, 1);

    for (int i = 0; i < 3; i++) { /* a leave is seen before a later arrival */
        const int client = peer_connect(router_port(router));
        peer_say(client, "GET /");
        shutdown(client, SHUT_WR);
        assert_true(peer_is_over(client));
        close(client);
    }
    const int last = peer_connect(router_port(router));
    peer_say(last, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    event_wait(&taken.event, 1);
    router_close(router);
    close(taken.fds[0]);
    close(last);
    event_finish(&taken.event);
}

static void addresses_say_where_and_who_can_reach_them(void **state)
{
    static const struct {
        const char *listen;
        bool is_local;
    } rows[] = {{"127.0.0.1:0", true}, {"localhost:0", true}, {"0.0.0.0:0", false}, {":0", false}};
    static const char *const wrong[] = {
        "",       "127.0.0.1",    "127.0.0.1:",   "1.2.3.4:-1", "[::1:80", "127.0.0.1:65536",
        "a:b:80", "no such:8080", "127.0.0.1:80x"};
    struct router *router;
    char problem[300], want[40];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct router_options options = {.listen = rows[i].listen, .max_connections = 1};
        assert_int_equal(router_open(&router, &options, problem, sizeof problem), 0);
        assert_int_equal(router_is_local(router), rows[i].is_local);
        snprintf(want, sizeof want, "%s:%u", rows[i].is_local ? "127.0.0.1" : "0.0.0.0",
                 router_port(router));
        assert_string_equal(router_address(router), want);
        router_close(router); /* it was never started */
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct router_options options = {.listen = wrong[i], .max_connections = 1};
        problem[0] = '\0';
        assert_int_equal(router_open(&router, &options, problem, sizeof problem), -1);
        assert_non_null(strstr(problem, "--listen"));
    }
}

static void a_port_that_is_taken_is_named(void **state)
{
    struct taken taken;
    struct router *router = start(&taken, 1), *second;
    char problem[300], where[40];

    snprintf(where, sizeof where, "127.0.0.1:%u", router_port(router));
    const struct router_options options = {.listen = where, .max_connections = 1};
    assert_int_equal(router_open(&second, &options, problem, sizeof problem), -1);
    assert_non_null(strstr(problem, where));
    router_close(router);
    router_close(NULL);
    event_finish(&taken.event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_has_sent_a_whole_head_is_handed_on_first_with_every_byte),
        cmocka_unit_test(a_bad_head_is_handed_on_too_for_others_to_judge),
        cmocka_unit_test(who_comes_when_all_places_are_taken_is_told_so),
        cmocka_unit_test(
            who_has_connected_before_the_end_is_still_handed_on_and_who_says_nothing_is_told),
        cmocka_unit_test(who_leaves_before_its_head_leaves_its_place),
        cmocka_unit_test(addresses_say_where_and_who_can_reach_them),
        cmocka_unit_test(a_port_that_is_taken_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
