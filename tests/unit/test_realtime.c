#include "test.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "realtime_say.h"

static const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};

static int say(struct realtime_config *config, const char *text, struct realtime_event *event,
               struct realtime_error *err)
{
    *err = (struct realtime_error){.code = NULL};
    const int result = realtime_recv(config, text, strlen(text), event, err);
    assert_true(!event->changed || event->kind == REALTIME_UPDATE);
    if (event->changed) {
        realtime_event_settle(event, config);
        realtime_config_finish(event->changed);
        free(event->changed);
        event->changed = NULL;
    }
    return result;
}

static void is(char *text, const char *wanted)
{
    json_t *got = text ? json_loads(text, 0, NULL) : NULL, *expected = json_loads(wanted, 0, NULL);

    assert_non_null(got);
    assert_non_null(expected);
    if (!json_equal(got, expected))
        fail_msg("got %s", text);
    json_decref(got);
    json_decref(expected);
    free(text);
}

static const struct realtime_name name = {"event_1", "item_2", "item_1"};

static void a_new_session_listens_for_pauses(void **state)
{
    struct realtime_config config;

    realtime_config_init(&config, &catalog);
    is(realtime_say_session("session.created", &config, "sess_1", &name),
       "{\"type\":\"session.created\",\"event_id\":\"event_1\",\"session\":{\"type\":"
       "\"transcription\","
       "\"object\":\"realtime.transcription_session\",\"id\":\"sess_1\",\"include\":null,\"audio\":"
       "{"
       "\"input\":{\"format\":{\"type\":\"audio/pcm\",\"rate\":24000},\"transcription\":{\"model\":"
       "\"foldscribe\"},\"noise_reduction\":null,\"turn_detection\":{\"type\":\"server_vad\","
       "\"threshold\":0.5,\"prefix_padding_ms\":300,\"silence_duration_ms\":500}}}}}");
    config.beta = true;
    is(realtime_say_session("transcription_session.created", &config, "sess_1", &name),
       "{\"type\":\"transcription_session.created\",\"event_id\":\"event_1\",\"session\":{\"id\":"
       "\"sess_1\","
       "\"object\":\"realtime.transcription_session\",\"modalities\":[\"text\"],\"input_audio_"
       "format\":"
       "\"pcm16\",\"input_audio_transcription\":{\"model\":\"foldscribe\"},\"turn_detection\":{"
       "\"type\":"
       "\"server_vad\",\"threshold\":0.5,\"prefix_padding_ms\":300,\"silence_duration_ms\":500},"
       "\"input_audio_noise_reduction\":null,\"include\":null}}");
}

static void both_shapes_say_the_same(void **state)
{
    static const char *const rows[] = {
        "{\"type\":\"session.update\",\"session\":{\"type\":\"transcription\",\"include\":["
        "\"item.input_audio_transcription.logprobs\"],\"audio\":{\"input\":{\"format\":{\"type\":"
        "\"audio/"
        "pcma\"},\"noise_reduction\":{\"type\":\"near_field\"},\"transcription\":{\"model\":\"nova-"
        "3\","
        "\"language\":\"en\",\"prompt\":\"p\",\"delay\":\"low\",\"keywords\":[\"one\",\"\",\"two\"]"
        "},"
        "\"turn_detection\":{\"type\":\"semantic_vad\",\"eagerness\":\"high\"}}}}}",
        "{\"type\":\"transcription_session.update\",\"session\":{\"include\":["
        "\"item.input_audio_transcription.logprobs\"],\"input_audio_format\":\"g711_alaw\","
        "\"input_audio_noise_reduction\":{\"type\":\"near_field\"},\"input_audio_transcription\":{"
        "\"model\":"
        "\"gpt-transcribe\",\"language\":\"en\",\"prompt\":\"p\",\"delay\":\"low\",\"keywords\":["
        "\"one\","
        "\"two\"]},"
        "\"turn_detection\":{\"type\":\"semantic_vad\",\"eagerness\":\"high\"}}}"};

    for (size_t i = 0; i < 2; i++) {
        struct realtime_config config;
        struct realtime_event event;
        struct realtime_error err;
        realtime_config_init(&config, &catalog);
        assert_int_equal(say(&config, rows[i], &event, &err), 0);
        assert_int_equal(event.kind, REALTIME_UPDATE);
        assert_int_equal(event.beta_type, i == 1);
        assert_int_equal(config.audio, REALTIME_PCMA);
        assert_int_equal(config.rate_hz, 8000);
        assert_int_equal(config.turns, REALTIME_SEMANTIC_VAD);
        assert_string_equal(config.eagerness, "high");
        assert_int_equal(config.keywords.count, 2);
        assert_string_equal(config.keywords.texts[1], "two");
        assert_true(config.logprobs);
        assert_int_equal(config.depth, 2);
        /* What is not named stays; null turns off. */
        assert_int_equal(say(&config,
                             "{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{"
                             "\"turn_detection\":null,\"noise_reduction\":null}}}}",
                             &event, &err),
                         0);
        assert_int_equal(config.turns, REALTIME_MANUAL);
        assert_int_equal(config.audio, REALTIME_PCMA);
        assert_string_equal(config.noise_reduction, "");
        realtime_config_finish(&config);
    }
}

