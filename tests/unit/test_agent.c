#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"
#include "listener.h"
#include "test.h"

static atomic_bool ready;
static _Atomic double share;

static double headroom(void *user)
{
    return atomic_load(&share);
}

static bool is_ready(void *user)
{
    return atomic_load(&ready);
}

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
    struct listener listener;
    char problem[200];
    assert_int_equal(listener_open(&listener, "--x", "127.0.0.1:0", problem, sizeof problem), 0);
    close(listener.fd);
    return listener.port;
}

static const char *ask(unsigned port)
{
    static char line[64];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    size_t count = 0;
    ssize_t n;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    while ((n = read(fd, line + count, sizeof line - 1 - count)) > 0)
        count += (size_t)n;
    line[count] = '\0';
    close(fd);
    return line;
}

static void each_caller_is_told_the_share_that_is_free(void **state)
{
    char where[40], problem[300];
    struct agent *agent;
    const unsigned port = free_port();
    snprintf(where, sizeof where, "127.0.0.1:%u", port);
    const struct agent_options options = {.listen = where, .headroom = headroom, .ready = is_ready};
    assert_int_equal(agent_open(&agent, &options, problem, sizeof problem), 0);
    atomic_store(&ready, true);
    atomic_store(&share, 0.626);
    assert_string_equal(ask(port), "ready up 63%\n");
    atomic_store(&share, 0);
    assert_string_equal(ask(port), "ready up 1%\n");
    atomic_store(&share, 7);
    assert_string_equal(ask(port), "ready up 100%\n");
    atomic_store(&ready, false);
    assert_string_equal(ask(port), "drain\n");
    agent_close(agent);
}

static void a_port_that_is_taken_or_none_is_named(void **state)
{
    struct listener listener;
    struct agent *agent;
    char problem[300];
    assert_int_equal(listener_open(&listener, "--x", "127.0.0.1:0", problem, sizeof problem), 0);
    struct agent_options options = {
        .listen = listener.address, .headroom = headroom, .ready = is_ready};
    assert_int_equal(agent_open(&agent, &options, problem, sizeof problem), -1);
    assert_non_null(strstr(problem, listener.address));
    close(listener.fd);
    options.listen = "nine";
    assert_int_equal(agent_open(&agent, &options, problem, sizeof problem), -1);
    assert_non_null(strstr(problem, "--agent nine: expected ADDRESS:PORT"));
}

static void a_listener_says_where_it_is_and_who_can_reach_it(void **state)
{
    static const struct {
        const char *where, *begins;
        bool is_local;
    } cases[] = {{"127.0.0.1:0", "127.0.0.1:", true},
                 {"localhost:0", "127.0.0.1:", true},
                 {"0.0.0.0:0", "0.0.0.0:", false},
                 {":0", "0.0.0.0:", false}};
    static const char *const wrong[] = {"",          "127.0.0.1",   "127.0.0.1:", "127.0.0.1:x",
                                        "[::1]80",   "a:b:c:80",    "x:65536",    "x:-1",
                                        "[nine]:80", "127.0.0.1:8 "};
    struct listener listener;
    char problem[300];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            listener_open(&listener, "--listen", cases[i].where, problem, sizeof problem), 0);
        assert_ptr_equal(strstr(listener.address, cases[i].begins), listener.address);
        assert_int_equal(listener.is_local, cases[i].is_local);
        assert_true(listener.port > 0);
        close(listener.fd);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(listener_open(&listener, "--listen", wrong[i], problem, sizeof problem),
                         -1);
        assert_non_null(strstr(problem, "--listen"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_caller_is_told_the_share_that_is_free),
        cmocka_unit_test(a_port_that_is_taken_or_none_is_named),
        cmocka_unit_test(a_listener_says_where_it_is_and_who_can_reach_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
