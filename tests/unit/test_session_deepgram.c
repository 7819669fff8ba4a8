/* Deepgram's live conversation. */
#include <math.h>
#include <string.h>

#include "talk.h"
#include "test.h"

#define LINEAR "/v1/listen?encoding=linear16&sample_rate=16000"

static void results_come_in_order_and_the_metadata_last(void **state)
{
    struct talk talk;
    size_t finals = 0;
    double end_s = 0;

    talk_open(&talk, LINEAR "&interim_results=true", "", "");
    const size_t sent = talk_send_speech(&talk, 2);
    talk_say(&talk, "{\"type\": \"KeepAlive\"}");
    talk_say(&talk, "{\"type\": \"CloseStream\"}");
    json_t *json = talk_next(&talk);
    for (; json && strcmp(talk_text(json, "type"), "Results") == 0; json = talk_next(&talk)) {
        const bool is_final = json_is_true(talk_at(json, "is_final"));
        assert_string_equal(talk_text(json, "metadata.request_id"), "id-1");
        assert_true(json_is_string(talk_at(json, "channel.alternatives.0.transcript")));
        if (is_final) {
            assert_true(talk_number(json, "start") >= end_s - 1e-6);
            end_s = talk_number(json, "start") + talk_number(json, "duration");
        }
        finals += is_final;
        json_decref(json);
    }
    assert_non_null(json);
    assert_true(finals >= 2);
    assert_string_equal(talk_text(json, "type"), "Metadata");
    assert_string_equal(talk_text(json, "request_id"), "id-1");
    assert_int_equal(talk_number(json, "channels"), 1);
    assert_true(fabs(talk_number(json, "duration") - (double)sent / 16000) < 0.1);
    json_decref(json);
    assert_null(talk_next(&talk));
    assert_int_equal(talk.close_code, 1000);
    talk_close(&talk);
}

static void an_interim_result_comes_while_somebody_speaks(void **state)
{
    const struct sound sound = hearing_join(0, 1, 0);
    struct talk talk;

    talk_open(&talk, LINEAR "&interim_results=true&endpointing=false", "", "");
    talk_send(&talk, sound.pcm, 2 * sound.count / 2);
    json_t *json = talk_until(&talk, "Results");
    assert_true(json_is_false(talk_at(json, "is_final")));
    assert_true(json_is_false(talk_at(json, "speech_final")));
    json_decref(json);
    talk_close(&talk); /* in the midst of it */
    free(sound.pcm);
}

static void without_interim_results_only_finals_come_and_an_empty_message_ends_it(void **state)
{
    struct talk talk;

    talk_open(&talk, LINEAR, "", "");
    talk_send_speech(&talk, 1);
    talk_send(&talk, NULL, 0);
    json_t *json = talk_next(&talk);
    for (; json && strcmp(talk_text(json, "type"), "Results") == 0; json = talk_next(&talk)) {
        assert_true(json_is_true(talk_at(json, "is_final")));
        json_decref(json);
    }
    assert_string_equal(talk_text(json, "type"), "Metadata");
    json_decref(json);
    talk_ends(&talk, 1000);
    talk_close(&talk);
}

static void finalize_is_answered_with_what_was_sent_before_it(void **state)
{
    struct talk talk;
    bool from_finalize = false;

    talk_open(&talk, LINEAR, "", "");
    talk_send_speech(&talk, 1);
    talk_say(&talk, "{\"type\": \"Finalize\"}");
    while (!from_finalize) {
        json_t *json = talk_until(&talk, "Results");
        from_finalize = json_is_true(talk_at(json, "from_finalize"));
        json_decref(json);
    }
    assert_int_equal(talk.close_code, 0);
    talk_close(&talk);
}

static void each_channel_is_heard_by_itself_where_that_is_asked(void **state)
{
    static int16_t both[2 * 16000];
    struct talk talk;
    bool heard[2] = {false, false};

    talk_open(&talk, LINEAR "&channels=2&multichannel=true", "", "");
    talk_send(&talk, both, sizeof both);
    talk_say(&talk, "{\"type\": \"Finalize\"}");
    while (!heard[0] || !heard[1]) {
        json_t *json = talk_until(&talk, "Results");
        const int channel = (int)talk_number(json, "channel_index.0");
        assert_int_equal(talk_number(json, "channel_index.1"), 2);
        assert_in_range(channel, 0, 1);
        heard[channel] = true;
        json_decref(json);
    }
    talk_say(&talk, "{\"type\": \"CloseStream\"}");
    json_t *json = talk_until(&talk, "Metadata");
    assert_int_equal(talk_number(json, "channels"), 2);
    json_decref(json);
    talk_ends(&talk, 1000);
    talk_close(&talk);
}

