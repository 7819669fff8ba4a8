#include "test.h"

#include <jansson.h>
#include <string.h>

#include "deepgram.h"

static const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};
static const struct deepgram_source source = {"request", "uuid", "seed-a", "1", 0, 1, NULL, false};

static void a_usual_query_is_understood(void **state)
{
    static const char *const pairs[][2] = {
        {"model", "nova-3"},    {"encoding", "mulaw"},       {"sample_rate", "8000"},
        {"channels", "2"},      {"interim_results", "true"}, {"endpointing", "300"},
        {"keyterm", "Hawkeye"}, {"keywords", "trot:2.5"},    {"depth", "2"},
        {"punctuate", "true"},
    };
    struct deepgram_config c;
    struct deepgram_error err;

    deepgram_config_init(&c, &catalog);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_int_equal(deepgram_config_query(&c, pairs[i][0], pairs[i][1], &err), 0);
    assert_int_equal(deepgram_config_check_live(&c, &err), 0);
    assert_int_equal(c.encoding, DEEPGRAM_MULAW);
    assert_int_equal(c.rate_hz, 8000);
    assert_int_equal(c.channels, 2);
    assert_true(c.interim_results);
    assert_int_equal(c.endpointing_ms, 300);
    assert_int_equal(c.depth, 2);
    assert_int_equal(c.hotwords.count, 2);
    assert_string_equal(c.hotwords.texts[1], "trot");
    assert_true(c.hotwords.boosts[1] == 2.5f);
    deepgram_config_finish(&c);
}

static void endpointing_can_be_turned_off(void **state)
{
    struct deepgram_config c;
    struct deepgram_error err;

    deepgram_config_init(&c, &catalog);
    assert_int_equal(deepgram_config_query(&c, "endpointing", "false", &err), 0);
    assert_int_equal(c.endpointing_ms, DEEPGRAM_ENDPOINTING_OFF_MS);
    assert_int_equal(deepgram_config_query(&c, "endpointing", "true", &err), 0);
    assert_int_equal(c.endpointing_ms, 0);
}

static void ask(struct deepgram_config *c, const char *key, const char *value)
{
    struct deepgram_error err = {0};

    if (deepgram_config_query(c, key, value, &err) != 0)
        fail_msg("%s=%s: %s", key, value, err.message);
}

static void programs_write_values_in_their_own_way(void **state)
{
    struct deepgram_config c;
    struct deepgram_error err;

    deepgram_config_init(&c, &catalog);
    ask(&c, "interim_results", "True");
    ask(&c, "punctuate", "1");
    ask(&c, "endpointing", "0");
    ask(&c, "utterance_end_ms", "0");
    ask(&c, "language", "en-US");
    ask(&c, "language", "eng");
    ask(&c, "language", "null");
    ask(&c, "language", "");
    ask(&c, "detect_language", "en");
    ask(&c, "redact", "false");
    ask(&c, "model", "nova-2-phonecall@2");
    ask(&c, "tag", "one");
    ask(&c, "tag[]", "two");
    ask(&c, "extra", "order:7");
    assert_int_equal(deepgram_config_check_live(&c, &err), 0);
    assert_true(c.interim_results);
    assert_true(c.punctuate);
    assert_int_equal(c.endpointing_ms, DEEPGRAM_ENDPOINTING_OFF_MS);
    assert_int_equal(c.depth, 2);
    assert_int_equal(c.tags_count, 2);
    assert_string_equal(c.tags[1], "two");
    assert_int_equal(c.notices.count, 0);
    deepgram_config_finish(&c);
}

static void what_has_no_effect_is_told_by_name(void **state)
{
    static const char *const asked[][2] = {
        {"diarize", "true"}, {"summarize", "v2"},  {"topics", "True"},    {"colour", "blue"},
        {"utterances", "1"}, {"language", "auto"}, {"sentiment", "false"}};
    static const char *const named[] = {"diarize", "summarize", "topics",
                                        "colour",  "language",  "utterances"};
    struct deepgram_config c;
    struct deepgram_error err;

    deepgram_config_init(&c, &catalog);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
        ask(&c, asked[i][0], asked[i][1]);
    assert_int_equal(deepgram_config_check_live(&c, &err), 0);
    assert_int_equal(c.notices.count, sizeof named / sizeof *named);
    struct deepgram_source from = source;
    from.config = &c;
    char *text = deepgram_metadata(0, 1, "", &from);
    json_t *json = json_loads(text, 0, NULL), *list = json_object_get(json, "warnings");
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(list, i), "parameter")), named[i]);
    json_decref(json);
    free(text);
    deepgram_config_finish(&c);
}

