#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "event.h"
#include "keys.h"
#include "log.h"
#include "test.h"

/* printf apple | sha256sum; and pear. */
#define APPLE "3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b"
#define PEAR  "97cfbe87531abe0c6bac7b21d616cb422faaa158a9f2ae7e8685c79eb85fc65e"

static const char both[] =
    "{\"tiers\":[{\"name\":\"free\",\"streams\":1,\"requests_per_minute\":2,\"depth_ceiling\":1},"
    "{\"name\":\"gold\",\"priority\":2}],\"keys\":[{\"sha256\":\"" APPLE
    "\",\"tier\":\"free\"},{\"sha256\":\"" PEAR "\",\"tier\":\"gold\"}]}";

static char path[] = "/tmp/test_keys_XXXXXX";
static struct keys *keys;
static struct keys_grant grant;
static struct keys_refusal refusal;

static void write_file(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int open_both(void **state)
{
    char problem[256];

    static const struct log_format format = {.least = LOG_ERROR};
    log_use(&format);
    if (!*path || access(path, F_OK) != 0) {
        strcpy(path, "/tmp/test_keys_XXXXXX");
        if (mkstemp(path) < 0)
            return -1;
    }
    write_file(both);
    return keys_open(&keys, path, 3, problem, sizeof problem);
}

static int close_all(void **state)
{
    keys_close(keys);
    unlink(path);
    return 0;
}

static bool admit(const char *key, const char *tier, bool is_stream, double now_ms)
{
    return keys_admit(keys, key, tier, is_stream, now_ms, &grant, &refusal);
}

static void without_a_file_everybody_has_the_default_tier(void **state)
{
    char problem[256];
    struct keys *none;

    assert_int_equal(keys_open(&none, "", 3, problem, sizeof problem), 0);
    assert_false(keys_are_required(none));
    for (int i = 0; i < 1000; i++)
        assert_true(keys_admit(none, "anything", NULL, true, 0, &grant, &refusal));
    assert_string_equal(grant.tier.name, "default");
    assert_int_equal(grant.tier.depth_ceiling, 3);
    assert_false(keys_admit(none, NULL, "gold", false, 0, &grant, &refusal));
    assert_int_equal(refusal.status, 400);
    assert_non_null(strstr(refusal.message, "default"));
    assert_false(keys_reload(none));
    keys_close(none);
}

static void a_file_that_cannot_be_read_is_no_start(void **state)
{
    char problem[256];
    struct keys *none;

    assert_int_equal(keys_open(&none, "/nowhere/keys.json", 3, problem, sizeof problem), -1);
    assert_non_null(strstr(problem, "cannot be read"));
}

static void only_known_keys_come_in(void **state)
{
    assert_true(keys_are_required(keys));
    assert_false(admit(NULL, NULL, false, 0));
    assert_int_equal(refusal.status, 401);
    assert_false(admit("apples", NULL, false, 0));
    assert_int_equal(refusal.status, 401);
    assert_null(strstr(refusal.message, "apples")); /* a mistyped key is still a secret */
    assert_true(admit("apple", NULL, false, 0));
    assert_string_equal(grant.tier.name, "free");
    const uint64_t apple = grant.key;
    assert_true(admit("pear", NULL, false, 0));
    assert_string_equal(grant.tier.name, "gold");
    assert_int_not_equal(grant.key, apple);
}

static void a_key_may_have_a_lower_tier_but_not_a_higher_one(void **state)
{
    assert_true(admit("pear", "free", false, 0));
    assert_string_equal(grant.tier.name, "free");
    assert_false(admit("apple", "gold", false, 0));
    assert_int_equal(refusal.status, 400);
    assert_false(admit("pear", "silver", false, 0));
    assert_non_null(strstr(refusal.message, "free, gold"));
    assert_true(admit("pear", NULL, false, 0));
    assert_true(keys_exchange(keys, &grant, "free", &refusal));
    assert_string_equal(grant.tier.name, "free");
    assert_false(keys_exchange(keys, &grant, "gold", &refusal));
}

static void requests_are_counted_by_the_minute_and_retry_after_is_true(void **state)
{
    assert_true(admit("apple", NULL, false, 0));
    assert_true(admit("apple", NULL, false, 0));
    assert_false(admit("apple", NULL, false, 1000));
    assert_int_equal(refusal.status, 429);
    assert_int_equal(refusal.retry_s, 29);
    assert_false(admit("apple", NULL, false, 29000));
    assert_true(admit("apple", NULL, false, 30001));
    assert_false(admit("apple", NULL, false, 20000)); /* a clock that jumps back gives nothing */
    for (int i = 0; i < 100; i++)
        assert_true(admit("pear", NULL, false, 0));
}

static void streams_are_counted_while_they_last(void **state)
{
    struct keys_grant first;

    assert_true(admit("apple", NULL, true, 0));
    first = grant;
    assert_false(admit("apple", NULL, true, 0));
    assert_int_equal(refusal.status, 429);
    keys_release(keys, &first);
    keys_release(keys, &first);
    assert_true(admit("apple", NULL, true, 60000));
}

static void raise_event(void *user)
{
    event_raise(user);
}

static void a_changed_file_is_read_and_meters_stay(void **state)
{
    static const char wider[] = "{\"tiers\":[{\"name\":\"free\",\"streams\":2}],\"keys\":[{"
                                "\"sha256\":\"" APPLE "\",\"tier\":\"free\"}]}";

    struct event changed;

    event_init(&changed);
    keys_on_change(keys, raise_event, &changed);
    assert_true(admit("apple", NULL, true, 0));
    write_file(wider); /* somebody else looks at it */
    for (int before = 0; admit("pear", NULL, false, 2000); before = event_count(&changed))
        event_wait(&changed, before + 1); /* once more if it was read half written */
    keys_on_change(keys, NULL, NULL);
    event_finish(&changed);
    assert_true(admit("apple", NULL, true, 2000));
    assert_false(admit("apple", NULL, true, 2000)); /* the first one still counts */
    assert_false(admit("pear", NULL, false, 2000));
    assert_int_equal(refusal.status, 401);
}

static void each_channel_is_a_stream(void **state)
{
    assert_true(admit("pear", NULL, true, 0));
    assert_true(keys_add_streams(keys, &grant, 7, &refusal));
    keys_release(keys, &grant);
    assert_true(admit("apple", NULL, true, 0));
    assert_false(keys_add_streams(keys, &grant, 1, &refusal));
    assert_int_equal(refusal.status, 429);
    keys_release(keys, &grant);
    assert_true(admit("apple", NULL, true, 60000));
}

static int changes;

static void count_change(void *user)
{
    changes++;
}

static void a_key_that_is_taken_out_holds_no_more(void **state)
{
    static const char one[] =
        "{\"tiers\":[{\"name\":\"free\"}],\"keys\":[{\"sha256\":\"" APPLE "\",\"tier\":\"free\"}]}";
    struct keys_grant apple;

    keys_on_change(keys, count_change, NULL);
    assert_true(admit("apple", NULL, true, 0));
    apple = grant;
    assert_true(admit("pear", NULL, true, 0));
    assert_true(keys_hold(keys, &grant) && keys_hold(keys, &apple));
    write_file(one);
    changes = 0;
    assert_true(keys_reload(keys));
    assert_true(changes >= 1);
    assert_false(keys_hold(keys, &grant));
    assert_true(keys_hold(keys, &apple));
    assert_true(keys_know(keys, "apple", &refusal));
    assert_false(keys_know(keys, "pear", &refusal));
    assert_int_equal(refusal.status, 401);
    keys_release(keys, &grant);
}

static void a_pipe_in_the_files_place_is_refused_at_once(void **state)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(keys_reload(keys));
    assert_true(admit("pear", NULL, false, 0));
}

