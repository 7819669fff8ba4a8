#include "test.h"

#include <jansson.h>
#include <string.h>

#include "deepgram_recording.h"

static const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};
static const struct deepgram_source source = {
    "11111111-2222-4333-8444-555555555555", "uuid", "seed-a", "1", 0, 1, NULL, false};

/* Two sentences in one segment, then one after three seconds. */
static const struct result_word words[] = {{"Hello.", 0, 8000, 1},
                                           {"How", 16000, 20000, 0.5f},
                                           {"are", 20000, 24000, 0.5f},
                                           {"you?", 24000, 28000, 1},
                                           {"Fine", 76000, 80000, 1}};
static const struct result_word other_words[] = {{"Hello", 0, 8000, 0.5f},
                                                 {"you.", 24000, 28000, 0.5f}};
static const struct result_segment others[] = {
    {.end_samples = 32000, .words = other_words, .words_count = 2}};
static const struct result_segment segments[] = {
    {0, 32000, words, 4, -0.1f, 0.5f, {.used = 3, .reason = RESULT_BY_TIER}, false, false, NULL, 0},
    {70000,
     84000,
     words + 4,
     1,
     -0.1f,
     0.5f,
     {.used = 3, .reason = RESULT_BY_TIER},
     false,
     false,
     NULL,
     0},
};
static const struct result_segment doubtful[] = {
    {0,
     32000,
     words,
     4,
     -0.1f,
     0.5f,
     {.used = 3, .reason = RESULT_BY_TIER},
     false,
     false,
     others,
     1},
    {70000,
     84000,
     words + 4,
     1,
     -0.1f,
     0.5f,
     {.used = 3, .reason = RESULT_BY_TIER},
     false,
     false,
     NULL,
     0},
};
static const struct result_transcript transcript = {
    segments, 2, 96000, {.used = 3, .reason = RESULT_BY_TIER}, NULL, 0};
static const struct result_transcript late = {
    segments + 1, 1, 80000, {.used = 3, .reason = RESULT_BY_TIER}, NULL, 0};

static json_t *answer_to(struct deepgram_config *config, const struct result_transcript *first,
                         uint32_t channels)
{
    struct deepgram_recording *recording = deepgram_recording_open(config);

    assert_non_null(recording);
    for (uint32_t c = channels; c-- > 0;)
        assert_int_equal(deepgram_recording_add(recording, c, c ? &late : first, &source), 0);
    char *text =
        deepgram_recording_json(recording, channels, "2026-01-02T03:04:05.000Z", "00ff", &source);
    deepgram_recording_close(recording);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    assert_non_null(json);
    return json;
}

static json_t *answer(struct deepgram_config *config, uint32_t channels)
{
    return answer_to(config, &transcript, channels);
}

/* The value at "a.b.0.c". */
static const json_t *at(const json_t *json, const char *path)
{
    char key[32];

    while (*path) {
        const size_t length = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)length, path);
        json = json_is_array(json) ? json_array_get(json, strtoul(key, NULL, 10))
                                   : json_object_get(json, key);
        path += length + (path[length] == '.');
    }
    return json;
}

static void is(const json_t *json, const char *path, const char *text)
{
    const json_t *value = at(json, path);

    if (!json_is_string(value) || strcmp(json_string_value(value), text) != 0)
        fail_msg("%s is not \"%s\"", path, text);
}

static void is_number(const json_t *json, const char *path, double number)
{
    const json_t *value = at(json, path);

    if (!json_is_number(value) || json_number_value(value) != number)
        fail_msg("%s is not %g", path, number);
}

static void an_answer_has_the_fields_of_the_contract(void **state)
{
    struct deepgram_config config;

    deepgram_config_init(&config, &catalog);
    struct deepgram_error err;
    assert_int_equal(deepgram_config_query(&config, "tag", "mine", &err), 0);
    assert_int_equal(deepgram_config_query(&config, "tag", "yours", &err), 0);
    assert_int_equal(deepgram_config_query(&config, "extra", "order:7", &err), 0);
    json_t *json = answer(&config, 1);
    is(json, "metadata.transaction_key", "deprecated");
    is(json, "metadata.request_id", source.request_id);
    is(json, "metadata.sha256", "00ff");
    is(json, "metadata.created", "2026-01-02T03:04:05.000Z");
    is(json, "metadata.models.0", "uuid");
    is(json, "metadata.model_info.uuid.arch", "foldscribe");
    is(json, "metadata.tags.0", "mine");
    is(json, "metadata.tags.1", "yours");
    is(json, "metadata.extra.order", "7");
    is(json, "metadata.depth.reason", "tier");
    is_number(json, "metadata.duration", 6);
    is_number(json, "metadata.channels", 1);
    is(json, "results.channels.0.alternatives.0.transcript", "Hello. How are you? Fine");
    is_number(json, "results.channels.0.alternatives.0.confidence", 0.8);
    is(json, "results.channels.0.alternatives.0.words.0.word", "hello");
    is(json, "results.channels.0.alternatives.0.words.0.punctuated_word", "Hello.");
    is_number(json, "results.channels.0.alternatives.0.words.4.start", 4.75);
    assert_null(at(json, "results.utterances"));
    assert_null(at(json, "results.channels.0.alternatives.0.paragraphs"));
    deepgram_config_finish(&config);
    json_decref(json);
}