static void swear_words_become_stars_where_a_filter_is_asked_for(void **state)
{
    static const struct result_word words[] = {{"Shit,", 0, 800, 1}, {"Dickens", 800, 1600, 1}};
    const struct result said = {.segment = {.words = words, .words_count = 2}, .final = true};
    struct deepgram_config c;
    struct deepgram_source from = source;

    deepgram_config_init(&c, &catalog);
    from.config = &c;
    char *text = deepgram_results(&said, &from);
    assert_non_null(strstr(text, "\"Shit, Dickens\""));
    free(text);
    ask(&c, "profanity_filter", "true");
    text = deepgram_results(&said, &from);
    assert_non_null(strstr(text, "\"****, Dickens\""));
    assert_null(strstr(text, "hit"));
    free(text);
}

static void what_is_wrong_is_named_with_what_is_allowed(void **state)
{
    static const struct {
        const char *key, *value, *says;
    } rows[] = {
        {"encoding", "morse", "linear16, linear32, mulaw, alaw, flac, opus or ogg-opus"},
        {"sample_rate", NULL, "sample_rate is required"},
        {"sample_rate", "7999", "8000 to 192000"},
        {"sample_rate", "16000.0", "8000 to 192000"},
        {"sample_rate", "99999999999999999999", "8000 to 192000"},
        {"channels", "0", "1 to 8"},
        {"channels", "9", "1 to 8"},
        {"interim_results", "perhaps", "true or false"},
        {"endpointing", "soon", "true, false or a whole number of ms from 1 to 60000"},
        {"endpointing", "60001", "1 to 60000"},
        {"keywords", "trot:11", "-10 to 10"},
        {"keywords", "trot:nan", "-10 to 10"},
        {"depth", "4", "1 to 3"},
        {"depth", "0", "1 to 3"},
        {"depth", "", "1 to 3"},
        {"multichannel", "both", "true or false"},
        {"vad_events", "2", "true or false"},
        {"model", "gpt-9", "nova*"},
        {"language", "multi", "English (en)"},
        {"language", "de", "English (en)"},
        {"redact", "pci", "nothing is taken out"},
        {"detect_language", "true", "English (en)"},
        {"utterance_end_ms", "999", "1000 to 5000"},
        {"utterance_end_ms", "1000", "interim_results=true"},
        {"utt_split", "soon", "0.1 to 60"},
        {"alternatives", "0", "1 to 10"},
        {"alternatives", "11", "1 to 10"},
        {"callback", "here", "http or https url"},
        {"callback", "file:///etc/passwd", "http or https url"},
        {"callback", "https://example.org/", "for recordings"},
        {"callback_method", "patch", "post or put"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct deepgram_config c;
        struct deepgram_error err = {0};
        deepgram_config_init(&c, &catalog);
        if (strcmp(rows[i].key, "encoding") != 0)
            deepgram_config_query(&c, "encoding", "linear16", &err);
        if (strcmp(rows[i].key, "sample_rate") != 0)
            deepgram_config_query(&c, "sample_rate", "16000", &err);
        const int asked =
            rows[i].value ? deepgram_config_query(&c, rows[i].key, rows[i].value, &err) : 0;
        assert_int_equal(asked < 0 ? asked : deepgram_config_check_live(&c, &err), -1);
        assert_int_equal(err.status, 400);
        if (!strstr(err.message, rows[i].says) || !strstr(err.message, rows[i].key))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.message, rows[i].says);
        deepgram_config_finish(&c);
    }
}

