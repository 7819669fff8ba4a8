/* The policy in traffic: see traffic.h. Two workers; by the cost table about nine streams with
 * partials fit at full depth, and eighteen at the floor. */
#include <math.h>

#include "admission.h"
#include "test.h"
#include "traffic.h"

#define MINUTE_MS   60000.0
#define SUSTAINABLE 9

static struct traffic_client clients[1024];
static struct traffic_trace trace;

static int fresh(void **state)
{
    trace = (struct traffic_trace){
        .unfolds = 3,
        .workers = 2,
        .max_live = 1000,
        .max_uploads = 64,
        .cost = {.unfolds = 3,
                 .front = {5, 14},
                 .unfold = {[1] = {3, 11}, {3, 11}, {3, 11}},
                 .tail = {[1] = {2, 12}, {2, 11}, {2, 10}}},
        .tiers = {tier_default(3), tier_default(3)},
        .length_ms = 2 * MINUTE_MS,
        .clients = clients,
    };
    return 0;
}

static void add(struct traffic_client client)
{
    clients[trace.clients_count++] = client;
}

/* Streams that come together and stay, each of its own key. */
static void add_streams(size_t count, double at_ms, double length_ms, uint32_t tier)
{
    for (size_t i = 0; i < count; i++)
        add((struct traffic_client){.at_ms = at_ms + 37 * (double)i,
                                    .length_ms = length_ms,
                                    .key = 100 + trace.clients_count,
                                    .tier = tier,
                                    .partials = true});
}

static struct traffic_result *run(void)
{
    struct traffic_result *result = traffic_run(&trace);

    for (size_t t = 0; t < TRAFFIC_TIERS; t++) {
        assert_int_equal(result->tiers[t].below_floor, 0);
        assert_int_equal(result->tiers[t].above_ceiling, 0);
    }
    return result;
}

/* p95 of finals of the first tier; frees the result. */
static double p95_of(struct traffic_result *result)
{
    const double p95_ms = traffic_percentile(&result->tiers[0], 95);

    free(result);
    return p95_ms;
}

static double unloaded_p95_ms(void)
{
    const size_t before = trace.clients_count;

    trace.clients_count = 0;
    add_streams(SUSTAINABLE / 2, 0, 1.9 * MINUTE_MS, 0);
    const double p95_ms = p95_of(run());
    trace.clients_count = before;
    return p95_ms;
}

static void what_fits_gets_its_full_depth(void **state)
{
    add_streams(SUSTAINABLE, 0, 1.9 * MINUTE_MS, 0);
    struct traffic_result *result = run();
    assert_int_equal(result->tiers[0].refused, 0);
    assert_int_equal(result->tiers[0].by_depth[3], result->tiers[0].finals);
    free(result);
}

static void twice_what_fits_is_served_shallower_but_in_time(void **state)
{
    const double unloaded_ms = unloaded_p95_ms();

    add_streams(2 * SUSTAINABLE, 0, 1.9 * MINUTE_MS, 0);
    struct traffic_result *result = run();
    assert_int_equal(result->tiers[0].refused, 0);
    assert_true(result->tiers[0].by_depth[3] < result->tiers[0].finals);
    const double policy_ms = p95_of(result);
    assert_true(policy_ms <= 2 * unloaded_ms);
    /* A server of fixed depth does not do it, so the test can tell. */
    trace.fixed_depth = true;
    assert_true(p95_of(run()) > 1.4 * policy_ms);
}

static void depth_is_given_back_when_a_burst_is_over(void **state)
{
    add_streams(2, 0, 1.9 * MINUTE_MS, 0);
    add_streams(3 * SUSTAINABLE, 20000, 20000, 1);
    struct traffic_result *result = run();
    assert_true(result->highest_level > 1);
    /* Of the two that stay only what the burst's half minute and the climb back cost. */
    assert_true(result->tiers[0].by_depth[3] >= result->tiers[0].finals / 2);
    assert_true(result->tiers[1].by_depth[3] < result->tiers[1].finals);
    free(result);
}

