/* Which conversation a path begins, and who may have it. */
#include <string.h>

#include "talk.h"
#include "test.h"

/* printf apple | sha256sum; and pear. */
#define APPLE "3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b"
#define PEAR  "97cfbe87531abe0c6bac7b21d616cb422faaa158a9f2ae7e8685c79eb85fc65e"

static const char both[] = "{\"tiers\":[{\"name\":\"free\",\"streams\":2,\"depth_ceiling\":1},"
                           "{\"name\":\"gold\",\"priority\":2}],\"keys\":[{\"sha256\":\"" APPLE
                           "\",\"tier\":\"free\"},{\"sha256\":\"" PEAR "\",\"tier\":\"gold\"}]}";

#define LINEAR "/v1/listen?encoding=linear16&sample_rate=16000"

static void a_path_says_which_dialect_is_spoken(void **state)
{
    static const struct {
        const char *target, *name;
    } rows[] = {{"/", "vosk"},
                {"/?a=b", "vosk"},
                {"/vosk", "vosk"},
                {LINEAR, "deepgram"},
                {"/v1/realtime?intent=transcription", "realtime"}};
    static const char *const none[] = {"/v1", "/v1/listening", "/v1/realtime/"};
    struct talk talk;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        talk_open(&talk, rows[i].target, "", "");
        assert_non_null(talk.session);
        assert_string_equal(talk.session->kind->name, rows[i].name);
        assert_string_equal(talk.session->id, "id-1");
        talk_close(&talk);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        talk_open(&talk, none[i], "", "");
        talk_is_refused(&talk, 404, "unknown_url");
    }
}

static void without_its_key_nobody_comes_in_whatever_the_dialect(void **state)
{
    static const struct {
        const char *target, *text;
    } rows[] = {{"/", "\"code\":\"invalid_api_key\""},
                {LINEAR, "\"err_code\":\"INVALID_AUTH\""},
                {"/v1/realtime", "\"code\":\"invalid_api_key\""}};
    struct talk talk;

    talk_use_keys(both);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        talk_open(&talk, rows[i].target, "", "");
        talk_is_refused(&talk, 401, rows[i].text);
        talk_open(&talk, rows[i].target, "Bearer plum", "");
        talk_is_refused(&talk, 401, rows[i].text);
        talk_open(&talk, rows[i].target, "Token pear", "");
        assert_non_null(talk.session);
        assert_string_equal(talk.session->grant.tier.name, "gold");
        assert_false(session_is_revoked(talk.session));
        talk_close(&talk);
    }
    talk_open(&talk, "/?token=apple", "", "");
    assert_string_equal(talk.session->grant.tier.name, "free");
    talk_close(&talk);
    talk_open(&talk, LINEAR, "", "token, apple");
    assert_string_equal(talk.session->grant.tier.name, "free");
    talk_close(&talk);
    talk_use_keys(NULL);
}

static void a_key_has_so_many_streams_and_each_channel_is_one(void **state)
{
    struct talk first, second;

    talk_use_keys(both);
    talk_open(&first, "/", "Bearer apple", "");
    assert_non_null(first.session);
    talk_open(&second, LINEAR "&channels=2&multichannel=true", "Bearer apple", "");
    talk_is_refused(&second, 429, "allows 2 live streams at once");
    talk_open(&second, "/", "Bearer apple", "");
    assert_non_null(second.session);
    talk_close(&second);
    talk_close(&first);
    talk_open(&second, LINEAR "&channels=2&multichannel=true", "Bearer apple", "");
    assert_non_null(second.session);
    talk_close(&second);
    talk_use_keys(NULL);
}

static void a_tier_and_a_time_are_asked_for_in_the_query(void **state)
{
    struct talk talk;

    talk_use_keys(both);
    talk_open(&talk, "/?tier=free&latency_ms=900", "Bearer pear", "");
    assert_string_equal(talk.session->grant.tier.name, "free");
    const struct request_policy policy = session_policy(talk.session, 2);
    assert_int_equal(policy.latency_ms, 900);
    assert_int_equal(policy.depth, 2);
    assert_ptr_equal(policy.tier, &talk.session->grant.tier);
    talk_close(&talk);
    talk_open(&talk, "/?tier=gold", "Bearer apple", "");
    talk_is_refused(&talk, 400, "tier");
    talk_open(&talk, "/?latency_ms=0", "Bearer pear", "");
    talk_is_refused(&talk, 400, "latency_ms=0");
    talk_use_keys(NULL);
}

static void a_key_that_is_taken_out_is_known_as_such(void **state)
{
    struct talk talk;

    talk_use_keys(both);
    talk_open(&talk, "/", "Bearer pear", "");
    assert_false(session_is_revoked(talk.session));
    talk_use_keys("{\"tiers\":[{\"name\":\"free\"}],\"keys\":[{\"sha256\":\"" APPLE
                  "\",\"tier\":\"free\"}]}");
    assert_true(session_is_revoked(talk.session));
    talk_close(&talk);
    talk_use_keys(NULL);
}

static void when_the_engine_is_full_the_next_is_told_and_when_to_come_again(void **state)
{
    struct talk talks[5];

    for (int i = 0; i < 4; i++) {
        talk_open(&talks[i], LINEAR, "", "");
        assert_non_null(talks[i].session);
    }
    talk_open(&talks[4], LINEAR, "", "");
    talk_is_refused(&talks[4], 429, "err_msg");
    for (int i = 0; i < 4; i++)
        talk_close(&talks[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_says_which_dialect_is_spoken),
        cmocka_unit_test(without_its_key_nobody_comes_in_whatever_the_dialect),
        cmocka_unit_test(a_key_has_so_many_streams_and_each_channel_is_one),
        cmocka_unit_test(a_tier_and_a_time_are_asked_for_in_the_query),
        cmocka_unit_test(a_key_that_is_taken_out_is_known_as_such),
        cmocka_unit_test(when_the_engine_is_full_the_next_is_told_and_when_to_come_again),
    };

    return cmocka_run_group_tests(tests, talk_setup, talk_teardown);
}
