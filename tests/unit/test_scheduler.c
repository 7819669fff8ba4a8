#include <math.h>

#include "scheduler.h"
#include "test.h"

static struct scheduler s;
static struct scheduler_item items[600];

static int fresh(void **state)
{
    scheduler_init(&s, 2);
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
        items[i] = (struct scheduler_item){.waiting = false};
    return 0;
}

static void push(size_t i, enum scheduler_class class, double due_ms, uint64_t key, double now_ms)
{
    scheduler_push(&s, &items[i], &(struct scheduler_terms){class, due_ms, key, 0}, now_ms);
}

/* Index of the next item, -1 for none. */
static int pop(double now_ms, struct scheduler_ticket *ret_ticket)
{
    double again_ms;
    const struct scheduler_item *item = scheduler_pop(&s, now_ms, ret_ticket, &again_ms);

    return item ? (int)(item - items) : -1;
}

/* Pops one and says that it took so long. */
static int serve(double now_ms, double spent_ms)
{
    struct scheduler_ticket ticket;
    const int i = pop(now_ms, &ticket);

    if (i >= 0)
        scheduler_done(&s, &ticket, spent_ms, now_ms);
    return i;
}

static void the_earliest_deadline_is_first_and_of_equals_the_oldest(void **state)
{
    push(0, SCHEDULER_LIVE, 300, 0, 0);
    push(1, SCHEDULER_LIVE, 200, 0, 1);
    push(2, SCHEDULER_LIVE, 200, 0, 2);
    push(3, SCHEDULER_LIVE, 100, 0, 3);
    assert_int_equal(serve(4, 0), 3);
    assert_int_equal(serve(4, 0), 1);
    assert_int_equal(serve(4, 0), 2);
    assert_int_equal(serve(4, 0), 0);
    assert_int_equal(serve(4, 0), -1);
}

static void live_goes_before_batch(void **state)
{
    push(0, SCHEDULER_BATCH, 0, 0, 0);
    push(1, SCHEDULER_LIVE, 1e6, 0, 0);
    assert_int_equal(serve(1, 0), 1);
    assert_int_equal(serve(1, 0), 0);
}

static void recordings_take_turns_and_one_with_a_deadline_goes_first(void **state)
{
    push(0, SCHEDULER_BATCH, INFINITY, 0, 0);
    push(1, SCHEDULER_BATCH, INFINITY, 0, 1);
    push(2, SCHEDULER_BATCH, 2000, 0, 2);
    assert_int_equal(serve(3, 0), 2);
    assert_int_equal(serve(4, 0), 0);
    push(0, SCHEDULER_BATCH, INFINITY, 0, 4);
    assert_int_equal(serve(5, 0), 1);
    assert_int_equal(serve(5, 0), 0);
}

/* Live work waits whenever a worker asks; recordings come in pieces of piece_ms, two of them at all
 * times.
 * -> milliseconds that they had in two minutes of two workers. */
static double share_of_recordings_ms(double piece_ms, double *ret_longest_ms)
{
    double busy_ms[2] = {0, 0}, had_ms = 0, last_ms = 0;
    struct scheduler_ticket tickets[2];
    int at[2] = {-1, -1};

    fresh(NULL);
    for (size_t i = 0; i < 8; i++)
        push(i, i < 2 ? SCHEDULER_BATCH : SCHEDULER_LIVE, INFINITY, 0, 0);
    for (double now_ms = 0; now_ms < 120000; now_ms++)
        for (int w = 0; w < 2; w++) {
            if (busy_ms[w] > now_ms)
                continue;
            if (at[w] >= 0) {
                push((size_t)at[w], at[w] < 2 ? SCHEDULER_BATCH : SCHEDULER_LIVE, INFINITY, 0,
                     now_ms);
                scheduler_done(&s, &tickets[w], at[w] < 2 ? piece_ms : 40, now_ms);
            }
            at[w] = pop(now_ms, &tickets[w]);
            busy_ms[w] = now_ms + (at[w] < 2 ? piece_ms : 40);
            if (at[w] < 2) {
                *ret_longest_ms = fmax(*ret_longest_ms, now_ms - last_ms);
                last_ms = now_ms;
                had_ms += piece_ms;
            }
        }
    return had_ms;
}

static void recordings_have_a_tenth_of_the_time_when_live_work_always_waits(void **state)
{
    double longest_ms = 0;

    assert_in_range(share_of_recordings_ms(400, &longest_ms), 19000, 26000);
    assert_true(longest_ms < 3000);
    longest_ms = 0;
    assert_in_range(share_of_recordings_ms(5, &longest_ms), 19000,
                    26000); /* and not a tenth of the turns */
    assert_true(longest_ms < 1100);
}