static void a_malformed_or_vanished_file_changes_nothing(void **state)
{
    write_file("{");
    assert_true(admit("pear", NULL, false, 2000));
    assert_false(keys_reload(keys));
    assert_int_equal(unlink(path), 0);
    assert_true(admit("pear", NULL, false, 4000));
    assert_false(keys_reload(keys));
    assert_true(admit("pear", NULL, false, 6000));
    write_file(both);
    assert_true(keys_reload(keys));
    assert_true(admit("apple", NULL, false, 8000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_everybody_has_the_default_tier),
        cmocka_unit_test(a_file_that_cannot_be_read_is_no_start),
        cmocka_unit_test_setup_teardown(only_known_keys_come_in, open_both, close_all),
        cmocka_unit_test_setup_teardown(a_key_may_have_a_lower_tier_but_not_a_higher_one, open_both,
                                        close_all),
        cmocka_unit_test_setup_teardown(requests_are_counted_by_the_minute_and_retry_after_is_true,
                                        open_both, close_all),
        cmocka_unit_test_setup_teardown(streams_are_counted_while_they_last, open_both, close_all),
        cmocka_unit_test_setup_teardown(a_changed_file_is_read_and_meters_stay, open_both,
                                        close_all),
        cmocka_unit_test_setup_teardown(each_channel_is_a_stream, open_both, close_all),
        cmocka_unit_test_setup_teardown(a_key_that_is_taken_out_holds_no_more, open_both,
                                        close_all),
        cmocka_unit_test_setup_teardown(a_pipe_in_the_files_place_is_refused_at_once, open_both,
                                        close_all),
        cmocka_unit_test_setup_teardown(a_malformed_or_vanished_file_changes_nothing, open_both,
                                        close_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
