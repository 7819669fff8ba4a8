#include "test.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flux.h"

static const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};
static const struct result_word words[] = {{"We", 16000, 20000, 1},
                                           {"must", 20000, 24000, 0.5f},
                                           {"go.", 24000, 32000, 1},
                                           {"Now.", 48000, 56000, 1}};

static struct result heard(size_t from, size_t count, int64_t end, bool final)
{
    return (struct result){
        .segment = {.words = words + from, .words_count = count, .end_samples = end},
        .final = final};
}

/* What is said, as "event turn: transcript", with a trigger in brackets; frees it. */
static void says(struct flux_said *said, const char *expected)
{
    char line[200] = "";
    for (size_t i = 0; i < said->count; i++) {
        json_t *json = json_loads(said->texts[i], 0, NULL);
        const char *trigger = json_string_value(json_object_get(json, "trigger"));
        sprintf(line + strlen(line), "%s%s %d: %s%s%s", i ? "; " : "",
                json_string_value(json_object_get(json, "event")),
                (int)json_integer_value(json_object_get(json, "turn_index")),
                json_string_value(json_object_get(json, "transcript")), trigger ? " by " : "",
                trigger ? trigger : "");
        json_decref(json);
        free(said->texts[i]);
    }
    assert_string_equal(line, expected);
    said->count = 0;
}

static void a_turn_begins_grows_and_ends_as_silence_goes_on(void **state)
{
    struct flux_config config;
    struct flux flux;
    struct flux_said said = {.count = 0};

    flux_config_init(&config, &catalog);
    config.eager_threshold = 0.4;
    flux_init(&flux, &config, "request");
    struct result result = heard(0, 0, 16000, false);
    flux_hear(&flux, &result, &said);
    says(&said, "");
    assert_int_equal(flux_wait(&flux, 900, &said), 0);
    result = heard(0, 2, 24000, false);
    flux_hear(&flux, &result, &said);
    says(&said, "StartOfTurn 0: We must");
    assert_int_equal(flux_wait(&flux, 900, &said), 0); /* words that may change end nothing */
    result = heard(0, 3, 36000, true);
    flux_hear(&flux, &result, &said);
    says(&said, "Update 0: We must go.");
    const uint32_t eager_ms = flux_wait(&flux, 200, &said);
    assert_in_range(eager_ms, 250, 270);
    says(&said, "");
    const uint32_t end_ms = flux_wait(&flux, eager_ms, &said);
    says(&said, "EagerEndOfTurn 0: We must go.");
    assert_in_range(end_ms, 600, 620);
    result = heard(3, 1, 60000, true);
    flux_hear(&flux, &result, &said);
    says(&said, "TurnResumed 0: We must go. Now.");
    assert_int_equal(flux_wait(&flux, end_ms, &said), 0);
    says(&said, "EndOfTurn 0: We must go. Now. by model");
    assert_int_equal(flux_wait(&flux, 2 * end_ms, &said), 0);
    result = heard(0, 1, 70000, true);
    flux_hear(&flux, &result, &said);
    says(&said, "StartOfTurn 1: We");
    flux_finish(&flux);
}

static void a_turn_ends_in_any_case_by_the_clock_and_when_the_client_says_so(void **state)
{
    struct flux_config config;
    struct flux flux;
    struct flux_said said = {.count = 0};
    struct result result = heard(0, 2, 24000, true);

    flux_config_init(&config, &catalog);
    config.eot_threshold = 0.9;
    config.eot_timeout_ms = 1000;
    flux_init(&flux, &config, "request");
    flux_force(&flux, &said);
    says(&said, "");
    flux_hear(&flux, &result, &said);
    says(&said, "StartOfTurn 0: We must");
    assert_int_equal(flux_wait(&flux, 200, &said), 1000);
    assert_int_equal(flux_wait(&flux, 1000, &said), 0);
    says(&said, "EndOfTurn 0: We must by timeout");
    flux_hear(&flux, &result, &said);
    flux_force(&flux, &said);
    says(&said, "StartOfTurn 1: We must; EndOfTurn 1: We must by manual");
    flux_finish(&flux);
}

static void a_message_has_what_clients_require(void **state)
{
    struct flux_config config;
    struct flux flux;
    struct flux_said said = {.count = 0};
    struct result result = heard(0, 3, 36000, true);

    flux_config_init(&config, &catalog);
    flux_init(&flux, &config, "request");
    flux_connected(&flux, &said);
    assert_string_equal(said.texts[0],
                        "{\"type\":\"Connected\",\"request_id\":\"request\",\"sequence_id\":0}");
    free(said.texts[0]);
    said.count = 0;
    flux_hear(&flux, &result, &said);
    json_t *json = json_loads(said.texts[0], 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json, "sequence_id")), 1);
    assert_float_equal(json_number_value(json_object_get(json, "audio_window_start")), 1, 1e-6);
    assert_float_equal(json_number_value(json_object_get(json, "audio_window_end")), 2.25, 1e-6);
    assert_float_equal(json_number_value(json_object_get(json, "end_of_turn_confidence")), 0.39,
                       1e-2);
    const json_t *word = json_array_get(json_object_get(json, "words"), 1);
    assert_string_equal(json_string_value(json_object_get(word, "word")), "must");
    assert_float_equal(json_number_value(json_object_get(word, "end")), 1.5, 1e-6);
    json_decref(json);
    free(said.texts[0]);
    said.count = 0;
    flux_failed(&flux, "INVALID_AUDIO", "no sound", &said);
    assert_string_equal(said.texts[0],
                        "{\"type\":\"Error\",\"request_id\":\"request\",\"sequence_id\":2,"
                        "\"code\":\"INVALID_AUDIO\",\"description\":\"no sound\"}");
    free(said.texts[0]);
    flux_finish(&flux);
}

