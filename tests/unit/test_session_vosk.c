/* vosk's conversation: one reply for each message of samples, and the rest at the end. */
#include <string.h>

#include "talk.h"
#include "test.h"

static void every_message_of_samples_has_one_reply_and_the_end_has_the_rest(void **state)
{
    struct talk talk;
    size_t replies = 0, results = 0, rest = 0;

    talk_open(&talk, "/", "", "");
    talk_say(&talk, "{\"config\": {\"sample_rate\": 16000}}");
    const size_t sent = (talk_send_speech(&talk, 2) + 1599) / 1600;
    talk_say(&talk, "{\"eof\": 1}");
    for (json_t *json; (json = talk_next(&talk)); json_decref(json)) {
        rest = json_object_get(json, "text") != NULL;
        results += rest;
        assert_true(rest || json_object_get(json, "partial") != NULL);
        replies++;
    }
    assert_int_equal(replies, sent + 1);
    assert_true(results >= 2); /* of the first clip, and the rest */
    assert_true(rest);
    assert_int_equal(talk.close_code, 1000);
    talk_close(&talk);
}

static void the_end_without_samples_is_an_empty_result(void **state)
{
    struct talk talk;

    talk_open(&talk, "/vosk", "", "");
    talk_say(&talk, "{\"eof\" : 1}");
    json_t *json = talk_next(&talk);
    assert_string_equal(talk_text(json, "text"), "");
    json_decref(json);
    talk_ends(&talk, 1000);
    talk_send(&talk, "\0\0", 2); /* no more is taken */
    talk_close(&talk);
}

static void words_and_alternatives_come_for_who_asks(void **state)
{
    struct talk talk;
    json_t *last = NULL;

    talk_open(&talk, "/", "", "");
    talk_say(&talk, "{\"config\": {\"sample_rate\": 16000, \"words\": true}}");
    talk_send_speech(&talk, 1);
    talk_say(&talk, "{\"config\": {\"max_alternatives\": 3}}");
    talk_say(&talk, "{\"eof\" : 1}");
    for (json_t *json; (json = talk_next(&talk));) {
        json_decref(last);
        last = json;
    }
    assert_true(json_is_array(talk_at(last, "alternatives")));
    assert_true(json_is_string(talk_at(last, "alternatives.0.text")));
    json_decref(last);
    assert_int_equal(talk.close_code, 1000);
    talk_close(&talk);
}

static void a_reset_is_answered_with_what_was_said_before_it(void **state)
{
    struct talk talk;
    size_t texts = 0;

    talk_open(&talk, "/", "", "");
    talk_say(&talk, "{\"config\": {\"sample_rate\": 16000}}");
    talk_say(&talk, "{\"reset\": 1}"); /* before any samples: an empty text */
    json_t *json = talk_next(&talk);
    assert_string_equal(talk_text(json, "text"), "");
    json_decref(json);
    const size_t sent = (talk_send_speech(&talk, 1) + 1599) / 1600;
    talk_say(&talk, "{\"reset\": 1}");
    for (size_t i = 0; i < sent + 1; i++) {
        json = talk_next(&talk);
        assert_non_null(json);
        texts = json_object_get(json, "text") != NULL;
        json_decref(json);
    }
    assert_int_equal(texts, 1); /* the last of them answers the reset */
    assert_int_equal(talk.close_code, 0);
    talk_close(&talk); /* in the midst of it */
}

static void what_is_no_message_ends_it_with_its_reason(void **state)
{
    static const char *const wrong[] = {"nonsense", "{\"config\": {\"sample_rate\": 5}}",
                                        "{\"a\":1}", "{\"config\": {\"depth\": 99}}"};
    struct talk talk;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        talk_open(&talk, "/", "", "");
        talk_say(&talk, wrong[i]);
        talk_ends(&talk, 1003);
        assert_true(strlen(talk.close_reason) > 0);
        talk_close(&talk);
    }
}

static void who_says_nothing_for_long_is_sent_away(void **state)
{
    struct talk talk;

    talk_open(&talk, "/", "", "");
    assert_int_equal(talk.session->idle_ms, talk_host.quiet_ms);
    talk.session->kind->idle(talk.session);
    talk_ends(&talk, 1008);
    talk_close(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_of_samples_has_one_reply_and_the_end_has_the_rest),
        cmocka_unit_test(the_end_without_samples_is_an_empty_result),
        cmocka_unit_test(words_and_alternatives_come_for_who_asks),
        cmocka_unit_test(a_reset_is_answered_with_what_was_said_before_it),
        cmocka_unit_test(what_is_no_message_ends_it_with_its_reason),
        cmocka_unit_test(who_says_nothing_for_long_is_sent_away),
    };

    return cmocka_run_group_tests(tests, talk_setup, talk_teardown);
}