static void nobody_is_refused_while_depth_can_still_fall(void **state)
{
    for (int i = 0; i < 60; i++) /* a slow ramp to three times what the floor can carry */
        add((struct traffic_client){
            .at_ms = 1500.0 * i, .length_ms = 2 * MINUTE_MS, .key = (uint64_t)i, .partials = true});
    struct traffic_result *result = run();
    assert_true(result->tiers[0].refused > 0);
    assert_int_equal(result->tiers[0].refused_with_room, 0);
    assert_true(p95_of(result) < 1500); /* whoever was let in is served */
}

static void retry_after_is_true(void **state)
{
    trace.length_ms = 6 * MINUTE_MS;
    for (int i = 0; i < 60; i++)
        add((struct traffic_client){.at_ms = 3000.0 * i,
                                    .length_ms = 40000 + 5000 * (i * 7919 % 7),
                                    .key = (uint64_t)i,
                                    .partials = true,
                                    .returns = true});
    for (int i = 0; i < 12; i++)
        add((struct traffic_client){.at_ms = 100000 + 50.0 * i,
                                    .length_ms = 40000,
                                    .key = 100 + (uint64_t)i,
                                    .partials = true,
                                    .returns = true});
    struct traffic_result *result = run();
    const struct traffic_sum *sum = &result->tiers[0];
    assert_true(sum->returned >= 10);
    assert_true((double)sum->told_true >= 0.8 * (double)sum->admitted_later);
    free(result);
}

static struct admission with_uploads(uint32_t workers, uint32_t most)
{
    struct admission admission;
    const struct admission_options options = {
        .unfolds = 3, .workers = workers, .max_live = 4, .max_uploads = most, .adaptive = true};

    assert_int_equal(admission_init(&admission, &options, 0), 0);
    return admission;
}

static void a_place_that_is_free_is_given(void **state)
{
    struct admission admission = with_uploads(2, 64);
    struct admission_stream streams[6] = {{.tier = tier_default(3)}};
    double retry_ms, now_ms = 0;

    for (int i = 0; i < 100; i++) /* at once */
        assert_int_equal(admission_begin_upload(&admission, now_ms, &retry_ms), i < 64);
    for (int i = 0; i < 64; i++)
        admission_end_upload(&admission, now_ms += 40);
    for (int i = 0; i < 140; i++) { /* then one a second */
        assert_true(admission_begin_upload(&admission, now_ms += 1000, &retry_ms));
        admission_end_upload(&admission, now_ms + 40);
    }
    for (int i = 0; i < 6; i++) {
        streams[i] = streams[0];
        assert_int_equal(admission_join(&admission, &streams[i], now_ms, &retry_ms), i < 4);
    }
    for (int i = 0; i < 50; i++) { /* one goes, and somebody else comes at once */
        admission_leave(&admission, &streams[0], now_ms += 100);
        assert_true(admission_join(&admission, &streams[0], now_ms, &retry_ms));
    }
    admission_finish(&admission);
}

/* Uploads of five seconds by two workers, the first come first: places become free every 2.5 s. */
static void whoever_is_refused_is_told_when_his_place_is_free(void **state)
{
    struct admission admission = with_uploads(2, 8);
    double retry_ms, now_ms = 0;

    for (int i = 0; i < 8; i++)
        admission_begin_upload(&admission, now_ms, &retry_ms);
    for (int i = 0; i < 20; i++) {
        admission_end_upload(&admission, now_ms += 2500);
        admission_begin_upload(&admission, now_ms, &retry_ms);
    }
    for (int i = 1; i <= 10; i++) {
        const double free_ms = 2500 * i;
        assert_false(admission_begin_upload(&admission, now_ms, &retry_ms));
        assert_true(retry_ms >= free_ms / 2 && retry_ms <= free_ms * 2);
    }
    /* Nobody comes back. It is not held against those who are refused later. */
    for (int i = 0; i < 20; i++) {
        admission_end_upload(&admission, now_ms += 2500);
        admission_begin_upload(&admission, now_ms, &retry_ms);
    }
    assert_false(admission_begin_upload(&admission, now_ms, &retry_ms));
    assert_true(retry_ms <= 5000);
    admission_finish(&admission);
}