static void what_ran_while_there_was_room_is_no_debt_for_long(void **state)
{
    for (int i = 0; i < 100; i++) {
        push(0, SCHEDULER_BATCH, INFINITY, 0, 0);
        assert_int_equal(serve(0, 3000), 0);
    }
    push(0, SCHEDULER_BATCH, INFINITY, 0, 0);
    double now_ms = 0;
    int served;
    do {
        push(1, SCHEDULER_LIVE, 0, 0, now_ms);
        push(2, SCHEDULER_LIVE, 0, 0, now_ms);
        served = serve(now_ms += 50, 50);
    } while (served != 0 && now_ms < 60000);
    assert_in_range(now_ms, 4000, 6000);
}

static void a_worker_is_kept_free_when_live_streams_need_it(void **state)
{
    struct scheduler_ticket a, b;
    double again_ms;

    push(0, SCHEDULER_BATCH, INFINITY, 0, 0);
    push(1, SCHEDULER_BATCH, INFINITY, 0, 0);
    s.hold = SCHEDULER_ASIDE;
    assert_int_equal(pop(1, &a), 0);
    assert_null(scheduler_pop(&s, 1, &b, &again_ms));
    scheduler_done(&s, &a, 10, 11); /* which wakes a worker */
    assert_int_equal(pop(11, &b), 1);
    scheduler_done(&s, &b, 50, 12);
    push(0, SCHEDULER_BATCH, INFINITY, 0, 12);
    s.hold = SCHEDULER_LAST;
    assert_null(scheduler_pop(&s, 12, &a, &again_ms));
    assert_in_range(again_ms, 250, 350); /* a worker must not sleep through what is theirs */
    s.hold = SCHEDULER_FREE;
    assert_int_equal(pop(13, &a), 0);
}

static void a_greedy_key_waits_for_itself(void **state)
{
    double worst_ms[2] = {0, 0};

    /* Key 1 keeps 30 pieces waiting, key 2 brings one now and then; one worker's worth of time. */
    scheduler_init(&s, 1);
    for (int step = 0; step < 300; step++) {
        const double now_ms = step * 100;
        for (size_t i = 0; i < 30; i++)
            push(i, SCHEDULER_LIVE, now_ms + 500, 1, now_ms);
        if (step % 5 == 0)
            push(30, SCHEDULER_LIVE, now_ms + 500, 2, now_ms);
        const int i = serve(now_ms, 100);
        if (step >= 100)
            worst_ms[i == 30] = fmax(worst_ms[i == 30], now_ms - items[i].since_ms);
    }
    assert_true(worst_ms[0] > 2000);
    assert_true(worst_ms[1] < 500);
}

static void use_fades_so_nobody_waits_for_ever(void **state)
{
    int served_after = -1;

    scheduler_init(&s, 1);
    push(0, SCHEDULER_LIVE, 0, 1, 0);
    assert_int_equal(serve(0, 1e9), 0); /* key 1 has used more than there is */
    push(0, SCHEDULER_LIVE, 500, 1, 0);
    for (int step = 1; step < 200 && served_after < 0; step++) {
        push(1 + (size_t)step % 2, SCHEDULER_LIVE, step * 100 + 500, 2, step * 100);
        if (serve(step * 100, 100) == 0)
            served_after = step * 100;
    }
    assert_in_range(served_after, 100, 16000);
}

static void priority_decides_between_pieces_that_are_late_together(void **state)
{
    scheduler_push(&s, &items[0], &(struct scheduler_terms){SCHEDULER_LIVE, 0, 1, 0}, 0);
    scheduler_push(&s, &items[1], &(struct scheduler_terms){SCHEDULER_LIVE, 400, 2, 3}, 0);
    assert_int_equal(serve(1000, 0), 1);
}

static void work_waits_once_and_can_be_taken_back(void **state)
{
    push(0, SCHEDULER_LIVE, 1, 0, 0);
    push(0, SCHEDULER_LIVE, 2, 0, 0);
    assert_int_equal(s.waiting[SCHEDULER_LIVE], 1);
    push(1, SCHEDULER_LIVE, 2, 0, 0);
    push(2, SCHEDULER_LIVE, 3, 0, 0);
    assert_true(scheduler_remove(&s, &items[1])); /* the middle */
    assert_false(scheduler_remove(&s, &items[1]));
    assert_true(scheduler_remove(&s, &items[0])); /* the first */
    assert_true(scheduler_remove(&s, &items[2])); /* the last */
    assert_int_equal(serve(0, 0), -1);
    push(1, SCHEDULER_LIVE, 2, 0, 0);
    assert_int_equal(serve(0, 0), 1);
}