static void a_sentence_that_is_over_is_believed_sooner(void **state)
{
    assert_true(flux_confidence("", 0) <= 0);
    assert_true(flux_confidence("go.", 500) > flux_confidence("go", 500));
    assert_true(flux_confidence("go.\"", 500) > flux_confidence("go", 500));
    for (double confidence = 0.3; confidence < 0.95; confidence += 0.1)
        assert_float_equal(flux_confidence("go", flux_silence_ms("go", confidence)), confidence,
                           1e-9);
    assert_true(flux_silence_ms("go", FLUX_THRESHOLD_MOST) < 5000);
}

static void thresholds_out_of_range_are_refused(void **state)
{
    static const struct {
        const char *key, *value, *says;
    } rows[] = {
        {"eot_threshold", "0.49", "0.5 to 0.9"},
        {"eot_threshold", "0.91", "0.5 to 0.9"},
        {"eot_threshold", "high", "0.5 to 0.9"},
        {"eot_threshold", "nan", "0.5 to 0.9"},
        {"eager_eot_threshold", "0.2", "0.3 to 0.9"},
        {"eager_eot_threshold", "0.8", "must not be greater than eot_threshold, which is 0.7"},
        {"eot_timeout_ms", "499", "500 to 10000"},
        {"eot_timeout_ms", "10001", "500 to 10000"},
        {"language_hint", "de", "English (en)"},
        {"model", "flux-general-multi", "flux-general-en"},
        {"redact", "numbers", "nothing is taken out"},
        {"encoding", "linear16", "sample_rate is required"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct flux_config config;
        struct deepgram_error err = {0};
        flux_config_init(&config, &catalog);
        const int asked = flux_config_query(&config, rows[i].key, rows[i].value, &err);
        assert_int_equal(asked < 0 ? asked : flux_config_check(&config, &err), -1);
        if (!strstr(err.message, rows[i].says))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.message, rows[i].says);
        flux_config_finish(&config);
    }
}

static int change(struct flux_config *config, const char *text, bool *keyterms)
{
    struct deepgram_error err;
    return flux_config_change(config, text, strlen(text), keyterms, &err);
}

static void a_configure_changes_what_it_names_or_nothing(void **state)
{
    struct flux_config config;
    struct deepgram_error err;
    bool keyterms = true;

    flux_config_init(&config, &catalog);
    assert_int_equal(flux_config_query(&config, "keyterm", "Hawkeye", &err), 0);
    assert_int_equal(change(&config, "{\"thresholds\":{\"eot_threshold\":0.8}}", &keyterms), 0);
    assert_false(keyterms);
    assert_float_equal(config.eot_threshold, 0.8, 1e-9);
    assert_int_equal(change(&config,
                            "{\"thresholds\":{\"eot_timeout_ms\":900},\"keyterms\":[\"a\",7]}",
                            &keyterms),
                     -1);
    assert_int_equal(change(&config, "{\"thresholds\":{\"eager_eot_threshold\":0.9}}", &keyterms),
                     -1);
    assert_int_equal(change(&config, "{\"thresholds\":{\"eot_threshold\":\"0.8\"}}", &keyterms),
                     -1);
    assert_int_equal(config.eot_timeout_ms, 5000);
    assert_string_equal(config.base.hotwords.texts[0], "Hawkeye");
    assert_int_equal(change(&config, "{\"keyterms\":[\"one\",\"two\"]}", &keyterms), 0);
    assert_true(keyterms);
    assert_int_equal(config.base.hotwords.count, 2);
    assert_string_equal(config.base.hotwords.texts[1], "two");
    flux_config_finish(&config);
}

static void only_whole_control_messages_count(void **state)
{
    static const struct {
        const char *text;
        enum flux_message expect;
    } rows[] = {{"{\"type\":\"CloseStream\"}", FLUX_CLOSE},
                {"{\"type\":\"ForceEndTurn\"}", FLUX_FORCE_END},
                {"{\"type\":\"Configure\"}", FLUX_CONFIGURE},
                {"{\"type\":\"KeepAlive\"}", FLUX_KEEP_ALIVE},
                {"{\"type\":\"Finalize\"}", FLUX_UNKNOWN},
                {"{\"type\":7}", FLUX_UNKNOWN},
                {"", FLUX_UNKNOWN}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(flux_recv(rows[i].text, strlen(rows[i].text)), rows[i].expect);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_begins_grows_and_ends_as_silence_goes_on),
        cmocka_unit_test(a_turn_ends_in_any_case_by_the_clock_and_when_the_client_says_so),
        cmocka_unit_test(a_message_has_what_clients_require),
        cmocka_unit_test(a_sentence_that_is_over_is_believed_sooner),
        cmocka_unit_test(thresholds_out_of_range_are_refused),
        cmocka_unit_test(a_configure_changes_what_it_names_or_nothing),
        cmocka_unit_test(only_whole_control_messages_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
