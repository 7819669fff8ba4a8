#include <fcntl.h>

#include "backlog.h"
#include "test.h"

/* Pushes and pulls by chance until a megabyte went through; the bytes tell their place. Returns the
 * greatest part that was in the file. */
static uint64_t go_through(struct backlog *b, size_t most_waiting)
{
    static uint8_t bytes[3000];
    uint64_t pushed = 0, pulled = 0, far = 0;
    double now_ms = 0, came_ms = 0;
    unsigned seed = 5;

    while (pulled < 1000000) {
        seed = seed * 1664525u + 1013904223u;
        const size_t count = (seed >> 8) % sizeof bytes;
        if (backlog_count(b) + count <= most_waiting) {
            for (size_t i = 0; i < count; i++)
                bytes[i] = (uint8_t)((pushed + i) * 2654435761u >> 24);
            assert_int_equal(backlog_push(b, bytes, count, ++now_ms), 0);
            pushed += count;
        }
        far = b->far_count > far ? b->far_count : far;
        seed = seed * 1664525u + 1013904223u;
        const double before_ms = came_ms;
        const long got = backlog_pull(b, bytes, (seed >> 8) % sizeof bytes, now_ms, &came_ms);
        assert_true(got >= 0 && came_ms >= before_ms && came_ms <= now_ms);
        for (size_t i = 0; i < (size_t)got; i++)
            assert_int_equal(bytes[i], (uint8_t)((pulled + i) * 2654435761u >> 24));
        pulled += (uint64_t)got;
        assert_int_equal(backlog_count(b), pushed - pulled);
    }
    return far;
}

static void bytes_come_out_in_order_through_memory_and_file(void **state)
{
    struct backlog b;

    backlog_init(&b, 1000, "/tmp", 20000);
    assert_true(go_through(&b, 21000) > 10000);
    backlog_finish(&b);
}

static void what_fits_in_memory_needs_no_file(void **state)
{
    struct backlog b;

    backlog_init(&b, 10000, "/there/is/no/such/folder", 20000);
    assert_int_equal(go_through(&b, 10000), 0);
    backlog_finish(&b);
}

static void without_a_folder_all_stays_in_memory(void **state)
{
    struct backlog b;

    backlog_init(&b, 10, NULL, 0);
    assert_int_equal(go_through(&b, 100000), 0);
    backlog_finish(&b);
}

static void what_does_not_fit_is_refused_whole(void **state)
{
    static const uint8_t bytes[3000] = {1};
    struct backlog b;

    backlog_init(&b, 1000, "/tmp", 4000);
    assert_int_equal(backlog_push(&b, bytes, 1000, 1), 0);
    assert_int_equal(backlog_push(&b, bytes, 3000, 2), 0);
    assert_int_equal(b.far_count, 3000);
    assert_int_equal(backlog_push(&b, bytes, 1001, 3), -1);
    assert_int_equal(backlog_count(&b), 4000);
    assert_int_equal(backlog_push(&b, bytes, 1000, 4), 0);
    backlog_finish(&b);
    backlog_init(&b, 1000, "/there/is/no/such/folder", 4000);
    assert_int_equal(backlog_push(&b, bytes, 1001, 5), -1);
    assert_int_equal(backlog_count(&b), 0);
    backlog_finish(&b);
}

static void an_empty_file_is_given_back(void **state)
{
    static uint8_t bytes[3000];
    struct backlog b;
    double came_ms;

    backlog_init(&b, 1000, "/tmp", 4000);
    assert_int_equal(backlog_push(&b, bytes, 3000, 1), 0);
    const int fd = b.fd;
    assert_true(fd >= 0 && fcntl(fd, F_GETFD) >= 0);
    assert_int_equal(backlog_pull(&b, bytes, 100, 7, &came_ms), 100);
    assert_true(came_ms == 7); /* when it came back from the file */
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_int_equal(backlog_pull(&b, bytes, 3000, 8, &came_ms), 2900);
    assert_int_equal(backlog_count(&b), 0);
    backlog_finish(&b);
}

static void marks_keep_their_places_among_the_bytes(void **state)
{
    static uint8_t bytes[3000];
    struct backlog b;
    double came_ms;

    backlog_init(&b, 1000, "/tmp", 4000);
    assert_int_equal(backlog_mark(&b), 0);
    assert_true(backlog_is_marked(&b));
    backlog_unmark(&b);
    assert_false(backlog_is_marked(&b));
    assert_int_equal(backlog_push(&b, bytes, 500, 1), 0);
    assert_int_equal(backlog_mark(&b), 0);
    assert_int_equal(backlog_push(&b, bytes, 2000, 2), 0); /* to the file */
    for (int i = 0; i < BACKLOG_MARKS + 5; i++)
        assert_int_equal(backlog_mark(&b), 0);
    assert_int_equal(backlog_push(&b, bytes, 1, 3), 0);
    assert_false(backlog_is_marked(&b));
    assert_int_equal(backlog_pull(&b, bytes, 3000, 4, &came_ms), 500);
    assert_true(backlog_is_marked(&b) && came_ms == 1);
    assert_int_equal(backlog_pull(&b, bytes, 3000, 4, &came_ms), 0);
    backlog_unmark(&b);
    assert_int_equal(backlog_pull(&b, bytes, 3000, 5, &came_ms), 2000);
    /* The last of so many stands for those behind it. */
    for (int i = 0; i < BACKLOG_MARKS - 1; i++) {
        assert_true(backlog_is_marked(&b));
        backlog_unmark(&b);
    }
    assert_false(backlog_is_marked(&b));
    assert_int_equal(backlog_pull(&b, bytes, 3000, 6, &came_ms), 1);
    backlog_finish(&b);
}

static void what_is_cleared_is_forgotten_with_its_marks_and_its_file(void **state)
{
    static uint8_t bytes[3000];
    struct backlog b;
    double came_ms = 0;

    backlog_init(&b, 1000, "/tmp", 100000);
    assert_int_equal(backlog_push(&b, bytes, 3000, 1), 0);
    assert_int_equal(backlog_mark(&b), 0);
    backlog_clear(&b);
    assert_int_equal(backlog_count(&b), 0);
    assert_int_equal(b.marks_count, 0);
    assert_true(b.fd < 0);
    bytes[0] = 7;
    assert_int_equal(backlog_push(&b, bytes, 2000, 2), 0);
    bytes[0] = 0;
    assert_int_equal(backlog_pull(&b, bytes, 1, 3, &came_ms), 1);
    assert_int_equal(bytes[0], 7);
    backlog_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_in_order_through_memory_and_file),
        cmocka_unit_test(what_fits_in_memory_needs_no_file),
        cmocka_unit_test(without_a_folder_all_stays_in_memory),
        cmocka_unit_test(what_does_not_fit_is_refused_whole),
        cmocka_unit_test(an_empty_file_is_given_back),
        cmocka_unit_test(what_is_cleared_is_forgotten_with_its_marks_and_its_file),
        cmocka_unit_test(marks_keep_their_places_among_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
