#include <pthread.h>
#include <time.h>

#include "clock.h"
#include "queue.h"
#include "test.h"

static void push(struct queue *queue, struct queue_work *work, enum scheduler_class class)
{
    /* Due at once, and together: then what has waited longest is first. */
    queue_push(queue, work, &(struct scheduler_terms){.class = class});
}

static struct queue_work *pop(struct queue *queue)
{
    struct scheduler_ticket ticket;
    struct queue_work *work = queue_pop(queue, &ticket);

    if (work)
        queue_done(queue, &ticket, 0);
    return work;
}

static void live_goes_before_batch_and_the_oldest_first(void **state)
{
    struct queue queue;
    struct queue_work a = {0}, b = {0}, c = {0}, d = {0};

    assert_int_equal(queue_init(&queue, 1), 0);
    push(&queue, &a, SCHEDULER_BATCH);
    push(&queue, &b, SCHEDULER_BATCH);
    push(&queue, &c, SCHEDULER_LIVE);
    push(&queue, &d, SCHEDULER_LIVE);
    assert_ptr_equal(pop(&queue), &c);
    assert_ptr_equal(pop(&queue), &d);
    assert_ptr_equal(pop(&queue), &a);
    push(&queue, &a, SCHEDULER_BATCH); /* its next piece: behind the other job */
    assert_ptr_equal(pop(&queue), &b);
    assert_ptr_equal(pop(&queue), &a);
    assert_int_equal(queue_count(&queue), 0);
    queue_finish(&queue);
}

static void work_is_queued_once(void **state)
{
    struct queue queue;
    struct queue_work a = {0};

    assert_int_equal(queue_init(&queue, 1), 0);
    push(&queue, &a, SCHEDULER_LIVE);
    push(&queue, &a, SCHEDULER_LIVE);
    assert_int_equal(queue_count(&queue), 1);
    assert_ptr_equal(pop(&queue), &a);
    assert_int_equal(queue_count(&queue), 0);
    queue_finish(&queue);
}

static void removed_work_does_not_come(void **state)
{
    struct queue queue;
    struct queue_work a = {0}, b = {0}, c = {0};

    assert_int_equal(queue_init(&queue, 1), 0);
    assert_false(queue_remove(&queue, &a));
    push(&queue, &a, SCHEDULER_BATCH);
    push(&queue, &b, SCHEDULER_BATCH);
    push(&queue, &c, SCHEDULER_BATCH);
    assert_true(queue_remove(&queue, &c)); /* the last */
    assert_true(queue_remove(&queue, &a)); /* the first */
    push(&queue, &a, SCHEDULER_BATCH);
    assert_ptr_equal(pop(&queue), &b);
    assert_ptr_equal(pop(&queue), &a);
    queue_finish(&queue);
}

static void first_means_before_everything(void **state)
{
    struct queue queue;
    struct queue_work a = {0}, b = {0};

    assert_int_equal(queue_init(&queue, 1), 0);
    push(&queue, &a, SCHEDULER_LIVE);
    push(&queue, &b, SCHEDULER_BATCH);
    queue_push_first(&queue, &b);
    assert_int_equal(queue_count(&queue), 2);
    assert_ptr_equal(pop(&queue), &b);
    assert_ptr_equal(pop(&queue), &a);
    queue_finish(&queue);
}

static void waiting_is_measured(void **state)
{
    struct queue queue;
    struct queue_work a = {0}, b = {0};

    assert_int_equal(queue_init(&queue, 1), 0);
    assert_float_equal(queue_take_wait_ms(&queue), 0, 0);
    for (int goes_on = 0; goes_on < 2; goes_on++) { /* the second waits still */
        const double before_ms = clock_now_ms();
        push(&queue, goes_on ? &b : &a, SCHEDULER_LIVE);
        const double pushed_ms = clock_now_ms();
        while (clock_now_ms() == pushed_ms)
            ;
        const double popping_ms = clock_now_ms();
        if (!goes_on)
            pop(&queue);
        const double wait_ms = queue_take_wait_ms(&queue);
        assert_true(wait_ms >= popping_ms - pushed_ms);
        assert_true(wait_ms <= clock_now_ms() - before_ms);
        if (!goes_on)
            assert_float_equal(queue_take_wait_ms(&queue), 0, 0);
    }
    queue_finish(&queue);
}

static void what_is_held_back_comes_in_its_turn(void **state)
{
    struct queue queue;
    struct queue_work a = {0}, b = {0};

    assert_int_equal(queue_init(&queue, 1), 0);
    queue_hold(&queue, SCHEDULER_LAST);
    push(&queue, &a, SCHEDULER_BATCH);
    push(&queue, &b, SCHEDULER_LIVE);
    assert_ptr_equal(pop(&queue), &b);
    queue_hold(&queue, SCHEDULER_FREE);
    assert_ptr_equal(pop(&queue), &a);
    queue_finish(&queue);
}

static void *pop_one(void *user)
{
    return pop(user);
}

static void stopping_wakes_those_who_wait(void **state)
{
    struct queue queue;
    struct queue_work a = {0};
    pthread_t threads[3];
    void *popped;

    assert_int_equal(queue_init(&queue, 1), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pop_one, &queue), 0);
    queue_stop(&queue);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], &popped), 0);
        assert_null(popped);
    }
    push(&queue, &a, SCHEDULER_LIVE);
    assert_null(pop(&queue));
    queue_finish(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_goes_before_batch_and_the_oldest_first),
        cmocka_unit_test(work_is_queued_once),
        cmocka_unit_test(removed_work_does_not_come),
        cmocka_unit_test(first_means_before_everything),
        cmocka_unit_test(waiting_is_measured),
        cmocka_unit_test(what_is_held_back_comes_in_its_turn),
        cmocka_unit_test(stopping_wakes_those_who_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
