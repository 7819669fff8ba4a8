#include <pthread.h>

#include "queue.h"
#include "test.h"

static void live_goes_before_batch_and_the_oldest_first(void **state)
{
    struct queue queue;
    struct queue_work a = {0}, b = {0}, c = {0}, d = {0};

    assert_int_equal(queue_init(&queue), 0);
    queue_push(&queue, &a, QUEUE_BATCH);
    queue_push(&queue, &b, QUEUE_BATCH);
    queue_push(&queue, &c, QUEUE_LIVE);
    queue_push(&queue, &d, QUEUE_LIVE);
    assert_ptr_equal(queue_pop(&queue), &c);
    assert_ptr_equal(queue_pop(&queue), &d);
    assert_ptr_equal(queue_pop(&queue), &a);
    queue_push(&queue, &a, QUEUE_BATCH); /* its next piece: behind the other job */
    assert_ptr_equal(queue_pop(&queue), &b);
    assert_ptr_equal(queue_pop(&queue), &a);
    assert_int_equal(queue_count(&queue), 0);
    queue_finish(&queue);
}

static void work_is_queued_once(void **state)
{
    struct queue queue;
    struct queue_work a = {0};

    assert_int_equal(queue_init(&queue), 0);
    queue_push(&queue, &a, QUEUE_LIVE);
    queue_push(&queue, &a, QUEUE_LIVE);
    assert_int_equal(queue_count(&queue), 1);
    assert_ptr_equal(queue_pop(&queue), &a);
    assert_int_equal(queue_count(&queue), 0);
    queue_finish(&queue);
}

static void removed_work_does_not_come(void **state)
{
    struct queue queue;
    struct queue_work a = {0}, b = {0}, c = {0};

    assert_int_equal(queue_init(&queue), 0);
    assert_false(queue_remove(&queue, &a));
    queue_push(&queue, &a, QUEUE_BATCH);
    queue_push(&queue, &b, QUEUE_BATCH);
    queue_push(&queue, &c, QUEUE_BATCH);
    assert_true(queue_remove(&queue, &c)); /* the last */
    assert_true(queue_remove(&queue, &a)); /* the first */
    queue_push(&queue, &a, QUEUE_BATCH);
    assert_ptr_equal(queue_pop(&queue), &b);
    assert_ptr_equal(queue_pop(&queue), &a);
    queue_finish(&queue);
}

static void first_means_before_everything(void **state)
{
    struct queue queue;
    struct queue_work a = {0}, b = {0};

    assert_int_equal(queue_init(&queue), 0);
    queue_push(&queue, &a, QUEUE_LIVE);
    queue_push(&queue, &b, QUEUE_BATCH);
    queue_push_first(&queue, &b);
    assert_int_equal(queue_count(&queue), 2);
    assert_ptr_equal(queue_pop(&queue), &b);
    assert_ptr_equal(queue_pop(&queue), &a);
    queue_finish(&queue);
}

static void *pop_one(void *user)
{
    return queue_pop(user);
}

static void stopping_wakes_those_who_wait(void **state)
{
    struct queue queue;
    struct queue_work a = {0};
    pthread_t threads[3];
    void *popped;

    assert_int_equal(queue_init(&queue), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, pop_one, &queue), 0);
    queue_stop(&queue);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], &popped), 0);
        assert_null(popped);
    }
    queue_push(&queue, &a, QUEUE_LIVE);
    assert_null(queue_pop(&queue));
    queue_finish(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_goes_before_batch_and_the_oldest_first),
        cmocka_unit_test(work_is_queued_once),
        cmocka_unit_test(removed_work_does_not_come),
        cmocka_unit_test(first_means_before_everything),
        cmocka_unit_test(stopping_wakes_those_who_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
