/* Deepgram's conversation turn by turn. */
#include <string.h>

#include "talk.h"
#include "test.h"

#define LINEAR "/v2/listen?model=flux-general-en&encoding=linear16&sample_rate=16000"

/* The next turn's end, to be released; what comes before it is in order. */
static json_t *turn_end(struct talk *talk, json_int_t *sequence)
{
    for (;;) {
        json_t *json = talk_next(talk);
        assert_non_null(json);
        assert_int_equal(talk_number(json, "sequence_id"), (*sequence)++);
        assert_string_equal(talk_text(json, "type"), "TurnInfo");
        if (strcmp(talk_text(json, "event"), "EndOfTurn") == 0)
            return json;
        assert_true(talk_number(json, "end_of_turn_confidence") <= 1);
        json_decref(json);
    }
}

static void each_recording_is_a_turn_that_ends_in_the_silence_behind_it(void **state)
{
    struct talk talk;
    json_int_t sequence = 1;

    talk_open(&talk, LINEAR "&eot_threshold=0.6&eot_timeout_ms=800", "", "");
    json_t *json = talk_next(&talk);
    assert_string_equal(talk_text(json, "type"), "Connected");
    assert_string_equal(talk_text(json, "request_id"), "id-1");
    json_decref(json);
    talk_send_speech(&talk, 2);
    for (int i = 0; i < 2; i++) {
        json = turn_end(&talk, &sequence);
        assert_int_equal(talk_number(json, "turn_index"), i);
        assert_true(strlen(talk_text(json, "transcript")) > 0);
        json_decref(json);
    }
    talk_say(&talk, "{\"type\": \"CloseStream\"}");
    talk_ends(&talk, 1000);
    talk_close(&talk);
}

static void a_turn_may_be_ended_and_its_thresholds_turned_by_the_client(void **state)
{
    const struct sound sound = hearing_join(0, 1, 0);
    struct talk talk;

    talk_open(&talk, LINEAR, "", "");
    talk_send(&talk, sound.pcm, 2 * sound.count);
    talk_say(&talk, "{\"type\": \"Configure\", \"keyterms\": [\"one\"]}");
    json_t *json = talk_until(&talk, "ConfigureSuccess");
    assert_string_equal(talk_text(json, "keyterms.0"), "one");
    json_decref(json);
    talk_say(&talk, "{\"type\": \"Configure\", \"thresholds\": {\"eot_threshold\": 7}}");
    json_decref(talk_until(&talk, "ConfigureFailure"));
    talk_say(&talk, "{\"type\": \"ForceEndTurn\"}");
    for (bool ended = false; !ended; json_decref(json)) {
        json = talk_until(&talk, "TurnInfo");
        ended = strcmp(talk_text(json, "event"), "EndOfTurn") == 0;
        if (ended)
            assert_string_equal(talk_text(json, "trigger"), "manual");
    }
    talk_close(&talk);
    free(sound.pcm);
}

static void what_is_wrong_is_refused_or_ends_it_by_name(void **state)
{
    struct talk talk;

    talk_open(&talk, LINEAR "&eot_threshold=2", "", "");
    talk_is_refused(&talk, 400, "0.5 to 0.9");
    talk_open(&talk, "/v2/listen?model=gpt-9", "", "");
    talk_is_refused(&talk, 400, "does not exist");
    talk_open(&talk, LINEAR, "", "");
    talk_say(&talk, "hello");
    json_t *json = talk_until(&talk, "Error");
    assert_string_equal(talk_text(json, "code"), "UNPARSABLE_CLIENT_MESSAGE");
    json_decref(json);
    talk_ends(&talk, 1008);
    talk_close(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_recording_is_a_turn_that_ends_in_the_silence_behind_it),
        cmocka_unit_test(a_turn_may_be_ended_and_its_thresholds_turned_by_the_client),
        cmocka_unit_test(what_is_wrong_is_refused_or_ends_it_by_name),
    };
    return cmocka_run_group_tests(tests, talk_setup, talk_teardown);
}