static void premium_is_held_while_free_degrades(void **state)
{
    trace.tiers[0].priority = 2;
    trace.tiers[1].priority = 0;
    add_streams(3, 0, 1.9 * MINUTE_MS, 0);
    const double alone_ms = p95_of(run());
    add_streams(12, 10000, 1.7 * MINUTE_MS, 1);
    struct traffic_result *result = run();
    struct traffic_sum *premium = &result->tiers[0], *free_tier = &result->tiers[1];
    assert_int_equal(premium->by_depth[3], premium->finals);
    assert_true(free_tier->by_depth[3] < free_tier->finals);
    assert_true(traffic_percentile(premium, 95) <= 1.5 * alone_ms);
    free(result);
}

static void a_floor_is_kept_whatever_comes(void **state)
{
    trace.tiers[0].depth_floor = 2;
    add_streams(10 * SUSTAINABLE, 0, 1.9 * MINUTE_MS, 0);
    struct traffic_result *result = run();
    assert_int_equal(result->tiers[0].by_depth[1], 0);
    assert_true(result->tiers[0].by_depth[2] > 0);
    free(result);
}

static void one_greedy_client_slows_itself(void **state)
{
    for (int i = 0; i < 2 * SUSTAINABLE - 4; i++)
        add((struct traffic_client){
            .at_ms = 10 * i, .length_ms = 1.9 * MINUTE_MS, .key = 1, .partials = true});
    for (uint64_t key = 2; key < 5; key++)
        add((struct traffic_client){
            .at_ms = 1000, .length_ms = 1.9 * MINUTE_MS, .key = key, .partials = true});
    struct traffic_result *result = run();
    for (uint64_t key = 2; key < 5; key++) {
        assert_true(result->tiers[0].of_key_finals[key] > 10);
        assert_true(result->tiers[0].of_key_worst_ms[key] <
                    0.6 * result->tiers[0].of_key_worst_ms[1]);
    }
    free(result);
}

static void uploads_neither_starve_nor_push(void **state)
{
    const double unloaded_ms = unloaded_p95_ms();

    add_streams(2 * SUSTAINABLE, 0, 1.9 * MINUTE_MS, 0);
    for (int i = 0; i < 6; i++)
        add((struct traffic_client){
            .at_ms = 5000, .length_ms = 60 * MINUTE_MS, .key = 50, .tier = 1, .is_upload = true});
    struct traffic_result *result = run();
    assert_true(result->tiers[1].upload_ms > 0);
    assert_true(result->tiers[1].upload_gap_ms < 7000);
    assert_true(p95_of(result) <= 2 * unloaded_ms);
}

static double two_and_a_half_times_in_the_middle(double now_ms)
{
    return now_ms > 40000 && now_ms < 80000 ? 2.5 : 1;
}

static void another_program_on_the_machine_is_noticed(void **state)
{
    trace.slowdown = two_and_a_half_times_in_the_middle;
    trace.length_ms = 3 * MINUTE_MS;
    add_streams(SUSTAINABLE * 3 / 4, 0, 2.9 * MINUTE_MS, 0);
    struct traffic_result *result = run();
    const struct traffic_sum *sum = &result->tiers[0];
    assert_true(sum->by_depth[3] < sum->finals);
    assert_true(sum->by_depth[3] > sum->finals / 2);
    const double policy_ms = p95_of(result);
    trace.fixed_depth = true;
    assert_true(p95_of(run()) > 1.3 * policy_ms);
}

