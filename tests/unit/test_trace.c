#include <string.h>

#include "test.h"
#include "trace.h"

#define ID   "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static void a_trace_is_taken_and_passed_on_under_our_own_span(void **state)
{
    struct trace trace;
    char header[TRACE_HEADER];
    trace_read(&trace, "00-" ID "-" SPAN "-01");
    assert_string_equal(trace.id, ID);
    assert_true(trace_write(&trace, "8f14e45f-ceea-467a-9b3d-1234567890ab", header));
    assert_string_equal(header, "00-" ID "-8f14e45fceea467a-01");
    trace_read(&trace, "cc-" ID "-" SPAN "-00-what-comes-later");
    assert_string_equal(trace.id, ID);
    assert_string_equal(trace.flags, "00");
}

static void what_is_not_as_the_standard_says_leaves_no_trace(void **state)
{
    static const char *const wrong[] = {"",
                                        "00",
                                        "00-" ID "-" SPAN,
                                        "00-" ID "-" SPAN "-01-more",
                                        "00-" ID "-" SPAN "-0",
                                        "00-" ID "-" SPAN "-0g",
                                        "00-" ID "-" SPAN "-01 ",
                                        "ff-" ID "-" SPAN "-01",
                                        "0-" ID "-" SPAN "-001",
                                        "00-00000000000000000000000000000000-" SPAN "-01",
                                        "00-" ID "-0000000000000000-01",
                                        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
                                        "00_" ID "-" SPAN "-01",
                                        "cc-" ID "-" SPAN "-01.more"};
    struct trace trace;
    char header[TRACE_HEADER];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        trace_read(&trace, wrong[i]);
        if (*trace.id || trace_write(&trace, "8f14e45f-ceea-467a-9b3d-1234567890ab", header))
            fail_msg("\"%s\" leaves a trace", wrong[i]);
    }
    trace_read(&trace, NULL);
    assert_string_equal(trace.id, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_is_taken_and_passed_on_under_our_own_span),
        cmocka_unit_test(what_is_not_as_the_standard_says_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