static void a_batch_is_filled_with_live_work_until_it_is_a_recordings_turn(void **state)
{
    struct scheduler_ticket ticket;

    scheduler_init(&s, 2);
    push(0, SCHEDULER_BATCH, 1e9, 9, 0);
    push(1, SCHEDULER_LIVE, 500, 1, 0);
    push(2, SCHEDULER_LIVE, 400, 2, 0);
    assert_ptr_equal(scheduler_pop_live(&s, 10, &ticket), &items[2]);
    assert_int_equal(ticket.key, 2);
    assert_int_equal(s.running[SCHEDULER_LIVE], 1);
    assert_null(scheduler_pop_live(&s, 5000, &ticket)); /* it has waited long enough */
    assert_int_equal(s.waiting[SCHEDULER_LIVE], 1);
    assert_int_equal(serve(5000, 10), 0);
    assert_ptr_equal(scheduler_pop_live(&s, 5001, &ticket), &items[1]);
    push(0, SCHEDULER_BATCH, 1e9, 9, 5001);
    assert_null(scheduler_pop_live(&s, 5002, &ticket)); /* never a recording */
}

static void a_clock_that_leaps_or_goes_back_loses_nothing(void **state)
{
    static const double leaps_ms[] = {0, 86400e3, 5, 1e12, -1e9, 1e12};

    push(3, SCHEDULER_LIVE, 500, 9, 0);
    assert_int_equal(serve(0, 100), 3); /* and this key is never served again */
    for (size_t i = 0; i < sizeof(leaps_ms) / sizeof(leaps_ms[0]); i++) {
        push(0, SCHEDULER_LIVE, leaps_ms[i] + 500, 1, leaps_ms[i]);
        push(1, SCHEDULER_BATCH, INFINITY, 2, leaps_ms[i]);
        push(2, SCHEDULER_LIVE, leaps_ms[i] - 1e6, 3, leaps_ms[i]);
        bool seen[3] = {false};
        for (int k = 0; k < 3; k++) {
            const int served = serve(leaps_ms[i], 100);
            assert_in_range(served, 0, 2);
            seen[served] = true;
        }
        assert_true(seen[0] && seen[1] && seen[2]);
        assert_int_equal(serve(leaps_ms[i], 0), -1);
        for (uint32_t k = 0; k < s.accounts_count; k++)
            assert_true(s.accounts[k].used_ms >= 0 && isfinite(s.accounts[k].used_ms));
    }
}

static void more_keys_than_accounts_do_no_harm(void **state)
{
    for (size_t i = 0; i < 600; i++)
        push(i, SCHEDULER_LIVE, (double)i, i, 0);
    for (int i = 0; i < 600; i++)
        assert_int_not_equal(serve(1, 1000), -1);
    assert_true(s.accounts_count <= SCHEDULER_ACCOUNTS);
}

static void the_key_that_comes_behind_all_accounts_is_charged_too(void **state)
{
    for (size_t i = 0; i < SCHEDULER_ACCOUNTS; i++)
        push(i, SCHEDULER_LIVE, 0, i, 0);
    for (size_t i = 0; i < SCHEDULER_ACCOUNTS; i++)
        assert_int_not_equal(serve(1, 50), -1);
    for (int i = 0; i < 20; i++) {
        push(300, SCHEDULER_LIVE, 0, 7777, 1);
        assert_int_equal(serve(1, 400), 300);
    }
    push(301, SCHEDULER_LIVE, 500, 7777, 1);
    push(302, SCHEDULER_LIVE, 600, 3, 1);
    assert_int_equal(serve(1, 0), 302);
    assert_int_equal(serve(1, 0), 301);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_earliest_deadline_is_first_and_of_equals_the_oldest, fresh),
        cmocka_unit_test_setup(live_goes_before_batch, fresh),
        cmocka_unit_test_setup(recordings_take_turns_and_one_with_a_deadline_goes_first, fresh),
        cmocka_unit_test_setup(recordings_have_a_tenth_of_the_time_when_live_work_always_waits,
                               fresh),
        cmocka_unit_test_setup(what_ran_while_there_was_room_is_no_debt_for_long, fresh),
        cmocka_unit_test_setup(a_worker_is_kept_free_when_live_streams_need_it, fresh),
        cmocka_unit_test_setup(a_greedy_key_waits_for_itself, fresh),
        cmocka_unit_test_setup(use_fades_so_nobody_waits_for_ever, fresh),
        cmocka_unit_test_setup(priority_decides_between_pieces_that_are_late_together, fresh),
        cmocka_unit_test_setup(work_waits_once_and_can_be_taken_back, fresh),
        cmocka_unit_test_setup(a_batch_is_filled_with_live_work_until_it_is_a_recordings_turn,
                               fresh),
        cmocka_unit_test_setup(a_clock_that_leaps_or_goes_back_loses_nothing, fresh),
        cmocka_unit_test_setup(more_keys_than_accounts_do_no_harm, fresh),
        cmocka_unit_test_setup(the_key_that_comes_behind_all_accounts_is_charged_too, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