static void delay_and_name_choose_the_depth(void **state)
{
    static const struct {
        const char *model, *delay;
        uint32_t depth;
    } rows[] = {{"foldscribe", "minimal", 1}, {"foldscribe", "low", 2},
                {"foldscribe", "medium", 2},  {"foldscribe", "high", 3},
                {"foldscribe", "xhigh", 3},   {"foldscribe@1", "xhigh", 1}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct realtime_config config;
        struct realtime_event event;
        struct realtime_error err;
        char text[300];
        realtime_config_init(&config, &catalog);
        snprintf(
            text, sizeof text,
            "{\"type\":\"session.update\",\"session\":{\"audio\":{\"input\":{\"transcription\":{"
            "\"model\":\"%s\",\"delay\":\"%s\"}}}}}",
            rows[i].model, rows[i].delay);
        assert_int_equal(say(&config, text, &event, &err), 0);
        assert_int_equal(config.depth, rows[i].depth);
    }
}

static void what_is_wrong_is_named_and_changes_nothing(void **state)
{
    static const struct {
        const char *session, *param, *says;
    } rows[] = {
        {"7", "session", "object"},
        {"{\"input_audio_format\":\"mp3\"}", "session.audio.input.format", "g711_ulaw"},
        {"{\"input_audio_format\":{\"type\":\"audio/pcm\",\"rate\":44100}}",
         "session.audio.input.format", "24000"},
        {"{\"input_audio_format\":{\"type\":\"audio/pcmu\",\"rate\":16000}}",
         "session.audio.input.format", "8000"},
        {"{\"turn_detection\":{\"type\":\"none\"}}", "session.audio.input.turn_detection",
         "server_vad|semantic_vad"},
        {"{\"turn_detection\":{\"silence_duration_ms\":1}}", "session.audio.input.turn_detection",
         "100 to 10000"},
        {"{\"turn_detection\":{\"threshold\":\"x\"}}", "session.audio.input.turn_detection",
         "0 to 1"},
        {"{\"turn_detection\":[]}", "session.audio.input.turn_detection", "object or null"},
        {"{\"input_audio_transcription\":{\"delay\":\"none\"}}",
         "session.audio.input.transcription.delay", "minimal"},
        {"{\"input_audio_transcription\":{\"model\":\"foldscribe@9\"}}",
         "session.audio.input.transcription.model", "1 to 3"},
        {"{\"input_audio_transcription\":{\"language\":\"de\"}}",
         "session.audio.input.transcription.language", "(en)"},
        {"{\"input_audio_transcription\":{\"keywords\":\"a\"}}",
         "session.audio.input.transcription.keywords", "list"},
        {"{\"input_audio_transcription\":{\"keywords\":[7]}}",
         "session.audio.input.transcription.keywords", "[0]"},
        {"{\"include\":7}", "session.include", "list"},
        {"{\"type\":\"realtime\"}", "session.type", "use transcription"},
        {"{\"input_audio_transcription\":{\"model\":\"gpt-4o-transcribe-diarize\"}}",
         "session.audio.input.transcription.model", "gpt-4o-transcribe, "},
        {"{\"input_audio_transcription\":{\"languages\":[\"en\",\"fr\"]}}",
         "session.audio.input.transcription.languages", "'fr'"},
        {"{\"audio\":{\"input\":{\"redact\":\"pci\"}}}", "session.audio.input.redact",
         "nothing is taken out"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct realtime_config config, before;
        struct realtime_event event;
        struct realtime_error err;
        char text[400];
        realtime_config_init(&config, &catalog);
        before = config;
        snprintf(text, sizeof text,
                 "{\"event_id\":\"e\",\"type\":\"session.update\",\"session\":%s}",
                 rows[i].session);
        assert_int_equal(say(&config, text, &event, &err), -1);
        assert_string_equal(event.event_id, "e");
        assert_string_equal(err.param, rows[i].param);
        if (!strstr(err.message, rows[i].says))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.message, rows[i].says);
        assert_memory_equal(&config, &before, sizeof config);
    }
}

