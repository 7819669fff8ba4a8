#include <string.h>
#include <time.h>

#include "secrets.h"
#include "test.h"

static struct secrets *secrets;

static int setup(void **state)
{
    return secrets_open(&secrets);
}

static int teardown(void **state)
{
    secrets_close(secrets);
    return 0;
}

static void a_secret_is_found_with_its_settings_while_it_lives(void **state)
{
    struct realtime_config config, found;
    char value[SECRETS_VALUE], other[SECRETS_VALUE];
    int64_t expires_at_s;

    realtime_config_init(&config, NULL);
    strcpy(config.model, "mine");
    config.keywords.texts[config.keywords.count++] = strdup("word");
    assert_int_equal(secrets_issue(secrets, &config, 7, 60, value, &expires_at_s), 0);
    assert_in_range(expires_at_s, time(NULL) + 50, time(NULL) + 61);
    assert_true(secrets_is_one(value));
    uint64_t owner = 0;
    assert_true(secrets_owner(secrets, value, &owner));
    assert_int_equal(owner, 7);
    assert_false(secrets_owner(secrets, "ek_nonsense", &owner));
    assert_int_equal(secrets_issue(secrets, &config, 7, 60, other, &expires_at_s), 0);
    assert_string_not_equal(value, other);
    realtime_config_finish(&config);
    assert_true(secrets_find(secrets, value, &found));
    assert_string_equal(found.model, "mine");
    assert_string_equal(found.keywords.texts[0], "word");
    realtime_config_finish(&found);
    assert_false(secrets_find(secrets, "ek_nonsense", &found));
    assert_false(secrets_is_one("sk-anything"));
}

static void an_expired_secret_is_nobody(void **state)
{
    struct realtime_config config, found;
    char value[SECRETS_VALUE];
    int64_t expires_at_s;

    realtime_config_init(&config, NULL);
    assert_int_equal(secrets_issue(secrets, &config, 7, 0, value, &expires_at_s), 0);
    assert_false(secrets_find(secrets, value, &found));
}

static void there_may_be_only_so_many(void **state)
{
    struct realtime_config config;
    char value[SECRETS_VALUE];
    int64_t expires_at_s;
    int issued = 0;

    realtime_config_init(&config, NULL);
    while (issued < 2000 && secrets_issue(secrets, &config, 8, 60, value, &expires_at_s) == 0)
        issued++;
    assert_int_equal(issued, 100); /* of one key: the others have theirs */
    while (issued < 2000 &&
           secrets_issue(secrets, &config, 100 + (uint64_t)issued, 60, value, &expires_at_s) == 0)
        issued++;
    assert_int_equal(issued, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_secret_is_found_with_its_settings_while_it_lives, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_expired_secret_is_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(there_may_be_only_so_many, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