static void paragraphs_hold_sentences_and_end_at_long_pauses(void **state)
{
    struct deepgram_config config;

    deepgram_config_init(&config, &catalog);
    config.paragraphs = true;
    json_t *json = answer(&config, 1);
    const json_t *paragraphs = at(json, "results.channels.0.alternatives.0.paragraphs");
    is(paragraphs, "transcript", "Hello. How are you?\n\nFine");
    assert_int_equal(json_array_size(at(paragraphs, "paragraphs")), 2);
    assert_int_equal(json_array_size(at(paragraphs, "paragraphs.0.sentences")), 2);
    is(paragraphs, "paragraphs.0.sentences.1.text", "How are you?");
    is_number(paragraphs, "paragraphs.0.sentences.1.start", 1);
    is_number(paragraphs, "paragraphs.0.num_words", 4);
    is_number(paragraphs, "paragraphs.1.start", 4.75);
    json_decref(json);
}

static void utterances_are_split_at_pauses_and_merged_by_time(void **state)
{
    struct deepgram_config config;

    deepgram_config_init(&config, &catalog);
    config.utterances = true;
    json_t *json = answer(&config, 2);
    assert_int_equal(json_array_size(at(json, "results.channels")), 2);
    assert_int_equal(json_array_size(at(json, "results.utterances")), 3);
    is(json, "results.utterances.0.transcript", "Hello. How are you?");
    is_number(json, "results.utterances.0.channel", 0);
    is_number(json, "results.utterances.0.end", 1.75);
    is(json, "results.utterances.2.id", "11111111-2222-4333-8444-555501000000");
    json_decref(json);
    config.utt_split_s = 0.4;
    json = answer(&config, 1);
    assert_int_equal(json_array_size(at(json, "results.utterances")), 3);
    json_decref(json);
}

static void silence_has_the_same_shape(void **state)
{
    struct deepgram_config config;
    static const struct result_transcript nothing = {
        NULL, 0, 16000, {.used = 3, .reason = RESULT_BY_TIER}, NULL, 0};

    deepgram_config_init(&config, &catalog);
    config.utterances = config.paragraphs = true;
    struct deepgram_recording *recording = deepgram_recording_open(&config);
    assert_int_equal(deepgram_recording_add(recording, 0, &nothing, &source), 0);
    char *text = deepgram_recording_json(recording, 1, "", "", &source);
    json_t *json = json_loads(text, 0, NULL);
    is(json, "results.channels.0.alternatives.0.transcript", "");
    assert_int_equal(json_array_size(at(json, "results.utterances")), 0);
    assert_int_equal(json_array_size(at(json, "results.channels.0.alternatives.0.words")), 0);
    json_decref(json);
    free(text);
    deepgram_recording_close(recording);
}

static void alternatives_are_whole_readings_of_the_recording(void **state)
{
    static const struct result_transcript unsure = {
        doubtful, 2, 96000, {.used = 3, .reason = RESULT_BY_TIER}, NULL, 0};
    struct deepgram_config config;

    deepgram_config_init(&config, &catalog);
    config.utterances = config.paragraphs = true;
    json_t *json = answer_to(&config, &unsure, 2);
    assert_int_equal(json_array_size(at(json, "results.channels.0.alternatives")), 2);
    is(json, "results.channels.0.alternatives.0.transcript", "Hello. How are you? Fine");
    is(json, "results.channels.0.alternatives.1.transcript", "Hello you. Fine");
    is_number(json, "results.channels.0.alternatives.1.confidence", 0.667);
    is(json, "results.channels.0.alternatives.1.paragraphs.transcript", "Hello you.\n\nFine");
    assert_int_equal(json_array_size(at(json, "results.channels.1.alternatives")), 1);
    is(json, "results.utterances.0.transcript", "Hello. How are you?");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_the_fields_of_the_contract),
        cmocka_unit_test(paragraphs_hold_sentences_and_end_at_long_pauses),
        cmocka_unit_test(utterances_are_split_at_pauses_and_merged_by_time),
        cmocka_unit_test(silence_has_the_same_shape),
        cmocka_unit_test(alternatives_are_whole_readings_of_the_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
