/* What is counted is on the page, in Prometheus' text format. */
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "hearing.h"
#include "metrics.h"
#include "test.h"

static struct engine *engine;
static struct metrics *metrics;
static char *page;

static int setup(void **state)
{
    if (hearing_setup(state) != 0)
        return -1;
    engine = hearing_engine(1, 2, 2);
    return 0;
}

static int teardown(void **state)
{
    engine_close(engine);
    return hearing_teardown(state);
}

static int begin(void **state)
{
    metrics = metrics_open();
    return metrics ? 0 : -1;
}

static int end(void **state)
{
    free(page);
    page = NULL;
    metrics_close(metrics);
    return 0;
}

static void scrape(void)
{
    free(page);
    page = metrics_text(metrics, engine, fold_model_info(hearing_model), "a kernel");
    assert_non_null(page);
}

/* The page has this line. */
static void has(const char *line)
{
    char whole[300];

    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (!strstr(page, whole))
        fail_msg("%s is not on the page:\n%s", line, page);
}

static void every_line_is_a_sample_or_a_comment_and_no_name_is_described_twice(void **state)
{
    static const char sample[] =
        "^[a-z_][a-z0-9_]*(\\{[a-z0-9_]+=\"[^\"]*\"(,[a-z0-9_]+=\"[^\"]*\")*"
        "\\})? (-?[0-9]+(\\.[0-9]+)?(e[-+]?[0-9]+)?)$";
    static const char comment[] = "^# (HELP [a-z_]+ .+|TYPE [a-z_]+ (gauge|counter|histogram))$";
    regex_t is_sample, is_comment;
    size_t lines = 0;
    char name[100], type[150];

    scrape();
    assert_int_equal(regcomp(&is_sample, sample, REG_EXTENDED), 0);
    assert_int_equal(regcomp(&is_comment, comment, REG_EXTENDED), 0);
    char *copy = strdup(page), *rest = copy;
    assert_int_equal(page[strlen(page) - 1], '\n');
    for (char *line; (line = strtok_r(rest, "\n", &rest)); lines++) {
        if (regexec(line[0] == '#' ? &is_comment : &is_sample, line, 0, NULL, 0) != 0)
            fail_msg("%s", line);
        if (sscanf(line, "# TYPE %99s", name) == 1) {
            snprintf(type, sizeof type, "# TYPE %s ", name);
            const char *first = strstr(page, type);
            assert_null(strstr(first + 1, type));
        }
    }
    assert_true(lines > 60);
    free(copy);
    regfree(&is_sample);
    regfree(&is_comment);
}

static void requests_are_counted_by_route_and_class(void **state)
{
    metrics_request(metrics, METRICS_LISTEN, 200);
    metrics_request(metrics, METRICS_LISTEN, 204);
    metrics_request(metrics, METRICS_LISTEN, 429);
    metrics_request(metrics, METRICS_REALTIME, 101);
    metrics_request(metrics, METRICS_OTHER, 999);
    scrape();
    has("foldscribe_requests_total{route=\"/v1/listen\",code=\"2xx\"} 2");
    has("foldscribe_requests_total{route=\"/v1/listen\",code=\"4xx\"} 1");
    has("foldscribe_requests_total{route=\"/v1/realtime\",code=\"1xx\"} 1");
    assert_null(strstr(page, "route=\"other\""));
    assert_null(strstr(page, "code=\"5xx\""));
}

static void streams_are_counted_by_how_they_ended(void **state)
{
    metrics_stream(metrics, 1000);
    metrics_stream(metrics, 1000);
    metrics_stream(metrics, 1011);
    metrics_stream(metrics, 4000);
    scrape();
    has("foldscribe_streams_ended_total{code=\"1000\"} 2");
    has("foldscribe_streams_ended_total{code=\"1011\"} 1");
    has("foldscribe_streams_ended_total{code=\"other\"} 1");
}

static void a_histogram_is_cumulative_and_ends_with_all(void **state)
{
    metrics_batch(metrics, 10, 0);      /* on a bound: within it */
    metrics_batch(metrics, 10.1, 26);   /* just above one */
    metrics_batch(metrics, 90000, 400); /* above all */
    scrape();
    has("foldscribe_batch_seconds_bucket{le=\"0.01\"} 1");
    has("foldscribe_batch_seconds_bucket{le=\"0.025\"} 2");
    has("foldscribe_batch_seconds_bucket{le=\"30\"} 2");
    has("foldscribe_batch_seconds_bucket{le=\"+Inf\"} 3");
    has("foldscribe_batch_seconds_count 3");
    has("foldscribe_batch_seconds_sum 90.020100");
    has("foldscribe_batch_queue_seconds_bucket{le=\"0.01\"} 1");
    has("foldscribe_batch_queue_seconds_bucket{le=\"0.05\"} 2");
    has("foldscribe_batch_queue_seconds_count 3");
}

static void texts_are_counted_by_depth_and_reason_and_timed_where_they_are_live(void **state)
{
    const struct result_depth asked = {.used = 2, .reason = RESULT_BY_REQUEST, .actual_ms = 30};
    const struct result_depth loaded = {.used = 1, .reason = RESULT_BY_LOAD, .actual_ms = 300};

    metrics_served(metrics, METRICS_FINAL, &asked);
    metrics_served(metrics, METRICS_FINAL, &asked);
    metrics_served(metrics, METRICS_PARTIAL, &loaded);
    metrics_served(metrics, METRICS_RECORDING, &loaded);
    scrape();
    has("foldscribe_texts_total{kind=\"final\",depth=\"2\",reason=\"asked\"} 2");
    has("foldscribe_texts_total{kind=\"partial\",depth=\"1\",reason=\"load\"} 1");
    has("foldscribe_texts_total{kind=\"recording\",depth=\"1\",reason=\"load\"} 1");
    has("foldscribe_final_seconds_count 2");
    has("foldscribe_partial_seconds_bucket{le=\"0.25\"} 0");
    has("foldscribe_partial_seconds_bucket{le=\"0.5\"} 1");
    has("foldscribe_partial_seconds_count 1");
}

static void the_engine_is_asked_when_the_page_is(void **state)
{
    struct heard heard;
    struct live *live;

    scrape();
    has("foldscribe_live_streams 0");
    hearing_init(&heard);
    const struct live_options options = hearing_live_options(&heard);
    assert_int_equal(live_open(engine, &options, &live), ENGINE_OK);
    scrape();
    has("foldscribe_live_streams 1");
    live_finish(live);
    assert_true(hearing_wait_over(&heard));
    live_close(live);
    hearing_finish(&heard);
    assert_non_null(strstr(page, "model=\"tiny-"));
    assert_non_null(strstr(page, "blas=\"a kernel\"} 1\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            every_line_is_a_sample_or_a_comment_and_no_name_is_described_twice, begin, end),
        cmocka_unit_test_setup_teardown(requests_are_counted_by_route_and_class, begin, end),
        cmocka_unit_test_setup_teardown(streams_are_counted_by_how_they_ended, begin, end),
        cmocka_unit_test_setup_teardown(a_histogram_is_cumulative_and_ends_with_all, begin, end),
        cmocka_unit_test_setup_teardown(
            texts_are_counted_by_depth_and_reason_and_timed_where_they_are_live, begin, end),
        cmocka_unit_test_setup_teardown(the_engine_is_asked_when_the_page_is, begin, end),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