static void depth_does_not_flutter(void **state)
{
    /* Streams come and go for ten minutes around what fits at full depth. */
    trace.length_ms = 10 * MINUTE_MS;
    for (int i = 0; i < 240; i++)
        add((struct traffic_client){.at_ms = 2500.0 * i,
                                    .length_ms = 20000 + 4000 * (i * 7919 % 7),
                                    .key = (uint64_t)i,
                                    .partials = true});
    struct traffic_result *result = run();
    assert_true(result->level_changes > 1);
    assert_true(result->level_changes <= 6 * 10);
    assert_true(result->tiers[0].changes_a_minute <= 6);
    free(result);
    /* And a load that sits on the threshold. */
    trace.clients_count = 0;
    add_streams(SUSTAINABLE + 4, 0, 9.9 * MINUTE_MS, 0);
    result = run();
    assert_true(result->level_changes <= 4 * 10);
    assert_true(result->tiers[0].changes_a_minute <= 4);
    free(result);
}

static void limits_of_places_hold_and_fill_lowers_uploads_first(void **state)
{
    struct admission admission;
    struct admission_stream streams[3] = {
        {.tier = tier_default(3)}, {.tier = tier_default(3)}, {.tier = tier_default(3)}};
    struct tier tier = tier_default(3);
    struct depth_question question = {.kind = DEPTH_UPLOAD, .tier = &tier, .audio_ms = 1000};
    const struct admission_options options = {
        .unfolds = 3, .workers = 1, .max_live = 2, .max_uploads = 10, .adaptive = true};
    double retry_ms = 0;

    assert_int_equal(admission_init(&admission, &options, 0), 0);
    assert_true(admission_join(&admission, &streams[0], 1, &retry_ms));
    assert_true(admission_join(&admission, &streams[1], 1, &retry_ms));
    assert_false(admission_join(&admission, &streams[2], 1, &retry_ms));
    assert_in_range(retry_ms, 1000, 120000);
    admission_leave(&admission, &streams[0], 20000);
    admission_leave(&admission, &streams[0], 20000); /* twice is once */
    assert_true(admission_join(&admission, &streams[2], 20000, &retry_ms));
    for (int i = 0; i < 10; i++) {
        assert_true(admission_begin_upload(&admission, i, &retry_ms));
        const uint32_t used = admission_choose(&admission, &question, NULL).used;
        assert_int_equal(used, i < 5 ? 3 : i < 7 ? 2 : 1);
    }
    assert_false(admission_begin_upload(&admission, 10, &retry_ms));
    assert_in_range(retry_ms, 1000, 120000);
    admission_finish(&admission);
}

static void who_asks_again_and_again_makes_nobody_wait_for_longer_than_his_time(void **state)
{
    const struct admission_options options = {
        .unfolds = 3, .workers = 1, .max_live = 1, .max_uploads = 2, .cost = &trace.cost};
    struct admission admission;
    double retry_ms = 0, now_ms = 0;

    assert_int_equal(admission_init(&admission, &options, 0), 0);
    for (int i = 0; i < 20; i++, now_ms += 4000) { /* a place is held for four seconds */
        assert_true(admission_begin_upload(&admission, now_ms, &retry_ms));
        admission_end_upload(&admission, now_ms + 4000);
    }
    assert_true(admission_begin_upload(&admission, now_ms, &retry_ms));
    for (int i = 0; i < 6000; i++, now_ms += 100) { /* ten minutes, never without an upload */
        if (i % 40 == 0) {
            if (i)
                admission_end_upload(&admission, now_ms);
            assert_true(admission_begin_upload(&admission, now_ms, &retry_ms));
        }
        assert_false(admission_begin_upload(&admission, now_ms, &retry_ms));
        assert_in_range(retry_ms, 1000, 120000);
    }
    now_ms += 120000; /* he has given up */
    assert_false(admission_begin_upload(&admission, now_ms, &retry_ms));
    assert_true(retry_ms <= 10000);
    admission_finish(&admission);
}

static struct admission_stream captioned(void)
{
    return (struct admission_stream){
        .tier = tier_default(3), .partials = true, .partial_every_ms = 600};
}

