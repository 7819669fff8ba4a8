#include "test.h"

#include <string.h>

#include "outbox.h"

static void expect(struct outbox *o, const char *text, int code)
{
    const char *reason = NULL;
    int got;
    char *message = outbox_pop(o, &got, &reason);

    assert_int_equal(got, code);
    if (text)
        assert_string_equal(message, text);
    else
        assert_null(message);
    free(message);
}

static void messages_come_out_in_order_and_the_end_behind_them(void **state)
{
    struct outbox o;

    assert_int_equal(outbox_init(&o, 100), 0);
    outbox_push(&o, strdup("one"));
    outbox_push(&o, strdup("two"));
    outbox_end(&o, 1000, "");
    outbox_push(&o, strdup("too late"));
    outbox_end(&o, 1011, "not the first");
    assert_false(outbox_is_empty(&o));
    expect(&o, "one", 0);
    expect(&o, "two", 0);
    expect(&o, NULL, 1000);
    outbox_finish(&o);
}

static void an_empty_box_says_stay_open(void **state)
{
    struct outbox o;

    assert_int_equal(outbox_init(&o, 100), 0);
    assert_true(outbox_is_empty(&o));
    expect(&o, NULL, 0);
    outbox_push(&o, strdup("one"));
    expect(&o, "one", 0);
    expect(&o, NULL, 0);
    outbox_finish(&o);
}

static void a_reader_too_slow_is_closed_with_a_reason(void **state)
{
    struct outbox o;

    assert_int_equal(outbox_init(&o, 8), 0);
    outbox_push(&o, strdup("12345"));
    outbox_push(&o, strdup("67890"));
    expect(&o, NULL, 1011);
    outbox_finish(&o);
}

static void memory_that_ran_out_ends_the_stream(void **state)
{
    struct outbox o;

    assert_int_equal(outbox_init(&o, 100), 0);
    outbox_push(&o, NULL);
    expect(&o, NULL, 1011);
    outbox_finish(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_in_order_and_the_end_behind_them),
        cmocka_unit_test(an_empty_box_says_stay_open),
        cmocka_unit_test(a_reader_too_slow_is_closed_with_a_reason),
        cmocka_unit_test(memory_that_ran_out_ends_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
