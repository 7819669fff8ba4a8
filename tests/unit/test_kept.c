/* What a socket does not take waits, in order; and its reader is looked at. */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kept.h"
#include "test.h"

#define MUCH 40000000

static int pair[2];

static int open_pair(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int listener = socket(AF_INET, SOCK_STREAM, 0), most = 65536;

    pair[1] = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(pair[1], SOL_SOCKET, SO_RCVBUF, &most, sizeof most);
    if (bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) != 0 ||
        connect(pair[1], (struct sockaddr *)&address, length) != 0)
        return -1;
    pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    fcntl(pair[1], F_SETFL, O_NONBLOCK);
    return close(listener);
}

static int close_pair(void **state)
{
    close(pair[0]);
    return pair[1] < 0 ? 0 : close(pair[1]);
}

static size_t read_some(size_t most)
{
    static char bytes[65536];
    size_t count = 0;
    while (count < most) {
        struct pollfd readable = {.fd = pair[1], .events = POLLIN};
        if (poll(&readable, 1, 500) <= 0)
            break;
        const ssize_t n = recv(pair[1], bytes, most - count < 65536 ? most - count : 65536, 0);
        if (n <= 0)
            break;
        count += (size_t)n;
    }
    return count;
}

static void what_is_not_taken_now_comes_later_and_whole(void **state)
{
    static char much[MUCH];
    struct kept kept = {0};
    size_t count = 0;

    assert_true(kept_pass(&kept, pair[0], much, MUCH));
    assert_non_null(kept.bytes);
    while (kept.bytes) {
        count += read_some(100000);
        assert_true(kept_flush(&kept, pair[0]));
    }
    assert_int_equal(count + read_some(MUCH), MUCH);
}

static void who_reads_nothing_or_next_to_nothing_is_slow(void **state)
{
    static char much[MUCH];
    struct kept kept = {0};

    assert_false(kept_is_slow(&kept, pair[0], 100000000, 1000));
    assert_true(kept_pass(&kept, pair[0], much, MUCH));
    read_some(1); /* what is on its way has come */
    int64_t now_ms = kept.since_ms;
    assert_false(kept_is_slow(&kept, pair[0], now_ms + 1000, 1000));
    kept_is_slow(&kept, pair[0], now_ms += 1001, 1000);
    assert_true(kept_is_slow(&kept, pair[0], now_ms += 1001, 1000));
    read_some(10); /* a byte now and then: never still, and never done */
    assert_true(kept_is_slow(&kept, pair[0], now_ms += 1001, 1000));
    kept_drop(&kept);
}

static void who_reads_slowly_but_reads_is_borne_though_the_socket_takes_nothing(void **state)
{
    static char much[MUCH];
    struct kept kept = {0};

    assert_true(kept_pass(&kept, pair[0], much, MUCH));
    int64_t now_ms = kept.since_ms;
    const uint64_t sent = kept.sent;
    for (int i = 0; i < 5; i++) {
        assert_true(read_some(150000) >= 100000); /* windows open in steps */
        assert_false(kept_is_slow(&kept, pair[0], now_ms += 20001, 20000));
    }
    assert_int_equal(kept.sent, sent);
    kept_drop(&kept);
}

static void who_is_gone_is_told_apart(void **state)
{
    static char much[MUCH];
    struct kept kept = {0};

    assert_true(kept_pass(&kept, pair[0], much, MUCH));
    close(pair[1]); /* with bytes unread: a reset */
    pair[1] = -1;
    struct pollfd reset = {.fd = pair[0], .events = POLLIN};
    assert_int_equal(poll(&reset, 1, 5000), 1);
    assert_false(kept_flush(&kept, pair[0]));
    kept_drop(&kept);
    assert_false(kept_pass(&kept, pair[0], much, 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_taken_now_comes_later_and_whole, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(who_reads_nothing_or_next_to_nothing_is_slow, open_pair,
                                        close_pair),
        cmocka_unit_test_setup_teardown(
            who_reads_slowly_but_reads_is_borne_though_the_socket_takes_nothing, open_pair,
            close_pair),
        cmocka_unit_test_setup_teardown(who_is_gone_is_told_apart, open_pair, close_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
