/* What a socket does not take waits, in order; and its reader is looked at. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kept.h"
#include "test.h"

#define MUCH 4000000

static int pair[2];

static int open_pair(void **state)
{
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
}

static int close_pair(void **state)
{
    close(pair[0]);
    return close(pair[1]);
}

static size_t read_some(size_t most)
{
    static char bytes[65536];
    size_t count = 0;
    while (count < most) {
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

    assert_false(kept_is_slow(&kept, 100000000, 1000));
    assert_true(kept_pass(&kept, pair[0], much, MUCH));
    const int64_t now_ms = kept.since_ms;
    assert_false(kept_is_slow(&kept, now_ms + 1000, 1000));
    assert_true(kept_is_slow(&kept, now_ms + 1001, 1000));
    kept.taken += 499; /* never still, and never done */
    assert_false(kept_is_slow(&kept, now_ms + 1500, 1000));
    assert_true(kept_is_slow(&kept, now_ms + 2100, 1000));
    kept_drop(&kept);
}

static void who_reads_slowly_but_reads_is_borne(void **state)
{
    static char much[MUCH];
    struct kept kept = {0};

    assert_true(kept_pass(&kept, pair[0], much, MUCH));
    int64_t now_ms = kept.since_ms;
    for (int i = 0; i < 10; i++) {
        const size_t before = kept.taken;
        read_some(200000);
        assert_true(kept_flush(&kept, pair[0]));
        assert_true(kept.taken > before + 1000);
        assert_false(kept_is_slow(&kept, now_ms += 1500, 1000));
    }
    kept_drop(&kept);
}

static void who_is_gone_is_told_apart(void **state)
{
    static char much[MUCH];
    struct kept kept = {0};

    assert_true(kept_pass(&kept, pair[0], much, MUCH));
    shutdown(pair[1], SHUT_RDWR);
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
        cmocka_unit_test_setup_teardown(who_reads_slowly_but_reads_is_borne, open_pair, close_pair),
        cmocka_unit_test_setup_teardown(who_is_gone_is_told_apart, open_pair, close_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
