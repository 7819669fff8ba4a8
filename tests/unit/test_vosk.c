#include <string.h>

#include "test.h"
#include "vosk.h"

static const struct catalog catalog = {.seed = "seed-a", .unfolds = 3};

static enum vosk_message say(struct vosk_config *config, const char *text)
{
    struct vosk_error err = {""};
    const enum vosk_message kind = vosk_recv(config, text, strlen(text), &err);

    assert_int_equal(kind == VOSK_BAD, err.message[0] != '\0');
    return kind;
}

static void messages_are_told_apart_whatever_their_spelling(void **state)
{
    static const struct {
        const char *text;
        enum vosk_message kind;
    } rows[] = {
        {"{\"eof\" : 1}", VOSK_EOF},
        {"{\"eof\":true}", VOSK_EOF},
        {" {\"eof\": 1.0} ", VOSK_EOF},
        {"{\"reset\" : 1}", VOSK_RESET},
        {"{\"config\":{}}", VOSK_CONFIG},
        {"{\"eof\":0}", VOSK_BAD},
        {"{\"eof\":\"1\"}", VOSK_BAD},
        {"{}", VOSK_BAD},
        {"[]", VOSK_BAD},
        {"", VOSK_BAD},
        {"{\"eof\":1,\"eof\":1}", VOSK_BAD},
        {"{\"config\":null}", VOSK_BAD},
    };
    struct vosk_config config;

    vosk_config_init(&config, &catalog);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(say(&config, rows[i].text), rows[i].kind);
    vosk_config_finish(&config);
}

static void a_config_changes_what_it_names(void **state)
{
    struct vosk_config config;

    vosk_config_init(&config, &catalog);
    assert_int_equal(config.rate_hz, 8000);
    assert_int_equal(say(&config,
                         "{\"config\":{\"sample_rate\":16000.0,\"words\":0,\"phrase_list\":"
                         "[\"[unk]\",\"one two\",\"\",\"three\"]}}"),
                     VOSK_CONFIG);
    assert_int_equal(config.rate_hz, 16000);
    assert_false(config.words);
    assert_int_equal(config.phrases.count, 2);
    assert_string_equal(config.phrases.texts[1], "three");
    assert_int_equal(say(&config, "{\"config\":{\"max_alternatives\":2,\"depth\":3}}"),
                     VOSK_CONFIG);
    assert_int_equal(config.alternatives, 2);
    assert_int_equal(config.depth, 3);
    assert_int_equal(config.rate_hz, 16000);
    assert_int_equal(config.phrases.count, 2);
    vosk_config_finish(&config);
}

static void a_bad_config_changes_nothing(void **state)
{
    static const char *const rows[] = {
        "{\"config\":{\"sample_rate\":16000,\"depth\":4}}",
        "{\"config\":{\"sample_rate\":16000,\"phrase_list\":[\"a\",7]}}",
        "{\"config\":{\"sample_rate\":16000,\"phrase_list\":{}}}",
        "{\"config\":{\"sample_rate\":16000,\"model\":\"x\"}}",
        "{\"config\":{\"sample_rate\":16000,\"max_alternatives\":1.5}}",
        "{\"config\":{\"sample_rate\":1e99}}",
        "{\"config\":{\"sample_rate\":null}}",
        "{\"config\":{\"sample_rate\":16000,\"redact\":true}}",
    };
    struct vosk_config config;

    vosk_config_init(&config, &catalog);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(say(&config, rows[i]), VOSK_BAD);
        assert_int_equal(config.rate_hz, 8000);
    }
    vosk_config_finish(&config);
}

static void a_model_is_named_as_in_every_dialect(void **state)
{
    struct vosk_config config;

    vosk_config_init(&config, &catalog);
    assert_int_equal(say(&config, "{\"config\":{\"model\":\"seed-a@2\"}}"), VOSK_CONFIG);
    assert_int_equal(config.depth, 2);
    vosk_config_finish(&config);
}

static void what_has_no_effect_is_told_with_the_next_reply_and_the_last(void **state)
{
    struct vosk_config config;
    struct vosk vosk;

    vosk_config_init(&config, &catalog);
    vosk_init(&vosk);
    assert_int_equal(say(&config, "{\"config\":{\"diarize\":1,\"colour\":false}}"), VOSK_CONFIG);
    vosk.notices = config.notices;
    for (int i = 0; i < 3; i++) {
        char *reply = i < 2 ? vosk_reply(&vosk) : vosk_rest(&vosk);
        assert_true(!strstr(reply, "config.diarize: speakers") == (i == 1));
        assert_true(!strstr(reply, "config.colour") == (i == 1));
        free(reply);
    }
    vosk_finish(&vosk);
    vosk_config_finish(&config);
}

static const struct result_word words[] = {{"One,", 16000, 24000, 0.5f}, {"Two", 24000, 32000, 1}};

