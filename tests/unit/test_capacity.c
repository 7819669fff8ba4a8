#include <jansson.h>

#include "capacity.h"
#include "test.h"

static const struct admission_report report = {.unfolds = 2,
                                               .workers = 2,
                                               .cpus = 2,
                                               .trust = 0.8,
                                               .demand = 0.5,
                                               .floor_demand = 0.2,
                                               .speech_share = 0.5,
                                               .hearings = 1,
                                               .segment_ms = 5000,
                                               .max_live = 30,
                                               .max_uploads = 8,
                                               .cost = {.unfolds = 2,
                                                        .front = {0, 20},
                                                        .unfold = {[1] = {0, 10}, {0, 10}},
                                                        .tail = {[1] = {0, 10}, {0, 10}}}};

static void streams_fit_by_their_cost_and_never_more_than_are_allowed(void **state)
{
    /* 40 ms a second at depth 1, half of the time: nine tenths of 2 CPUs at 0.8
     * are 72 streams. */
    assert_int_equal(capacity_streams(&report, 1, false), 30);
    struct admission_report roomy = report;
    roomy.max_live = 1000;
    assert_int_equal(capacity_streams(&roomy, 1, false), 72);
    assert_int_equal(capacity_streams(&roomy, 2, false), 57);
    assert_true(capacity_streams(&roomy, 2, true) < 25);
    assert_float_equal(capacity_batch_rate(&report, 1), 50, 1e-9);
    roomy.cost = (struct cost){.unfolds = 2}; /* nothing is known yet */
    assert_int_equal(capacity_streams(&roomy, 1, true), 1000);
    assert_float_equal(capacity_batch_rate(&roomy, 1), 0, 0);
}

static void workers_beyond_the_cpus_promise_nothing(void **state)
{
    struct admission_report crowded = report;

    crowded.max_live = 1000;
    crowded.workers = 64;
    assert_int_equal(capacity_streams(&crowded, 1, false), 72);
    crowded.cpus = 0.5;
    assert_int_equal(capacity_streams(&crowded, 1, false), 18);
    assert_float_equal(capacity_batch_rate(&crowded, 1), 12.5, 1e-9);
}

static void one_stream_needs_less_than_a_cpu_and_a_hundredth_of_one_is_too_little(void **state)
{
    struct admission_report tiny = report;

    assert_true(capacity_least_cpus(&report) < report.cpus);
    tiny.cpus = 0.01;
    assert_true(capacity_least_cpus(&tiny) > tiny.cpus);
    assert_int_equal(capacity_streams(&tiny, 1, true), 0);
}

static void the_page_is_json_with_every_depth(void **state)
{
    char *text = capacity_json(&report, "seed", "kernel");
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    assert_int_equal(json_array_size(json_object_get(json, "depths")), 2);
    assert_float_equal(
        json_number_value(json_object_get(json_object_get(json, "load"), "headroom")), 0.722, 1e-9);
    json_decref(json);
    free(text);
}

static void headroom_is_what_is_scarcer_computing_or_places(void **state)
{
    struct admission_report busy = report;
    assert_float_equal(capacity_headroom(&busy), 1 - 0.2 / (0.9 * 0.8), 1e-9);
    busy.live = 27;
    assert_float_equal(capacity_headroom(&busy), 0.1, 1e-9);
    busy.floor_demand = 0.9;
    assert_float_equal(capacity_headroom(&busy), 0, 0);
    busy.trust = 0;
    assert_float_equal(capacity_headroom(&busy), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_fit_by_their_cost_and_never_more_than_are_allowed),
        cmocka_unit_test(workers_beyond_the_cpus_promise_nothing),
        cmocka_unit_test(one_stream_needs_less_than_a_cpu_and_a_hundredth_of_one_is_too_little),
        cmocka_unit_test(the_page_is_json_with_every_depth),
        cmocka_unit_test(headroom_is_what_is_scarcer_computing_or_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
