#include <string.h>

#include "depth.h"
#include "test.h"

#define R 3

static const struct cost cost = {.unfolds = R,
                                 .front = {0, 20},
                                 .unfold = {[1] = {0, 10}, {0, 10}, {0, 10}},
                                 .tail = {[1] = {0, 10}, {0, 10}, {0, 10}}};
static struct tier tier;

static int fresh(void **state)
{
    tier = tier_default(R);
    return 0;
}

/* A final of 10 s: 400, 500, 600 ms. */
static struct depth_question question(enum depth_kind kind)
{
    return (struct depth_question){
        .kind = kind, .unfolds = R, .tier = &tier, .cost = &cost, .audio_ms = 10000};
}

static void expect(const struct depth_question *q, uint32_t used, enum result_reason reason)
{
    const struct result_depth depth = depth_choose(q);

    assert_int_equal(depth.used, used);
    assert_int_equal(depth.reason, reason);
    assert_int_equal(depth.asked, q->asked);
    assert_float_equal(depth.predicted_ms, q->elapsed_ms + cost_ms(&cost, used, q->audio_ms), 1e-9);
}

static void finals_go_as_deep_as_asked_within_the_tier(void **state)
{
    struct depth_question q = question(DEPTH_FINAL);

    expect(&q, 3, RESULT_BY_TIER);
    q.asked = 2;
    expect(&q, 2, RESULT_BY_REQUEST);
    tier.depth_ceiling = 1;
    expect(&q, 1, RESULT_BY_TIER);
    tier.depth_ceiling = tier.depth_floor = 3;
    expect(&q, 3, RESULT_BY_TIER);
}

static void partials_go_to_the_partial_depth_and_no_deeper_than_their_final(void **state)
{
    struct depth_question q = question(DEPTH_PARTIAL);

    expect(&q, 1, RESULT_BY_TIER);
    tier.partial_depth = 2;
    expect(&q, 2, RESULT_BY_TIER);
    q.asked = 1;
    expect(&q, 1, RESULT_BY_TIER);
    tier.depth_floor = 3; /* of finals */
    expect(&q, 1, RESULT_BY_TIER);
}

static void a_budget_takes_the_deepest_that_fits(void **state)
{
    struct depth_question q = question(DEPTH_FINAL);

    q.budget_ms = 600;
    expect(&q, 3, RESULT_BY_TIER);
    q.elapsed_ms = 1;
    expect(&q, 2, RESULT_BY_BUDGET);
    q.elapsed_ms = 200;
    expect(&q, 1, RESULT_BY_BUDGET);
}

static void no_budget_goes_below_the_floor(void **state)
{
    struct depth_question q = question(DEPTH_FINAL);

    tier.depth_floor = 2;
    q.budget_ms = 1e-300;
    expect(&q, 2, RESULT_BY_BUDGET);
    q.elapsed_ms = 1e300;
    expect(&q, 2, RESULT_BY_BUDGET);
}

static void an_enormous_budget_is_no_reason_to_go_deeper_than_asked(void **state)
{
    struct depth_question q = question(DEPTH_FINAL);

    q.budget_ms = 1e300;
    q.asked = 1;
    expect(&q, 1, RESULT_BY_REQUEST);
}

static void load_lowers_partials_before_finals_and_never_below_the_floor(void **state)
{
    bool lowered = false;
    uint32_t before = R;

    tier.priority = 0;
    tier.depth_floor = 2;
    for (uint32_t level = 0; level <= depth_top_level(R); level++) {
        struct depth_question q = question(DEPTH_FINAL);
        q.level = level;
        const struct result_depth depth = depth_choose(&q);
        assert_in_range(depth.used, 2, before);
        before = depth.used;
        if (depth.used < R) {
            assert_int_equal(depth.reason, RESULT_BY_LOAD);
            assert_int_equal(depth_partial_stretch(level, R, 0), 4);
            lowered = true;
        }
    }
    assert_true(lowered);
}

static void a_priority_loses_everything_before_the_next_one_loses_anything(void **state)
{
    for (uint32_t level = 0; level <= depth_top_level(R); level++)
        for (uint32_t p = 1; p < TIER_PRIORITIES; p++)
            if (depth_partial_stretch(level, R, p) > 1) {
                assert_int_equal(depth_final_cap(level, R, p - 1), 1);
                assert_int_equal(depth_partial_stretch(level, R, p - 1), 4);
            }
    for (uint32_t p = 0; p < TIER_PRIORITIES; p++) {
        assert_int_equal(depth_final_cap(1, R, p), R);
        assert_int_equal(depth_partial_stretch(1, R, p), 1);
        assert_int_equal(depth_final_cap(depth_top_level(R), R, p), 1);
    }
}