static void a_term_is_taken_whole_or_refused(void **state)
{
    static const char *const keys[] = {"keyterm", "keywords"};
    char term[HOTWORD_LIST_BYTES + 2];

    memset(term, 'a', sizeof term - 1);
    term[sizeof term - 1] = '\0';
    for (size_t i = 0; i < 2; i++) {
        struct deepgram_config c;
        struct deepgram_error err = {0};
        deepgram_config_init(&c, &catalog);
        assert_int_equal(deepgram_config_query(&c, keys[i], term + 1, &err), 0);
        assert_string_equal(c.hotwords.texts[0], term + 1);
        assert_int_equal(deepgram_config_query(&c, keys[i], term, &err), -1);
        assert_int_equal(c.hotwords.count, 1);
        assert_non_null(strstr(err.message, keys[i]));
        assert_non_null(strstr(err.message, "200"));
        deepgram_config_finish(&c);
    }
}

static void only_whole_control_messages_count(void **state)
{
    static const struct {
        const char *text;
        enum deepgram_message expect;
    } rows[] = {
        {"{\"type\":\"KeepAlive\"}", DEEPGRAM_KEEP_ALIVE},
        {" { \"channel\": 0, \"type\" : \"Finalize\" } ", DEEPGRAM_FINALIZE},
        {"{\"type\":\"CloseStream\"}", DEEPGRAM_CLOSE_STREAM},
        {"{\"type\":\"Configure\",\"depth\":2}", DEEPGRAM_CONFIGURE},
        {"{\"type\":\"closestream\"}", DEEPGRAM_UNKNOWN},
        {"{\"type\":\"CloseStream\"", DEEPGRAM_UNKNOWN},
        {"{\"type\":\"KeepAlive\",\"type\":\"CloseStream\"}", DEEPGRAM_UNKNOWN},
        {"{\"type\":7}", DEEPGRAM_UNKNOWN},
        {"[\"CloseStream\"]", DEEPGRAM_UNKNOWN},
        {"\"CloseStream\"", DEEPGRAM_UNKNOWN},
        {"null", DEEPGRAM_UNKNOWN},
        {"", DEEPGRAM_UNKNOWN},
    };

    int channel;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(deepgram_recv(rows[i].text, strlen(rows[i].text), &channel),
                         rows[i].expect);
}

static void a_finalize_may_name_its_channel(void **state)
{
    static const struct {
        const char *text;
        int channel;
    } rows[] = {
        {"{\"type\":\"Finalize\"}", -1},
        {"{\"type\":\"Finalize\",\"channel\":1}", 1},
        {"{\"type\":\"Finalize\",\"channel\":-3}", -1},
        {"{\"type\":\"Finalize\",\"channel\":\"1\"}", -1},
        {"{\"type\":\"Finalize\",\"channel\":99999999999}", -1},
    };
    int channel;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(deepgram_recv(rows[i].text, strlen(rows[i].text), &channel),
                         DEEPGRAM_FINALIZE);
        assert_int_equal(channel, rows[i].channel);
    }
}

static void a_container_needs_no_encoding(void **state)
{
    struct deepgram_config c;
    struct deepgram_error err;

    deepgram_config_init(&c, &catalog);
    assert_int_equal(deepgram_config_check_live(&c, &err), 0);
    assert_int_equal(c.encoding, DEEPGRAM_CONTAINER);
    assert_int_equal(deepgram_config_query(&c, "encoding", "ogg-opus", &err), 0);
    assert_int_equal(c.encoding, DEEPGRAM_CONTAINER);
    assert_int_equal(deepgram_config_query(&c, "encoding", "opus", &err), 0);
    assert_int_equal(deepgram_config_check_live(&c, &err), 0);
    c.channels = 3;
    assert_int_equal(deepgram_config_check_live(&c, &err), -1);
}

static void expect(char *text, const char *wanted)
{
    json_t *got = json_loads(text, 0, NULL), *expected = json_loads(wanted, 0, NULL);

    assert_non_null(got);
    assert_non_null(expected);
    if (!json_equal(got, expected))
        fail_msg("got %s", text);
    json_decref(got);
    json_decref(expected);
    free(text);
}

static int configure(struct deepgram_config *config, const char *text, struct deepgram_error *err)
{
    return deepgram_configure(config, text, strlen(text), err);
}

