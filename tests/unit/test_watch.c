/* Whoever leaves is noticed though nobody reads from the socket. */
#include <sys/socket.h>
#include <unistd.h>

#include "event.h"
#include "peer.h"
#include "test.h"
#include "watch.h"

struct seen {
    struct event left;
};

static void gone(void *context, void *user)
{
    struct seen *seen = context;

    *(int *)user += 1;
    event_raise(&seen->left);
}

static struct watch *open_watch(struct seen *seen)
{
    struct watch *watch;

    event_init(&seen->left);
    assert_int_equal(watch_open(&watch, gone, seen), 0);
    return watch;
}

static void a_peer_that_closes_is_told_of_once_though_it_has_left_bytes(void **state)
{
    struct seen seen;
    struct watch *watch = open_watch(&seen);
    int ours, theirs, others, times = 0, fence = 0;

    peer_pair(&ours, &theirs);
    peer_say(ours, "unread");
    const uint64_t id = watch_add(watch, theirs, &times);
    assert_true(id != 0);
    shutdown(ours, SHUT_WR); /* sends no more, */
    event_wait(&seen.left, 1);
    close(ours); /* and is gone: the same leave, */
    peer_pair(&ours, &others);
    assert_true(watch_add(watch, others, &fence) != 0);
    close(ours);
    event_wait(&seen.left, 2); /* which would be told before this one's */
    watch_remove(watch, id);
    watch_close(watch);
    assert_int_equal(times, 1);
    assert_int_equal(fence, 1);
    close(others);
    close(theirs);
    event_finish(&seen.left);
}

static void who_was_removed_is_not_told_of(void **state)
{
    struct seen seen;
    struct watch *watch = open_watch(&seen);
    int ours[2], theirs[2], times[2] = {0, 0};
    uint64_t ids[2];

    for (int i = 0; i < 2; i++) {
        peer_pair(&ours[i], &theirs[i]);
        ids[i] = watch_add(watch, theirs[i], &times[i]);
    }
    assert_true(ids[0] && ids[1] && ids[0] != ids[1]);
    watch_remove(watch, ids[0]);
    close(ours[0]);
    close(ours[1]);
    event_wait(&seen.left, 1);
    watch_close(watch); /* with an entry left */
    assert_int_equal(times[0], 0);
    assert_int_equal(times[1], 1);
    close(theirs[0]);
    close(theirs[1]);
    event_finish(&seen.left);
}

static void a_descriptor_that_is_closed_and_used_anew_is_not_mistaken(void **state)
{
    struct seen seen;
    struct watch *watch = open_watch(&seen);
    int ours, theirs, others, reused, times = 0;

    peer_pair(&ours, &theirs);
    assert_true(watch_add(watch, theirs, &times) != 0);
    close(theirs);
    peer_pair(&others, &reused); /* one of them has its number */
    close(others);
    close(reused);
    assert_int_equal(event_count(&seen.left), 0);
    close(ours);
    event_wait(&seen.left, 1);
    watch_close(watch);
    assert_int_equal(times, 1);
    event_finish(&seen.left);
}

static void what_is_no_socket_cannot_be_watched(void **state)
{
    struct seen seen;
    struct watch *watch = open_watch(&seen);

    assert_int_equal(watch_add(watch, -1, NULL), 0);
    watch_remove(watch, 0);
    watch_close(watch);
    watch_close(NULL);
    event_finish(&seen.left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_closes_is_told_of_once_though_it_has_left_bytes),
        cmocka_unit_test(who_was_removed_is_not_told_of),
        cmocka_unit_test(a_descriptor_that_is_closed_and_used_anew_is_not_mistaken),
        cmocka_unit_test(what_is_no_socket_cannot_be_watched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