/* Floor demand of one stream whose finals hear so many times what they tell. */
static double demand_when_heard(double times)
{
    const struct admission_options options = {
        .unfolds = 3, .workers = 1, .max_live = 9, .adaptive = true, .cost = &trace.cost};
    struct admission_stream stream = captioned();
    struct admission admission;
    struct admission_report report;
    double retry_ms;

    assert_int_equal(admission_init(&admission, &options, 0), 0);
    for (int i = 0; i < 400; i++)
        admission_learn_speech(&admission, 5000, 5000 / times);
    assert_true(admission_join(&admission, &stream, 1000, &retry_ms));
    admission_tick(&admission, 1100, 0);
    admission_report(&admission, &report);
    assert_true(report.speech_share <= 1);
    admission_leave(&admission, &stream, 1200);
    admission_finish(&admission);
    return report.floor_demand;
}

static void sound_that_finals_hear_again_is_reckoned_with(void **state)
{
    const double once = demand_when_heard(1), again = demand_when_heard(1.5);

    assert_true(again > 1.1 * once);
    assert_true(again < 1.6 * once);
}

/* Of 40 who speak at once; each needs a fifteenth of a CPU at the floor. */
static uint32_t admitted(double cpus, uint32_t workers, double slowdown)
{
    struct cost cost = trace.cost;
    const struct admission_options options = {.unfolds = 3,
                                              .workers = workers,
                                              .cpus = cpus,
                                              .max_live = 40,
                                              .adaptive = true,
                                              .cost = &cost};
    struct admission_stream streams[40];
    struct admission admission;
    uint32_t count = 0;
    double retry_ms;

    cost.slowdown = slowdown;
    assert_int_equal(admission_init(&admission, &options, 0), 0);
    for (size_t i = 0; i < 40; i++) {
        streams[i] = captioned();
        count += admission_join(&admission, &streams[i], 0, &retry_ms);
    }
    for (size_t i = 0; i < 40; i++)
        admission_leave(&admission, &streams[i], 0);
    admission_finish(&admission);
    return count;
}

static void a_quota_lets_in_what_it_carries_from_the_first_minute(void **state)
{
    const uint32_t two = admitted(2, 2, 0), half = admitted(0.5, 1, 0);

    assert_in_range(two, 12, 30);
    assert_true(half >= 1 && half <= two / 3);
    assert_int_equal(admitted(2, 64, 0), two);  /* workers are no CPUs */
    assert_int_equal(admitted(2, 64, 32), two); /* nor does their waiting for one take them away */
    assert_true(admitted(2, 2, 2) <= two / 2 + 1); /* another program's half does */
    assert_int_equal(admitted(0.001, 1, 0), 1);    /* who is alone may always try */
}

/* A crowd comes until somebody is refused, then the tier's four. -> how many of the crowd are in */
static size_t crowd_before(bool leaves_room, bool ret_in[4])
{
    const struct admission_options options = {.unfolds = 3,
                                              .workers = 2,
                                              .cpus = 2,
                                              .max_live = 80,
                                              .adaptive = true,
                                              .cost = &trace.cost};
    static struct admission_stream streams[80 + 1 + 4];
    struct admission admission;
    size_t count = 0, all;
    double retry_ms;
    bool in;

    assert_int_equal(admission_init(&admission, &options, 0), 0);
    do {
        streams[count] = captioned();
        streams[count].tier.priority = 0;
        streams[count].tier.leaves_room = leaves_room;
        in = admission_join(&admission, &streams[count], 0, &retry_ms);
        count += in;
    } while (in);
    all = count;
    for (size_t i = 0; i < 4; i++, all += in) {
        streams[all] = captioned();
        streams[all].tier.priority = 2;
        in = ret_in[i] = admission_join(&admission, &streams[all], 0, &retry_ms);
    }
    for (size_t i = 0; i < all; i++)
        admission_leave(&admission, &streams[i], 0);
    admission_finish(&admission);
    return count;
}

