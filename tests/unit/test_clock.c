/* Waits are measured by a clock that never goes back; stamps are ISO 8601 in UTC. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "hex.h"
#include "test.h"

static void now_never_goes_back_and_a_lap_ends_where_the_next_begins(void **state)
{
    const struct clock_lap begun = clock_lap_begin();
    struct clock_lap lap = begun;
    double wall_s = 0, cpu_s = 0;

    for (int i = 0; i < 1000; i++) {
        const struct clock_spent spent = clock_lap_next(&lap);
        assert_true(spent.wall_s >= 0 && spent.cpu_s >= 0);
        wall_s += spent.wall_s;
        cpu_s += spent.cpu_s;
    }
    assert_true(fabs(wall_s * 1e3 - (lap.wall_ms - begun.wall_ms)) < 1e-3);
    assert_true(fabs(cpu_s * 1e3 - (lap.cpu_ms - begun.cpu_ms)) < 1e-3);
    assert_true(clock_now_ms() >= lap.wall_ms);
}

static void who_sleeps_has_no_cpu_meanwhile(void **state)
{
    struct clock_lap lap = clock_lap_begin();
    const struct timespec nap = {0, 50000000};

    nanosleep(&nap, NULL);
    const struct clock_spent spent = clock_lap_next(&lap);
    assert_true(spent.wall_s >= 0.05);
    assert_true(spent.cpu_s < spent.wall_s / 2);
}

static void a_stamp_is_read_back_as_the_time_it_was_made(void **state)
{
    const int64_t before_s = clock_unix_s();
    char text[CLOCK_UTC_BYTES];
    struct tm utc = {0};

    clock_utc(text);
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
    assert_non_null(rest);
    assert_int_equal(rest[0], '.');
    assert_int_equal(strspn(rest + 1, "0123456789"), 3);
    assert_string_equal(rest + 4, "Z");
    assert_in_range(timegm(&utc), before_s, clock_unix_s());
}

static void bytes_are_two_digits_each(void **state)
{
    static const unsigned char bytes[] = {0x00, 0x7f, 0xa0, 0xff};
    char text[2 * sizeof bytes + 1];

    hex_write(text, bytes, sizeof bytes);
    assert_string_equal(text, "007fa0ff");
    hex_write(text, bytes, 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now_never_goes_back_and_a_lap_ends_where_the_next_begins),
        cmocka_unit_test(who_sleeps_has_no_cpu_meanwhile),
        cmocka_unit_test(a_stamp_is_read_back_as_the_time_it_was_made),
        cmocka_unit_test(bytes_are_two_digits_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