static void a_configure_changes_what_it_names(void **state)
{
    struct deepgram_config c;
    struct deepgram_error err;

    deepgram_config_init(&c, &catalog);
    assert_int_equal(deepgram_config_query(&c, "partial_every_ms", "300", &err), 0);
    assert_int_equal(configure(&c,
                               "{\"type\":\"Configure\",\"depth\":3,\"partial_depth\":2,"
                               "\"latency_ms\":800}",
                               &err),
                     0);
    expect(deepgram_configured(&c, NULL, "request"),
           "{\"type\":\"ConfigureSuccess\",\"request_id\":\"request\",\"depth\":3,"
           "\"partial_depth\":2,\"latency_ms\":800,\"partial_every_ms\":300}");
    assert_int_equal(configure(&c, "{\"depth\":null,\"latency_ms\":null}", &err), 0);
    expect(deepgram_configured(&c, NULL, "request"),
           "{\"type\":\"ConfigureSuccess\",\"request_id\":\"request\",\"depth\":null,"
           "\"partial_depth\":2,\"latency_ms\":null,\"partial_every_ms\":300}");
}

static void a_configure_that_is_wrong_changes_nothing(void **state)
{
    static const struct {
        const char *text, *named;
    } rows[] = {
        {"{\"depth\":4}", "depth"},
        {"{\"depth\":0}", "from 1 to 3, or null"},
        {"{\"depth\":2,\"partial_depth\":\"2\"}", "partial_depth"},
        {"{\"depth\":2,\"latency_ms\":3600001}", "latency_ms"},
        {"{\"depth\":2,\"partial_every_ms\":99}", "from 100 to 10000"},
        {"{\"depth\":2.5}", "depth"},
        {"{\"type\":\"Configure\"}", "names none of"},
    };
    struct deepgram_config c;
    struct deepgram_error err;

    deepgram_config_init(&c, &catalog);
    c.depth = 1;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(configure(&c, rows[i].text, &err), -1);
        assert_non_null(strstr(err.message, rows[i].named));
        assert_int_equal(c.depth, 1);
        assert_int_equal(c.partial_depth, 0);
    }
    strcpy(err.message, "depth: \"no\"");
    expect(deepgram_configured(&c, &err, "request"),
           "{\"type\":\"ConfigureFailure\",\"request_id\":\"request\","
           "\"description\":\"depth: \\\"no\\\"\"}");
}

static void results_have_the_fields_of_the_contract(void **state)
{
    static const struct result_word words[] = {{"One,", 17600, 24000, 0.5f},
                                               {"two", 24000, 30400, 1}};
    struct result u = {.segment = {16000,
                                   32000,
                                   words,
                                   2,
                                   -0.1f,
                                   0.5f,
                                   {.used = 3, .reason = RESULT_BY_TIER},
                                   false,
                                   false,
                                   NULL,
                                   0},
                       .final = true,
                       .endpoint = true};

    expect(deepgram_results(&u, &source),
           "{\"type\":\"Results\",\"channel_index\":[0,1],\"duration\":1.0,\"start\":1.0,"
           "\"is_final\":true,\"speech_final\":true,\"from_finalize\":false,\"channel\":"
           "{\"alternatives\":[{\"transcript\":\"One, two\",\"confidence\":0.75,\"words\":["
           "{\"word\":\"one\",\"start\":1.1,\"end\":1.5,\"confidence\":0.5,\"punctuated_word\":"
           "\"One,\"},{\"word\":\"two\",\"start\":1.5,\"end\":1.9,\"confidence\":1.0,"
           "\"punctuated_word\":\"two\"}]}]},\"metadata\":{\"request_id\":\"request\","
           "\"model_uuid\":\"uuid\",\"model_info\":{\"name\":\"seed-a\",\"version\":\"1\","
           "\"arch\":\"foldscribe\"},\"depth\":{\"used\":3,\"asked\":null,\"reason\":\"tier\"}},"
           "\"depth\":{\"used\":3,\"asked\":null,\"reason\":\"tier\"}}");
}