static void depth_is_changed_in_the_midst_of_it_or_the_answer_says_why_not(void **state)
{
    struct talk talk;

    talk_open(&talk, LINEAR, "", "");
    talk_say(&talk, "{\"type\": \"Configure\", \"depth\": 1, \"latency_ms\": null}");
    json_t *json = talk_until(&talk, "ConfigureSuccess");
    assert_int_equal(talk_number(json, "depth"), 1);
    assert_true(json_is_null(talk_at(json, "latency_ms")));
    json_decref(json);
    talk_say(&talk, "{\"type\": \"Configure\", \"depth\": 99}");
    json = talk_until(&talk, "ConfigureFailure");
    assert_non_null(strstr(talk_text(json, "description"), "depth"));
    json_decref(json);
    talk_send_speech(&talk, 1);
    talk_say(&talk, "{\"type\": \"Finalize\"}");
    json = talk_until(&talk, "Results");
    assert_int_equal(talk_number(json, "metadata.depth.used"), 1);
    json_decref(json);
    talk_close(&talk);
}

static void what_it_does_not_know_ends_it(void **state)
{
    struct talk talk;

    talk_open(&talk, LINEAR, "", "");
    talk_say(&talk, "{\"type\": \"Sing\"}");
    talk_ends(&talk, 1008);
    assert_memory_equal(talk.close_reason, "DATA-0000", 9);
    talk_close(&talk);
    talk_open(&talk, "/v1/listen", "", "");
    talk_send(&talk, "this is no recording of any kind", 32);
    talk_say(&talk, "{\"type\": \"CloseStream\"}");
    talk_ends(&talk, 1008);
    assert_memory_equal(talk.close_reason, "DATA-0000", 9);
    talk_close(&talk);
}

static void a_packet_of_opus_is_one_message_and_no_longer_than_a_packet(void **state)
{
    static uint8_t packet[65536];
    struct talk talk;

    talk_open(&talk, "/v1/listen?encoding=opus&sample_rate=48000", "", "");
    talk.session->kind->binary(talk.session, packet, 40000, false);
    talk.session->kind->binary(talk.session, packet, 25536, true);
    talk_ends(&talk, 1008);
    talk_close(&talk);
}

static void who_sends_nothing_for_long_is_sent_away(void **state)
{
    struct talk talk;

    talk_open(&talk, LINEAR, "", "");
    assert_int_equal(talk.session->idle_ms, talk_host.idle_ms);
    talk.session->kind->idle(talk.session);
    talk_ends(&talk, 1011);
    assert_memory_equal(talk.close_reason, "NET-0001", 8);
    talk_close(&talk);
}

static void what_is_asked_wrongly_is_refused_in_its_own_shape(void **state)
{
    static const struct {
        const char *target, *protocols, *text;
    } rows[] = {
        {"/v1/listen?encoding=linear16", "", "sample_rate is required"},
        {LINEAR "&depth=99", "", "depth=99"},
        {LINEAR "&channels=1&latency_ms=x", "", "latency_ms=x"},
        {LINEAR "&callback=http%3A%2F%2Fa.example", "", "callback is for recordings"},
        {LINEAR, "chat, KEY", "Sec-WebSocket-Protocol must be"},
    };
    struct talk talk;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        talk_open(&talk, rows[i].target, "", rows[i].protocols);
        assert_non_null(strstr(talk.refusal.body, "\"err_msg\""));
        assert_non_null(strstr(talk.refusal.extra, "dg-request-id: id-1\r\n"));
        assert_non_null(strstr(talk.refusal.extra, "dg-error: "));
        talk_is_refused(&talk, 400, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_in_order_and_the_metadata_last),
        cmocka_unit_test(an_interim_result_comes_while_somebody_speaks),
        cmocka_unit_test(without_interim_results_only_finals_come_and_an_empty_message_ends_it),
        cmocka_unit_test(finalize_is_answered_with_what_was_sent_before_it),
        cmocka_unit_test(each_channel_is_heard_by_itself_where_that_is_asked),
        cmocka_unit_test(depth_is_changed_in_the_midst_of_it_or_the_answer_says_why_not),
        cmocka_unit_test(what_it_does_not_know_ends_it),
        cmocka_unit_test(a_packet_of_opus_is_one_message_and_no_longer_than_a_packet),
        cmocka_unit_test(who_sends_nothing_for_long_is_sent_away),
        cmocka_unit_test(what_is_asked_wrongly_is_refused_in_its_own_shape),
    };

    return cmocka_run_group_tests(tests, talk_setup, talk_teardown);
}
