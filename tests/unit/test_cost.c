#include <math.h>

#include "cost.h"
#include "test.h"

static const struct cost table = {.unfolds = 3,
                                  .front = {5, 14},
                                  .unfold = {[1] = {2, 7}, {3, 11}, {4, 15}},
                                  .tail = {[1] = {2, 12}, {2, 11}, {2, 10}}};

static void a_segment_costs_its_front_its_unfolds_and_its_tail(void **state)
{
    assert_float_equal(cost_ms(&table, 1, 2000), 5 + 28 + 2 + 14 + 2 + 24, 1e-9);
    assert_float_equal(cost_ms(&table, 3, 2000), 5 + 28 + 9 + 66 + 2 + 20, 1e-9);
}

static void an_empty_table_is_filled_by_the_first_segment(void **state)
{
    struct cost cost = {.unfolds = 3};

    assert_float_equal(cost_ms(&cost, 3, 5000), 0, 0);
    cost_learn(&cost,
               &(struct cost_spent){
                   .depth = 2, .audio_ms = 5000, .front_ms = 50, .unfold_ms = 100, .tail_ms = 25});
    assert_float_equal(cost_ms(&cost, 2, 5000), 175, 1e-9);
    assert_float_equal(cost_ms(&cost, 1, 5000), 125, 1e-9); /* tails of others: as good a guess */
    assert_float_equal(cost_ms(&cost, 3, 10000), 2 * 225, 1e-9);
}

static void a_machine_that_slows_down_is_followed_at_every_depth(void **state)
{
    struct cost cost = table;

    for (int i = 0; i < 100; i++)
        cost_learn(&cost, &(struct cost_spent){.depth = 1,
                                               .audio_ms = 5000,
                                               .front_ms = 2 * cost_front_ms(&table, 5000),
                                               .unfold_ms = 2 * cost_unfolds_ms(&table, 1, 5000),
                                               .tail_ms = 2 * cost_tail_ms(&table, 1, 5000)});
    for (uint32_t r = 1; r <= 3; r++) {
        const double slower = cost_ms(&cost, r, 5000) / cost_ms(&table, r, 5000);
        assert_true(slower > 1.8 && slower < 2.2);
    }
}

/* Unfolds are measured all together; which of them is dearer stays as it was calibrated. */
static void what_is_ahead_is_told_pass_by_pass(void **state)
{
    struct cost cost = table;
    struct cost_ahead ahead = cost_ahead(&cost, 2000, false);

    assert_float_equal(ahead.unfold_ms[1], 16, 1e-9);
    assert_float_equal(ahead.unfold_ms[3], 34, 1e-9);
    assert_float_equal(ahead.tail_ms[2], 24, 1e-9);
    for (int i = 0; i < 200; i++)
        cost_learn(&cost, &(struct cost_spent){.depth = 2,
                                               .audio_ms = 2000,
                                               .front_ms = cost_front_ms(&table, 2000),
                                               .unfold_ms = 3 * cost_unfolds_ms(&table, 2, 2000),
                                               .tail_ms = cost_tail_ms(&table, 2, 2000)});
    ahead = cost_ahead(&cost, 2000, false);
    assert_float_equal(ahead.unfold_ms[1], 3 * 16, 0.5);
    assert_float_equal(ahead.unfold_ms[2], 3 * 25, 0.5);
    assert_float_equal(ahead.unfold_ms[3], 3 * 34, 0.5);
    cost.again = 0.5;
    assert_float_equal(cost_ahead(&cost, 2000, true).tail_ms[3], 0.5 * ahead.tail_ms[3], 1e-9);
}

static void one_absurd_measurement_does_not_wreck_the_table(void **state)
{
    struct cost cost = table;

    for (int i = 0; i < 20; i++)
        cost_learn(&cost, &(struct cost_spent){.depth = 3,
                                               .audio_ms = 5000,
                                               .front_ms = cost_front_ms(&table, 5000),
                                               .unfold_ms = cost_unfolds_ms(&table, 3, 5000),
                                               .tail_ms = cost_tail_ms(&table, 3, 5000)});
    cost_learn(
        &cost,
        &(struct cost_spent){
            .depth = 3, .audio_ms = 5000, .front_ms = 1e9, .unfold_ms = 1e9, .tail_ms = 1e9});
    assert_true(cost_ms(&cost, 3, 5000) < 1.5 * cost_ms(&table, 3, 5000));
    cost_learn(
        &cost,
        &(struct cost_spent){
            .depth = 3, .audio_ms = 5000, .front_ms = 1e-9, .unfold_ms = 1e-9, .tail_ms = 1e-9});
    assert_true(cost_ms(&cost, 3, 5000) > 0.8 * cost_ms(&table, 3, 5000));
    assert_true(cost_is_sound(&cost));
}

static void measurements_of_nothing_teach_nothing(void **state)
{
    struct cost cost = table;

    cost_learn(&cost,
               &(struct cost_spent){
                   .depth = 3, .audio_ms = 0, .front_ms = 10, .unfold_ms = 10, .tail_ms = 10});
    cost_learn(&cost,
               &(struct cost_spent){
                   .depth = 0, .audio_ms = 5000, .front_ms = 10, .unfold_ms = 10, .tail_ms = 10});
    cost_learn(&cost,
               &(struct cost_spent){
                   .depth = 4, .audio_ms = 5000, .front_ms = 10, .unfold_ms = 10, .tail_ms = 10});
    cost_learn(
        &cost,
        &(struct cost_spent){
            .depth = 3, .audio_ms = (double)NAN, .front_ms = 10, .unfold_ms = 10, .tail_ms = 10});
    assert_memory_equal(&cost, &table, sizeof(cost));
}