static void a_crowd_leaves_room_for_a_greater_tier(void **state)
{
    bool in[4];
    const size_t count = crowd_before(true, in);

    assert_true(in[0] && in[1] && in[2]);
    assert_true(count >= 8);
    /* Where it need not, it has the whole of it. */
    assert_true(crowd_before(false, in) > count + 2);
    assert_false(in[0] || in[1] || in[2] || in[3]);
}

static void what_still_waits_keeps_the_rung_it_came_on(void **state)
{
    const struct admission_options options = {
        .unfolds = 3, .workers = 1, .max_live = 9, .adaptive = true, .cost = &trace.cost};
    struct admission_stream streams[9];
    struct admission admission;
    struct admission_report report;
    double retry_ms;

    assert_int_equal(admission_init(&admission, &options, 0), 0);
    for (size_t i = 0; i < 9; i++) {
        streams[i] = captioned();
        assert_true(admission_join(&admission, &streams[i], 0, &retry_ms));
        admission_heard(&admission, &streams[i], 0);
    }
    admission_tick(&admission, 1000, 0);
    admission_report(&admission, &report);
    const uint32_t level = report.level;
    assert_true(level > 0);
    for (size_t i = 0; i < 9; i++)
        admission_waits(&admission, &streams[i], true);
    admission_tick(&admission, 60000, 0); /* nobody has spoken for long */
    admission_report(&admission, &report);
    assert_int_equal(report.level, level);
    for (size_t i = 0; i < 9; i++)
        admission_waits(&admission, &streams[i], false);
    admission_tick(&admission, 61000, 0);
    admission_report(&admission, &report);
    assert_int_equal(report.level, 0);
    for (size_t i = 0; i < 9; i++)
        admission_leave(&admission, &streams[i], 62000);
    admission_finish(&admission);
}

static void streams_of_the_seed_carry_what_windows_do_not(void **state)
{
    add_streams(SUSTAINABLE + 3, 0, 1.9 * MINUTE_MS, 0);
    struct traffic_result *windows = run();
    trace.chunk_ms = 672;
    trace.cost.hear = 1.5;
    trace.cost.read = 0.7;
    struct traffic_result *streams = run();

    assert_int_equal(windows->tiers[0].incremental, 0);
    assert_true(streams->tiers[0].incremental > streams->tiers[0].partials / 2);
    assert_true(streams->highest_level < windows->highest_level);
    /* They come twice as often, and finals are no shallower. */
    assert_true(streams->tiers[0].partials > 3 * windows->tiers[0].partials / 2);
    assert_true(streams->tiers[0].by_depth[3] >= windows->tiers[0].by_depth[3]);
    free(windows);
    free(streams);
    /* While there is room, windows are the way. */
    trace.clients_count = 0;
    add_streams(SUSTAINABLE / 3, 0, 1.9 * MINUTE_MS, 0);
    struct traffic_result *few = run();
    assert_int_equal(few->tiers[0].incremental, 0);
    free(few);
}

static void a_partial_follows_where_that_costs_less_or_always(void **state)
{
    const struct admission_options options = {
        .unfolds = 3, .workers = 1, .max_live = 9, .adaptive = true, .cost = &trace.cost};
    struct admission_stream streams[5];
    struct admission admission;
    double retry_ms;

    for (int dear = 0; dear < 2; dear++) {
        trace.cost.hear = dear ? 6 : 1.5;
        assert_int_equal(admission_init(&admission, &options, 0), 0);
        for (size_t i = 0; i < 5; i++) {
            streams[i] = (struct admission_stream){.tier = tier_default(3),
                                                   .partials = true,
                                                   .partial_every_ms = 600,
                                                   .chunk_ms = i == 1 ? 0 : 672,
                                                   .always_incremental = i == 2};
            assert_true(admission_join(&admission, &streams[i], 0, &retry_ms));
            assert_int_equal(admission_partial_is_incremental(&admission, &streams[i]), i == 2);
            admission_heard(&admission, &streams[i], 0);
        }
        admission_tick(&admission, 1000, 0);
        assert_int_equal(admission_partial_is_incremental(&admission, &streams[0]), !dear);
        assert_false(admission_partial_is_incremental(&admission, &streams[1])); /* it cannot */
        assert_true(admission_partial_is_incremental(&admission, &streams[2]));
        for (size_t i = 0; i < 5; i++)
            admission_leave(&admission, &streams[i], 2000);
        admission_finish(&admission);
    }
}