static void others_follow_the_text_of_a_final(void **state)
{
    static const struct result_word words[] = {{"One", 17600, 24000, 0.5f},
                                               {"Won", 17600, 24000, 0.25f}};
    static const struct result_segment others[] = {
        {16000, 32000, words + 1, 1, .blank_share = 0.5f}};
    const struct result u = {.segment = {.words = words,
                                         .words_count = 1,
                                         .depth = {.used = 3, .reason = RESULT_BY_TIER},
                                         .others = others,
                                         .others_count = 1},
                             .final = true};
    char *text = deepgram_results(&u, &source);
    json_t *json = json_loads(text, 0, NULL);
    const json_t *list = json_object_get(json_object_get(json, "channel"), "alternatives");

    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "transcript")),
                        "One");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "transcript")),
                        "Won");
    assert_float_equal(json_number_value(json_object_get(json_array_get(list, 1), "confidence")),
                       0.25, 0);
    json_decref(json);
    free(text);
}

static void only_a_final_can_end_an_utterance(void **state)
{
    struct result u = {
        .segment =
            {0, 16000, NULL, 0, 0, 1, {.used = 1, .reason = RESULT_BY_TIER}, false, false, NULL, 0},
        .endpoint = true};
    char *text = deepgram_results(&u, &source);

    assert_non_null(strstr(text, "\"is_final\":false"));
    assert_non_null(strstr(text, "\"speech_final\":false"));
    assert_non_null(strstr(text, "\"transcript\":\"\""));
    free(text);
}

static void voices_and_gaps_are_told_by_channel(void **state)
{
    const struct deepgram_source right = {"request", "uuid", "seed-a", "1", 1, 2, NULL, false};

    expect(deepgram_speech_started(24000, &right),
           "{\"type\":\"SpeechStarted\",\"channel\":[1,2],\"timestamp\":1.5}");
    expect(deepgram_utterance_end(16008, &right),
           "{\"type\":\"UtteranceEnd\",\"channel\":[1,2],\"last_word_end\":1.001}");
}

static void metadata_closes_a_stream(void **state)
{
    expect(deepgram_metadata(40000, 2, "2026-01-02T03:04:05Z", &source),
           "{\"type\":\"Metadata\",\"transaction_key\":\"deprecated\",\"request_id\":\"request\","
           "\"sha256\":\"\",\"created\":\"2026-01-02T03:04:05Z\",\"duration\":2.5,\"channels\":2,"
           "\"models\":[\"uuid\"],\"model_info\":{\"uuid\":{\"name\":\"seed-a\",\"version\":\"1\","
           "\"arch\":\"foldscribe\"}}}");
}

static void an_error_is_json_whatever_the_query_held(void **state)
{
    struct deepgram_error err = {.status = 400, .message = "encoding=\"x\""};

    expect(deepgram_error_body(&err, "request"),
           "{\"err_code\":\"Bad Request\",\"err_msg\":\"encoding=\\\"x\\\"\",\"request_id\":"
           "\"request\"}");
    strcpy(err.message, "encoding=\xff: must be");
    expect(deepgram_error_body(&err, "request"),
           "{\"err_code\":\"Bad Request\",\"err_msg\":\"encoding=?: must be\",\"request_id\":"
           "\"request\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_usual_query_is_understood),
        cmocka_unit_test(endpointing_can_be_turned_off),
        cmocka_unit_test(programs_write_values_in_their_own_way),
        cmocka_unit_test(what_has_no_effect_is_told_by_name),
        cmocka_unit_test(swear_words_become_stars_where_a_filter_is_asked_for),
        cmocka_unit_test(what_is_wrong_is_named_with_what_is_allowed),
        cmocka_unit_test(a_term_is_taken_whole_or_refused),
        cmocka_unit_test(only_whole_control_messages_count),
        cmocka_unit_test(a_finalize_may_name_its_channel),
        cmocka_unit_test(a_configure_changes_what_it_names),
        cmocka_unit_test(a_configure_that_is_wrong_changes_nothing),
        cmocka_unit_test(a_container_needs_no_encoding),
        cmocka_unit_test(voices_and_gaps_are_told_by_channel),
        cmocka_unit_test(results_have_the_fields_of_the_contract),
        cmocka_unit_test(others_follow_the_text_of_a_final),
        cmocka_unit_test(only_a_final_can_end_an_utterance),
        cmocka_unit_test(metadata_closes_a_stream),
        cmocka_unit_test(an_error_is_json_whatever_the_query_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