static void tables_with_impossible_numbers_are_unsound(void **state)
{
    struct cost cost = table;

    assert_true(cost_is_sound(&cost));
    cost.tail[2].ms_per_s = -1;
    assert_false(cost_is_sound(&cost));
    cost = table;
    cost.front.fixed_ms = (double)INFINITY;
    assert_false(cost_is_sound(&cost));
    cost = table;
    cost.unfolds = 0;
    assert_false(cost_is_sound(&cost));
    cost.unfolds = COST_DEPTHS + 1;
    assert_false(cost_is_sound(&cost));
}

static void searching_speech_may_cost_far_more_than_searching_noise(void **state)
{
    struct cost cost = table;

    for (int i = 0; i < 6; i++)
        cost_learn(&cost, &(struct cost_spent){.depth = 2,
                                               .audio_ms = 5000,
                                               .front_ms = cost_front_ms(&table, 5000),
                                               .unfold_ms = cost_unfolds_ms(&table, 2, 5000),
                                               .tail_ms = 20 * cost_tail_ms(&table, 2, 5000)});
    assert_true(cost_tail_ms(&cost, 2, 5000) > 16 * cost_tail_ms(&table, 2, 5000));
    assert_true(cost_tail_ms(&cost, 3, 5000) > 5 * cost_tail_ms(&table, 3, 5000));
}

static void what_was_done_before_is_a_share_of_what_it_costs_anew(void **state)
{
    struct cost cost = table;
    const double run_ms = cost_ms(&table, 1, 3000), tail_ms = cost_tail_ms(&table, 1, 3000);

    /* Nothing is known: as much as anew, and a stream's new sound by what is usual. */
    assert_float_equal(cost_drafted_ms(&cost, 1, 3000), run_ms, 1e-9);
    assert_float_equal(cost_incremental_ms(&cost, 1, 3000, 1000), 1.5 * (14 + 7) + tail_ms, 1e-9);
    for (int i = 0; i < 500; i++) {
        cost_learn(&cost, &(struct cost_spent){.depth = 1,
                                               .audio_ms = 3000,
                                               .front_ms = cost_front_ms(&table, 3000),
                                               .unfold_ms = cost_unfolds_ms(&table, 1, 3000),
                                               .tail_ms = 0.5 * tail_ms,
                                               .drafted = true});
        cost_learn(&cost, &(struct cost_spent){.depth = 1,
                                               .audio_ms = 3000,
                                               .tail_ms = 0.25 * tail_ms,
                                               .drafted = true,
                                               .new_ms = 700,
                                               .hear_ms = 0.7 * 2 * (14 + 7)});
    }
    assert_float_equal(cost_drafted_ms(&cost, 1, 3000), run_ms - 0.5 * tail_ms, 0.5);
    assert_float_equal(cost_drafted_tail_ms(&cost, 1, 3000), 0.5 * tail_ms, 0.5);
    assert_float_equal(cost_incremental_ms(&cost, 1, 3000, 1000), 2 * (14 + 7) + 0.25 * tail_ms, 1);
    /* It says nothing about what is recognised anew, */
    assert_float_equal(cost_ms(&cost, 1, 3000), run_ms, 1e-9);
    assert_float_equal(cost_ms(&cost, 3, 3000), cost_ms(&table, 3, 3000), 1e-9);
    /* and holds for other depths. */
    assert_float_equal(cost_drafted_tail_ms(&cost, 3, 3000), 0.5 * cost_tail_ms(&table, 3, 3000),
                       0.5);
    assert_true(cost_is_sound(&cost));
    cost.read = (double)NAN;
    assert_false(cost_is_sound(&cost));
}

static void waiting_for_a_cpu_makes_answers_late_and_work_no_dearer(void **state)
{
    struct cost cost = table;

    assert_float_equal(cost_slowdown(&cost), 1, 0);
    for (int i = 0; i < 200; i++)
        cost_learn(&cost, &(struct cost_spent){.depth = 2,
                                               .audio_ms = 2000,
                                               .front_ms = cost_front_ms(&table, 2000),
                                               .unfold_ms = cost_unfolds_ms(&table, 2, 2000),
                                               .tail_ms = cost_tail_ms(&table, 2, 2000),
                                               .slowdown = 2});
    assert_float_equal(cost_slowdown(&cost), 2, 0.01);
    assert_float_equal(cost_ms(&cost, 3, 2000), cost_ms(&table, 3, 2000), 1e-6);
    assert_float_equal(cost_ahead(&cost, 2000, false).unfold_ms[1], 32, 0.2);
    cost_learn(&cost, &(struct cost_spent){
                          .depth = 2, .audio_ms = 1000, .unfold_ms = 25, .slowdown = 1e9});
    assert_true(cost_slowdown(&cost) < 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_costs_its_front_its_unfolds_and_its_tail),
        cmocka_unit_test(an_empty_table_is_filled_by_the_first_segment),
        cmocka_unit_test(a_machine_that_slows_down_is_followed_at_every_depth),
        cmocka_unit_test(what_is_ahead_is_told_pass_by_pass),
        cmocka_unit_test(one_absurd_measurement_does_not_wreck_the_table),
        cmocka_unit_test(searching_speech_may_cost_far_more_than_searching_noise),
        cmocka_unit_test(measurements_of_nothing_teach_nothing),
        cmocka_unit_test(tables_with_impossible_numbers_are_unsound),
        cmocka_unit_test(waiting_for_a_cpu_makes_answers_late_and_work_no_dearer),
        cmocka_unit_test(what_was_done_before_is_a_share_of_what_it_costs_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