static void a_clock_that_leaps_or_goes_back_leaves_the_rules_standing(void **state)
{
    static const double leaps_ms[] = {0, 250, 86400e3, 86400e3 - 5000, 0, -1e9, 1e12, 1e12 + 250};
    const struct admission_options options = {.unfolds = 3,
                                              .workers = 1,
                                              .max_live = 2,
                                              .max_uploads = 1,
                                              .adaptive = true,
                                              .cost = &trace.cost};
    struct admission admission;
    struct admission_report report;

    assert_int_equal(admission_init(&admission, &options, 0), 0);
    for (size_t i = 0; i < sizeof(leaps_ms) / sizeof(leaps_ms[0]); i++) {
        struct admission_stream streams[3];
        double retry_ms = 0;
        for (size_t k = 0; k < 3; k++) {
            streams[k] = captioned();
            const bool in = admission_join(&admission, &streams[k], leaps_ms[i], &retry_ms);
            assert_false(in && k == 2);
            admission_heard(&admission, &streams[k], leaps_ms[i]);
        }
        assert_true(retry_ms >= 1000 && retry_ms <= 120000); /* of whoever was refused */
        admission_tick(&admission, leaps_ms[i], 0);
        admission_report(&admission, &report);
        assert_true(report.level <= report.top_level);
        assert_true(isfinite(report.demand) && report.demand >= 0);
        assert_true(report.trust > 0 && report.trust <= 1);
        for (size_t k = 0; k < 3; k++)
            admission_leave(&admission, &streams[k], leaps_ms[i]);
        admission_report(&admission, &report);
        assert_int_equal(report.live, 0);
    }
    admission_finish(&admission);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_fits_gets_its_full_depth, fresh),
        cmocka_unit_test_setup(twice_what_fits_is_served_shallower_but_in_time, fresh),
        cmocka_unit_test_setup(depth_is_given_back_when_a_burst_is_over, fresh),
        cmocka_unit_test_setup(nobody_is_refused_while_depth_can_still_fall, fresh),
        cmocka_unit_test_setup(retry_after_is_true, fresh),
        cmocka_unit_test_setup(who_asks_again_and_again_makes_nobody_wait_for_longer_than_his_time,
                               fresh),
        cmocka_unit_test_setup(sound_that_finals_hear_again_is_reckoned_with, fresh),
        cmocka_unit_test(a_place_that_is_free_is_given),
        cmocka_unit_test(whoever_is_refused_is_told_when_his_place_is_free),
        cmocka_unit_test_setup(premium_is_held_while_free_degrades, fresh),
        cmocka_unit_test_setup(a_floor_is_kept_whatever_comes, fresh),
        cmocka_unit_test_setup(one_greedy_client_slows_itself, fresh),
        cmocka_unit_test_setup(uploads_neither_starve_nor_push, fresh),
        cmocka_unit_test_setup(another_program_on_the_machine_is_noticed, fresh),
        cmocka_unit_test_setup(depth_does_not_flutter, fresh),
        cmocka_unit_test_setup(limits_of_places_hold_and_fill_lowers_uploads_first, fresh),
        cmocka_unit_test_setup(a_quota_lets_in_what_it_carries_from_the_first_minute, fresh),
        cmocka_unit_test_setup(a_crowd_leaves_room_for_a_greater_tier, fresh),
        cmocka_unit_test_setup(what_still_waits_keeps_the_rung_it_came_on, fresh),
        cmocka_unit_test_setup(a_clock_that_leaps_or_goes_back_leaves_the_rules_standing, fresh),
        cmocka_unit_test_setup(streams_of_the_seed_carry_what_windows_do_not, fresh),
        cmocka_unit_test_setup(a_partial_follows_where_that_costs_less_or_always, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
