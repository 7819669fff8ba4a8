#include "arrivals.h"
#include "test.h"

static void bytes_came_with_the_push_that_brought_the_last_of_them(void **state)
{
    struct arrivals a = {.count = 0};

    arrivals_push(&a, 100, 1);
    arrivals_push(&a, 200, 2);
    arrivals_push(&a, 300, 3);
    assert_float_equal(arrivals_oldest_ms(&a, 9), 1, 0);
    assert_float_equal(arrivals_take(&a, 50), 1, 0);
    assert_float_equal(arrivals_take(&a, 100), 1, 0);
    assert_float_equal(arrivals_oldest_ms(&a, 9), 2, 0);
    assert_float_equal(arrivals_take(&a, 201), 3, 0);
    assert_float_equal(arrivals_oldest_ms(&a, 9), 3, 0);
    assert_float_equal(arrivals_take(&a, 300), 3, 0);
    assert_float_equal(arrivals_oldest_ms(&a, 9), 9, 0);
}

static void too_many_pushes_overstate_latency_and_never_understate_it(void **state)
{
    struct arrivals a = {.count = 0};

    for (int i = 1; i <= 3 * ARRIVALS_MOST; i++)
        arrivals_push(&a, (uint64_t)i * 10, i);
    for (int i = 1; i <= 3 * ARRIVALS_MOST; i++)
        assert_true(arrivals_take(&a, (uint64_t)i * 10) <= i);
    assert_float_equal(arrivals_oldest_ms(&a, -1), -1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_came_with_the_push_that_brought_the_last_of_them),
        cmocka_unit_test(too_many_pushes_overstate_latency_and_never_understate_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
