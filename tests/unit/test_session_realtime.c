/* OpenAI's Realtime transcription: turns, items and their events. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "talk.h"
#include "test.h"

#define RATE      24000 /* the dialect's samples */
#define CREATED   "conversation.item."
#define COMPLETED "conversation.item.input_audio_transcription.completed"
#define MANUAL                                                                                     \
    "{\"type\":\"session.update\",\"session\":{\"type\":\"transcription\",\"audio\":{\"input\":"   \
    "{\"turn_detection\":null}}}}"

/* samples [count] as an append. */
static void append(struct talk *talk, const int16_t *samples, size_t count)
{
    char *message = malloc(4 * count + 100);
    const int used = sprintf(message, "{\"type\":\"input_audio_buffer.append\",\"audio\":\"");
    const int coded = EVP_EncodeBlock((unsigned char *)message + used,
                                      (const unsigned char *)samples, (int)(2 * count));

    strcpy(message + used + coded, "\"}");
    talk_say(talk, message);
    free(message);
}

/* A recording, in pieces, at the dialect's rate, each sample held for one and a half; and a second
 * of a quiet room. */
static void speak(struct talk *talk)
{
    const struct sound sound = hearing_join(0, 1, 1000);
    static int16_t piece[RATE / 10];
    const size_t count = sound.count * 3 / 2;
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        piece[n++] = sound.pcm[i * 2 / 3];
        if (n == sizeof piece / sizeof *piece || i + 1 == count) {
            append(talk, piece, n);
            n = 0;
        }
    }
    free(sound.pcm);
}

static void open_session(struct talk *talk)
{
    talk_open(talk, "/v1/realtime?intent=transcription", "", "realtime");
    assert_non_null(talk->session);
    json_t *json = talk_next(talk);
    assert_string_equal(talk_text(json, "type"), "session.created");
    json_decref(json);
}

static void open_manual(struct talk *talk)
{
    open_session(talk);
    talk_say(talk, MANUAL);
    json_t *json = talk_next(talk);
    assert_string_equal(talk_text(json, "type"), "session.updated");
    assert_true(json_is_null(talk_at(json, "session.audio.input.turn_detection")));
    json_decref(json);
}

static void is_error(struct talk *talk, const char *code, const char *event_id)
{
    json_t *json = talk_until(talk, "error");

    assert_string_equal(talk_text(json, "error.code"), code);
    if (event_id)
        assert_string_equal(talk_text(json, "error.event_id"), event_id);
    json_decref(json);
}

static void a_commit_makes_an_item_that_is_completed_with_its_text(void **state)
{
    static const char *const order[] = {"input_audio_buffer.committed", CREATED "added",
                                        CREATED "done"};
    struct talk talk;
    char items[2][100];

    open_manual(&talk);
    for (int turn = 0; turn < 2; turn++) {
        speak(&talk);
        talk_say(&talk, "{\"type\":\"input_audio_buffer.commit\"}");
        for (size_t i = 0; i < 3; i++) {
            json_t *json = talk_until(&talk, order[i]);
            const char *id = talk_text(json, i ? "item.id" : "item_id");
            if (i == 0) {
                const json_t *before = talk_at(json, "previous_item_id");
                snprintf(items[turn], sizeof items[turn], "%s", id);
                assert_true(turn ? strcmp(json_string_value(before), items[0]) == 0
                                 : json_is_null(before));
            }
            assert_string_equal(id, items[turn]);
            json_decref(json);
        }
        json_t *json = talk_until(&talk, COMPLETED);
        assert_string_equal(talk_text(json, "item_id"), items[turn]);
        assert_true(json_is_string(talk_at(json, "transcript")));
        json_decref(json);
    }
    assert_string_not_equal(items[0], items[1]);
    talk_close(&talk);
}

static void pauses_end_turns_where_the_server_listens_for_them(void **state)
{
    struct talk talk;
    char id[100];

    open_session(&talk);
    speak(&talk);
    speak(&talk);
    double before_ms = -1;
    for (int turn = 0; turn < 2; turn++) {
        json_t *json = talk_until(&talk, "input_audio_buffer.speech_started");
        snprintf(id, sizeof id, "%s", talk_text(json, "item_id"));
        assert_true(talk_number(json, "audio_start_ms") > before_ms);
        before_ms = talk_number(json, "audio_start_ms");
        json_decref(json);
        json = talk_until(&talk, "input_audio_buffer.speech_stopped");
        assert_string_equal(talk_text(json, "item_id"), id);
        assert_true(talk_number(json, "audio_end_ms") > before_ms);
        before_ms = talk_number(json, "audio_end_ms");
        json_decref(json);
        json = talk_until(&talk, "input_audio_buffer.committed");
        assert_string_equal(talk_text(json, "item_id"), id);
        json_decref(json);
        if (turn)
            continue; /* its text comes when more sound does, or none for long */
        json = talk_until(&talk, COMPLETED);
        assert_string_equal(talk_text(json, "item_id"), id);
        json_decref(json);
    }
    talk_close(&talk);
}

static void the_sound_before_a_clear_is_not_told(void **state)
{
    struct talk talk;

    open_manual(&talk);
    speak(&talk);
    talk_say(&talk, "{\"type\":\"input_audio_buffer.clear\"}");
    json_t *json = talk_until(&talk, "input_audio_buffer.cleared");
    json_decref(json);
    talk_say(&talk, "{\"type\":\"input_audio_buffer.commit\",\"event_id\":\"e1\"}");
    is_error(&talk, "input_audio_buffer_commit_empty", "e1");
    speak(&talk);
    talk_say(&talk, "{\"type\":\"input_audio_buffer.commit\"}");
    json = talk_until(&talk, "input_audio_buffer.committed");
    assert_true(json_is_null(talk_at(json, "previous_item_id"))); /* it is the first */
    json_decref(json);
    json = talk_until(&talk, COMPLETED);
    json_decref(json);
    talk_close(&talk);
}

