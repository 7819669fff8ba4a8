/* Waits are measured by a clock that never goes back; stamps are ISO 8601 in UTC. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "clock.h"
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

static void a_wait_ends_at_its_time_by_the_same_clock(void **state)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never;

    assert_int_equal(clock_cond_init(&never), 0);
    pthread_mutex_lock(&lock);
    const double until_ms = clock_now_ms() + 20;
    while (clock_now_ms() < until_ms)
        clock_cond_wait(&never, &lock, until_ms);
    clock_cond_wait(&never, &lock, clock_now_ms() - 1000); /* long over: returns */
    pthread_mutex_unlock(&lock);
    pthread_cond_destroy(&never);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(now_never_goes_back_and_a_lap_ends_where_the_next_begins),
        cmocka_unit_test(who_sleeps_has_no_cpu_meanwhile),
        cmocka_unit_test(a_stamp_is_read_back_as_the_time_it_was_made),
        cmocka_unit_test(a_wait_ends_at_its_time_by_the_same_clock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