static void what_has_no_effect_is_told_with_the_settings(void **state)
{
    struct realtime_config config;
    struct realtime_event event;
    struct realtime_error err;

    realtime_config_init(&config, &catalog);
    assert_int_equal(realtime_query(&config, "model", "gpt-realtime", &err), 0);
    assert_int_equal(realtime_query(&config, "colour", "blue", &err), 0);
    assert_int_equal(config.notices.count, 2);
    assert_int_equal(realtime_query(&config, "model", "gpt-9", &err), -1);
    assert_string_equal(err.code, "model_not_found");
    assert_int_equal(say(&config,
                         "{\"type\":\"session.update\",\"session\":{\"type\":\"transcription\","
                         "\"voice\":\"alloy\",\"audio\":{\"input\":{\"diarize\":true,"
                         "\"noise_reduction\":{\"type\":\"near_field\"},\"turn_detection\":{"
                         "\"type\":\"server_vad\",\"threshold\":0.9,\"create_response\":true}}}}}",
                         &event, &err),
                     0);
    char *text = realtime_say_session("session.updated", &config, "sess_1", &name);
    json_t *json = json_loads(text, 0, NULL);
    const json_t *list = json_object_get(json_object_get(json, "session"), "warnings");
    static const char *const named[] = {
        "session.audio.input.turn_detection.threshold: ", "session.audio.input.noise_reduction: ",
        "session.voice: ", "session.audio.input.diarize: speakers"};
    assert_int_equal(json_array_size(list), 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(
            strncmp(json_string_value(json_array_get(list, i)), named[i], strlen(named[i])), 0);
    json_decref(json);
    free(text);
    realtime_config_finish(&config);
}

static void a_long_message_holds_sound_and_not_a_million_values(void **state)
{
    static char text[200000];
    struct realtime_config config;
    struct realtime_event event;
    struct realtime_error err;
    const int head =
        snprintf(text, sizeof text, "{\"type\":\"input_audio_buffer.append\",\"audio\":\"");

    realtime_config_init(&config, &catalog);
    memset(text + head, 'A', sizeof text - (size_t)head);
    const size_t end = (size_t)head + 120000;
    strcpy(text + end, "\"}");
    assert_int_equal(say(&config, text, &event, &err), 0);
    assert_int_equal(event.audio_bytes, 90000);
    realtime_event_finish(&event);
    strcpy(text + end, "\",\"a\":[0");
    for (size_t at = strlen(text), i = 0; i < 21000; i++, at += 2)
        strcpy(text + at, i < 20999 ? ",0" : "]}");
    assert_int_equal(say(&config, text, &event, &err), -1);
    assert_string_equal(err.code, "invalid_json");
    assert_non_null(strstr(err.message, "20000 other values"));
    realtime_config_finish(&config);
}

static void sound_is_unpacked(void **state)
{
    struct realtime_config config;
    struct realtime_event event;
    struct realtime_error err;

    realtime_config_init(&config, &catalog);
    assert_int_equal(
        say(&config, "{\"type\":\"input_audio_buffer.append\",\"audio\":\"AAEC\"}", &event, &err),
        0);
    assert_int_equal(event.kind, REALTIME_APPEND);
    assert_int_equal(event.audio_bytes, 3);
    assert_memory_equal(event.audio, "\0\1\2", 3);
    realtime_event_finish(&event);
    assert_int_equal(
        say(&config, "{\"type\":\"input_audio_buffer.append\",\"audio\":\"AAE\"}", &event, &err),
        -1);
    assert_string_equal(err.param, "audio");
}

static void an_item_is_told_from_voice_to_text(void **state)
{
    const struct result_depth depth = {.used = 3, .asked = 2, .reason = RESULT_BY_REQUEST};
    const struct result_word words[] = {{"Hi", 0, 1600, 0.5f}};

    is(realtime_say_speech_started(300, &name),
       "{\"type\":\"input_audio_buffer.speech_started\",\"event_id\":"
       "\"event_1\",\"item_id\":\"item_2\",\"audio_start_ms\":300}");
    is(realtime_say_speech_stopped(900, &name),
       "{\"type\":\"input_audio_buffer.speech_stopped\",\"event_id\":"
       "\"event_1\",\"item_id\":\"item_2\",\"audio_end_ms\":900}");
    is(realtime_say_committed(&name),
       "{\"type\":\"input_audio_buffer.committed\",\"event_id\":\"event_1\","
       "\"item_id\":\"item_2\",\"previous_item_id\":\"item_1\"}");
    is(realtime_say_item("conversation.item.done", NULL, &name),
       "{\"type\":\"conversation.item.done\",\"event_id\":\"event_1\",\"previous_item_id\":\"item_"
       "1\",\"item\":{"
       "\"id\":\"item_2\",\"object\":\"realtime.item\",\"type\":\"message\",\"role\":\"user\","
       "\"status\":"
       "\"completed\",\"content\":[{\"type\":\"input_audio\",\"transcript\":null}]}}");
    is(realtime_say_delta("Hi", &name),
       "{\"type\":\"conversation.item.input_audio_transcription.delta\",\"event_id\":"
       "\"event_1\",\"item_id\":\"item_2\",\"content_index\":0,\"delta\":\"Hi\"}");
    is(realtime_say_completed("Hi", 1.5, &depth, words, 1, &name),
       "{\"type\":\"conversation.item.input_audio_transcription.completed\",\"event_id\":\"event_"
       "1\",\"item_id\":"
       "\"item_2\",\"content_index\":0,\"transcript\":\"Hi\",\"usage\":{\"type\":\"duration\","
       "\"seconds\":1.5},"
       "\"depth\":{\"used\":3,\"asked\":2,\"reason\":\"asked\"},\"logprobs\":[{\"token\":\"Hi\","
       "\"logprob\":-0.6931,"
       "\"bytes\":[72,105]}]}");
    const struct realtime_error err = {"code", "", "wrong"};
    is(realtime_say_error(&err, "", &name),
       "{\"type\":\"error\",\"event_id\":\"event_1\",\"error\":{\"type\":\"invalid_request_error\","
       "\"code\":\"code\","
       "\"message\":\"wrong\",\"param\":null,\"event_id\":null}}");
}

static void a_secret_holds_settings_and_a_time(void **state)
{
    struct realtime_config config;
    struct realtime_error err;
    uint32_t seconds;
    const char body[] =
        "{\"expires_after\":{\"anchor\":\"created_at\",\"seconds\":60},\"session\":{\"type\":"
        "\"transcription\",\"audio\":{\"input\":{\"turn_detection\":null}}}}";

    realtime_config_init(&config, &catalog);
    assert_int_equal(realtime_secret(&config, body, strlen(body), false, &seconds, &err), 0);
    assert_int_equal(seconds, 60);
    assert_int_equal(config.turns, REALTIME_MANUAL);
    assert_int_equal(realtime_secret(&config, "", 0, true, &seconds, &err), 0);
    assert_int_equal(seconds, 600);
    assert_int_equal(realtime_secret(&config, "[]", 2, false, &seconds, &err), -1);
    const char brief[] = "{\"expires_after\":{\"seconds\":1}}";
    assert_int_equal(realtime_secret(&config, brief, strlen(brief), false, &seconds, &err), -1);
    assert_string_equal(err.param, "expires_after.seconds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_session_listens_for_pauses),
        cmocka_unit_test(both_shapes_say_the_same),
        cmocka_unit_test(delay_and_name_choose_the_depth),
        cmocka_unit_test(what_is_wrong_is_named_and_changes_nothing),
        cmocka_unit_test(what_has_no_effect_is_told_with_the_settings),
        cmocka_unit_test(a_long_message_holds_sound_and_not_a_million_values),
        cmocka_unit_test(sound_is_unpacked),
        cmocka_unit_test(an_item_is_told_from_voice_to_text),
        cmocka_unit_test(a_secret_holds_settings_and_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