static void an_item_can_be_had_again_until_it_is_deleted(void **state)
{
    struct talk talk;
    char id[100], transcript[4000], message[300];

    open_manual(&talk);
    speak(&talk);
    talk_say(&talk, "{\"type\":\"input_audio_buffer.commit\"}");
    json_t *json = talk_until(&talk, COMPLETED);
    snprintf(id, sizeof id, "%s", talk_text(json, "item_id"));
    snprintf(transcript, sizeof transcript, "%s", talk_text(json, "transcript"));
    json_decref(json);
    snprintf(message, sizeof message,
             "{\"type\":\"conversation.item.retrieve\",\"item_id\":\"%s\"}", id);
    talk_say(&talk, message);
    json = talk_until(&talk, CREATED "retrieved");
    assert_string_equal(talk_text(json, "item.content.0.transcript"), transcript);
    json_decref(json);
    snprintf(message, sizeof message, "{\"type\":\"conversation.item.delete\",\"item_id\":\"%s\"}",
             id);
    talk_say(&talk, message);
    json = talk_until(&talk, CREATED "deleted");
    assert_string_equal(talk_text(json, "item_id"), id);
    json_decref(json);
    talk_say(&talk, message);
    is_error(&talk, "item_not_found", NULL);
    talk_close(&talk);
}

static void new_settings_for_the_sound_begin_a_stream_and_the_clock_goes_on(void **state)
{
    struct talk talk;

    open_session(&talk);
    speak(&talk);
    json_t *json = talk_until(&talk, "input_audio_buffer.speech_stopped");
    const double end_ms = talk_number(json, "audio_end_ms");
    json_decref(json);
    talk_say(&talk,
             "{\"type\":\"session.update\",\"session\":{\"type\":\"transcription\",\"audio\":"
             "{\"input\":{\"turn_detection\":{\"type\":\"server_vad\","
             "\"silence_duration_ms\":300}}}}}");
    assert_true(atomic_load(&talk.session->full)); /* nothing is read until the first has ended, */
    json = talk_until(&talk, "session.updated");
    json_decref(json);
    json = talk_until(&talk, COMPLETED);
    json_decref(json);
    talk_wait_ready(&talk);
    speak(&talk);
    json = talk_until(&talk, "input_audio_buffer.speech_started");
    assert_true(talk_number(json, "audio_start_ms") > end_ms);
    json_decref(json);
    talk_close(&talk);
}

static void what_is_no_event_is_an_error_and_the_session_goes_on(void **state)
{
    struct talk talk;

    open_session(&talk);
    talk_say(&talk, "nonsense");
    json_t *json = talk_until(&talk, "error");
    json_decref(json);
    talk_send(&talk, "\0\0", 2);
    is_error(&talk, "invalid_message", NULL);
    talk_say(&talk,
             "{\"type\":\"input_audio_buffer.append\",\"audio\":\"=x==\",\"event_id\":\"e2\"}");
    is_error(&talk, "invalid_value", "e2");
    talk_say(&talk, "{\"type\":\"input_audio_buffer.commit\",\"event_id\":\"e3\"}");
    is_error(&talk, "input_audio_buffer_commit_empty", "e3");
    assert_int_equal(talk.close_code, 0);
    talk.session->kind->idle(talk.session);
    talk_ends(&talk, 1001);
    talk_close(&talk);
}

static void an_ephemeral_key_brings_the_settings_it_was_made_with(void **state)
{
    struct realtime_config config;
    char value[SECRETS_VALUE], offered[200];
    int64_t expires_at_s;
    struct talk talk;

    realtime_config_init(&config, talk_host.catalog);
    config.turns = REALTIME_MANUAL;
    assert_int_equal(secrets_issue(talk_host.secrets, &config, 0, 60, value, &expires_at_s), 0);
    realtime_config_finish(&config);
    snprintf(offered, sizeof offered, "realtime, openai-insecure-api-key.%s", value);
    talk_open(&talk, "/v1/realtime", "", offered);
    json_t *json = talk_until(&talk, "session.created");
    assert_true(json_is_null(talk_at(json, "session.audio.input.turn_detection")));
    json_decref(json);
    talk_close(&talk);
    talk_open(&talk, "/v1/realtime", "Bearer ek_unknown", "");
    talk_is_refused(&talk, 401, "ephemeral key is unknown");
    talk_open(&talk, "/v1/realtime?intent=conversation", "", "");
    talk_is_refused(&talk, 400, "intent 'conversation'");
    talk_open(&talk, "/v1/realtime?model=foldscribe@99", "", "");
    talk_is_refused(&talk, 400, "model");
    talk_open(&talk, "/v1/realtime", "", "chat");
    talk_is_refused(&talk, 400, "must begin with 'realtime'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_makes_an_item_that_is_completed_with_its_text),
        cmocka_unit_test(pauses_end_turns_where_the_server_listens_for_them),
        cmocka_unit_test(the_sound_before_a_clear_is_not_told),
        cmocka_unit_test(an_item_can_be_had_again_until_it_is_deleted),
        cmocka_unit_test(new_settings_for_the_sound_begin_a_stream_and_the_clock_goes_on),
        cmocka_unit_test(what_is_no_event_is_an_error_and_the_session_goes_on),
        cmocka_unit_test(an_ephemeral_key_brings_the_settings_it_was_made_with),
    };

    return cmocka_run_group_tests(tests, talk_setup, talk_teardown);
}