static void partials_are_heard_by_a_stream_before_they_come_less_often(void **state)
{
    for (uint32_t p = 0; p < TIER_PRIORITIES; p++) {
        uint32_t level = 0;
        while (!depth_partials_are_incremental(level, R, p))
            level++;
        assert_true(level > 1); /* uploads are held back before */
        assert_int_equal(depth_partial_stretch(level, R, p), 1);
        assert_int_equal(depth_partial_stretch(level + 1, R, p), 2);
        assert_int_equal(depth_partial_stretch(level + 2, R, p), 4);
        assert_true(depth_partials_are_incremental(depth_top_level(R), R, p));
    }
}

static void what_a_stream_hears_costs_what_is_new(void **state)
{
    struct depth_question q = question(DEPTH_PARTIAL);
    const struct cost known = {.unfolds = R,
                               .front = {0, 20},
                               .unfold = {[1] = {0, 10}, {0, 10}, {0, 10}},
                               .tail = {[1] = {0, 10}, {0, 10}, {0, 10}},
                               .again = 0.5,
                               .hear = 2,
                               .read = 0.25};

    q.cost = &known;
    q.audio_ms = 4000;
    assert_float_equal(depth_choose(&q).predicted_ms, 4 * 40, 1e-9);
    q.drafted = true;
    assert_float_equal(depth_choose(&q).predicted_ms, 4 * 35, 1e-9);
    q.new_ms = 500;
    assert_float_equal(depth_choose(&q).predicted_ms, 0.5 * 2 * 30 + 4 * 2.5, 1e-9);
}

static void whoever_asked_for_little_is_hit_last(void **state)
{
    struct depth_question q = question(DEPTH_FINAL);

    for (q.level = 0; depth_final_cap(q.level, R, 1) == R; q.level++)
        ;
    expect(&q, 2, RESULT_BY_LOAD);
    q.asked = 2;
    expect(&q, 2, RESULT_BY_REQUEST);
}

static void uploads_are_lowered_only_as_their_places_fill(void **state)
{
    struct depth_question q = question(DEPTH_UPLOAD);

    q.level = depth_top_level(R);
    expect(&q, 3, RESULT_BY_TIER);
    q.upload_fill = 0.5;
    expect(&q, 3, RESULT_BY_TIER);
    q.upload_fill = 0.6;
    expect(&q, 2, RESULT_BY_LOAD);
    q.upload_fill = 0.9;
    expect(&q, 1, RESULT_BY_LOAD);
    q.upload_fill = 1;
    tier.depth_floor = 2;
    expect(&q, 2, RESULT_BY_LOAD);
}

static void a_seed_of_one_depth_has_a_ladder_too(void **state)
{
    assert_int_equal(depth_final_cap(depth_top_level(1), 1, 3), 1);
    assert_int_equal(depth_partial_stretch(depth_top_level(1), 1, 3), 4);
    assert_true(depth_top_level(COST_DEPTHS) < DEPTH_LEVELS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(finals_go_as_deep_as_asked_within_the_tier, fresh),
        cmocka_unit_test_setup(partials_go_to_the_partial_depth_and_no_deeper_than_their_final,
                               fresh),
        cmocka_unit_test_setup(a_budget_takes_the_deepest_that_fits, fresh),
        cmocka_unit_test_setup(no_budget_goes_below_the_floor, fresh),
        cmocka_unit_test_setup(an_enormous_budget_is_no_reason_to_go_deeper_than_asked, fresh),
        cmocka_unit_test_setup(load_lowers_partials_before_finals_and_never_below_the_floor, fresh),
        cmocka_unit_test_setup(a_priority_loses_everything_before_the_next_one_loses_anything,
                               fresh),
        cmocka_unit_test_setup(whoever_asked_for_little_is_hit_last, fresh),
        cmocka_unit_test_setup(uploads_are_lowered_only_as_their_places_fill, fresh),
        cmocka_unit_test_setup(a_seed_of_one_depth_has_a_ladder_too, fresh),
        cmocka_unit_test_setup(partials_are_heard_by_a_stream_before_they_come_less_often, fresh),
        cmocka_unit_test_setup(what_a_stream_hears_costs_what_is_new, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