static struct result said(size_t first, size_t count, bool final)
{
    return (struct result){.segment = {.words = words + first, .words_count = count},
                           .final = final};
}

static void is(char *text, const char *wanted)
{
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

static void partials_replace_each_other_and_a_final_is_said_once(void **state)
{
    struct vosk vosk;
    struct result result = said(0, 1, false);

    vosk_init(&vosk);
    is(vosk_reply(&vosk), "{\"partial\":\"\"}");
    assert_int_equal(vosk_hear(&vosk, &result), 0);
    is(vosk_reply(&vosk), "{\"partial\":\"one\"}");
    is(vosk_reply(&vosk), "{\"partial\":\"one\"}");
    result = said(0, 2, true);
    assert_int_equal(vosk_hear(&vosk, &result), 0);
    is(vosk_reply(&vosk), "{\"text\":\"one two\",\"result\":[{\"end\":1.5,\"start\":1.0,\"word\":"
                          "\"one\",\"conf\":0.5},{\"end\":2.0,\"start\":1.5,\"word\":\"two\","
                          "\"conf\":1.0}]}");
    is(vosk_reply(&vosk), "{\"partial\":\"\"}");
    vosk_finish(&vosk);
}

static void finals_wait_their_turn_and_the_rest_is_one_result(void **state)
{
    struct vosk vosk;
    const struct result results[] = {said(0, 1, true), said(0, 0, true), said(1, 1, true),
                                     said(0, 2, true)};

    vosk_init(&vosk);
    vosk.words = false;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(vosk_hear(&vosk, &results[i]), 0);
    is(vosk_reply(&vosk), "{\"text\":\"one\"}");
    is(vosk_rest(&vosk), "{\"text\":\"two one two\"}");
    is(vosk_rest(&vosk), "{\"text\":\"\"}");
    vosk_finish(&vosk);
}

static void alternatives_have_their_own_form(void **state)
{
    struct vosk vosk;
    const struct result result = said(0, 1, true);

    vosk_init(&vosk);
    vosk.alternatives = 3;
    is(vosk_rest(&vosk), "{\"alternatives\":[{\"text\":\"\",\"confidence\":1.0}]}");
    assert_int_equal(vosk_hear(&vosk, &result), 0);
    is(vosk_rest(&vosk), "{\"alternatives\":[{\"text\":\"one\",\"result\":[{\"end\":1.5,\"start\":"
                         "1.0,\"word\":\"one\"}],\"confidence\":0.5}]}");
    assert_int_equal(vosk_hear(&vosk, &result), 0);
    vosk_finish(&vosk);
}

/* A final without alternatives keeps its text in all readings of a merged result. */
static void as_many_alternatives_are_told_as_there_are_and_were_asked_for(void **state)
{
    struct vosk vosk;
    const struct result_segment others[] = {said(1, 1, true).segment, said(0, 2, true).segment};
    struct result result = said(0, 1, true);

    result.segment.others = others;
    result.segment.others_count = 2;
    vosk_init(&vosk);
    vosk.words = false;
    vosk.alternatives = 10;
    assert_int_equal(vosk_hear(&vosk, &result), 0);
    is(vosk_reply(&vosk), "{\"alternatives\":[{\"text\":\"one\",\"confidence\":0.5},"
                          "{\"text\":\"two\",\"confidence\":1.0},"
                          "{\"text\":\"one two\",\"confidence\":0.75}]}");
    vosk.alternatives = 2;
    assert_int_equal(vosk_hear(&vosk, &result), 0);
    result.segment.others_count = 0;
    assert_int_equal(vosk_hear(&vosk, &result), 0);
    is(vosk_rest(&vosk), "{\"alternatives\":[{\"text\":\"one one\",\"confidence\":0.5},"
                         "{\"text\":\"two one\",\"confidence\":0.75}]}");
    vosk.alternatives = 0;
    result.segment.others_count = 2;
    assert_int_equal(vosk_hear(&vosk, &result), 0);
    is(vosk_rest(&vosk), "{\"text\":\"one\"}");
    assert_int_equal(vosk_hear(&vosk, &result), 0);
    vosk_finish(&vosk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_told_apart_whatever_their_spelling),
        cmocka_unit_test(a_config_changes_what_it_names),
        cmocka_unit_test(a_bad_config_changes_nothing),
        cmocka_unit_test(a_model_is_named_as_in_every_dialect),
        cmocka_unit_test(what_has_no_effect_is_told_with_the_next_reply_and_the_last),
        cmocka_unit_test(partials_replace_each_other_and_a_final_is_said_once),
        cmocka_unit_test(finals_wait_their_turn_and_the_rest_is_one_result),
        cmocka_unit_test(alternatives_have_their_own_form),
        cmocka_unit_test(as_many_alternatives_are_told_as_there_are_and_were_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
