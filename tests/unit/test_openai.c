#include "test.h"

#include <jansson.h>
#include <string.h>

#include "depthjson.h"
#include "openai.h"

static const struct catalog catalog = {.seed = "seed-a", .unfolds = 3, .created_s = 1700000000};

/* A whole request: model, and up to one more field. 0 or the error's HTTP status. */
static int ask(struct openai_request *request, const char *model, const char *name,
               const char *value, struct openai_error *err)
{
    openai_request_init(request, &catalog);
    request->has_file = true;
    memset(err, 0, sizeof *err);
    if (model && openai_request_field(request, "model", model, strlen(model), err) < 0)
        return err->status;
    if (name && openai_request_field(request, name, value, strlen(value), err) < 0)
        return err->status;
    return openai_request_check(request, err) < 0 ? err->status : 0;
}

static void names_and_depths_of_the_catalog_are_understood(void **state)
{
    static const struct {
        const char *model, *depth;
        uint32_t expect;
    } rows[] = {{"foldscribe", NULL, 0},   {"whisper-1", NULL, 0}, {"seed-a", NULL, 0},
                {"foldscribe@1", NULL, 1}, {"seed-a@3", NULL, 3},  {"whisper-1", "2", 2},
                {"foldscribe@1", "3", 3}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct openai_request r;
        struct openai_error err;
        assert_int_equal(
            ask(&r, rows[i].model, rows[i].depth ? "depth" : NULL, rows[i].depth, &err), 0);
        assert_int_equal(r.depth, rows[i].expect);
        openai_request_finish(&r);
    }
}

static void what_is_wrong_is_named_with_what_is_allowed(void **state)
{
    static const struct {
        const char *model, *field, *value;
        int status;
        const char *param, *says;
    } rows[] = {
        {"gpt-9", NULL, NULL, 404, "model", "foldscribe, seed-a, whisper-*"},
        {"gpt-4o-transcribe-diarize", NULL, NULL, 404, "model", "gpt-4o-transcribe, "},
        {"foldscribe", "redact", "pci", 400, "redact", "nothing is taken out"},
        {"foldscribe", "detect_language", "true", 400, "detect_language", "English (en)"},
        {"foldscribe", "languages[]", "fr", 400, "languages", "English (en)"},
        {"", NULL, NULL, 404, "model", "foldscribe"},
        {NULL, NULL, NULL, 400, "model", "foldscribe"},
        {"foldscribe@0", NULL, NULL, 400, "model", "1 to 3"},
        {"foldscribe@4", NULL, NULL, 400, "model", "1 to 3"},
        {"foldscribe@", NULL, NULL, 400, "model", "1 to 3"},
        {"foldscribe@1@2", NULL, NULL, 404, "model", "does not exist"},
        {"foldscribe", "depth", "0", 400, "depth", "1 to 3"},
        {"foldscribe", "depth", "", 400, "depth", "1 to 3"},
        {"foldscribe", "depth", "-1", 400, "depth", "1 to 3"},
        {"foldscribe", "depth", " 1", 400, "depth", "1 to 3"},
        {"foldscribe", "depth", "1.5", 400, "depth", "1 to 3"},
        {"foldscribe", "depth", "0000000000000000000000000009", 400, "depth", "1 to 3"},
        {"foldscribe", "depth", "18446744073709551617", 400, "depth", "1 to 3"},
        {"foldscribe", "response_format", "xml", 400, "response_format",
         "verbose_json, srt or vtt"},
        {"foldscribe", "timestamp_granularities[]", "letter", 400, "timestamp_granularities",
         "word or segment"},
        {"foldscribe", "stream", "perhaps", 400, "stream", "true or false"},
        {"foldscribe", "language", "de", 400, "language", "English (en)"},
        {"foldscribe", "chunking_strategy", "none", 400, "chunking_strategy", "server_vad"},
        {"foldscribe", "chunking_strategy[type]", "x", 400, "chunking_strategy", "server_vad"},
        {"foldscribe", "chunking_strategy[silence_duration_ms]", "7", 400, "chunking_strategy",
         "200 to 10000"},
        {"foldscribe", "chunking_strategy",
         "{\"type\":\"server_vad\",\"silence_duration_ms\":\"x\"}", 400, "chunking_strategy",
         "200 to 10000"},
        {"foldscribe", "temperature", "2", 400, "temperature", "0 to 1"},
        {"foldscribe", "temperature", "nan", 400, "temperature", "0 to 1"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct openai_request r;
        struct openai_error err;
        assert_int_equal(ask(&r, rows[i].model, rows[i].field, rows[i].value, &err),
                         rows[i].status);
        assert_string_equal(err.param, rows[i].param);
        assert_string_equal(err.type, "invalid_request_error");
        if (!strstr(err.message, rows[i].says))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.message, rows[i].says);
        openai_request_finish(&r);
    }
}

static void a_form_without_a_file_says_so_first(void **state)
{
    struct openai_request r;
    struct openai_error err;

    openai_request_init(&r, &catalog);
    assert_int_equal(openai_request_check(&r, &err), -1);
    assert_string_equal(err.param, "file");
    openai_request_finish(&r);
}

static void lists_come_in_every_spelling_of_the_clients(void **state)
{
    struct openai_request r;
    struct openai_error err;

    openai_request_init(&r, &catalog);
    openai_request_field(&r, "keywords[]", "Hawkeye", 7, &err);
    openai_request_field(&r, "keywords[1]", " Boolooroo ", 11, &err);
    openai_request_field(&r, "hotwords", "one, two words,,\n", 17, &err);
    openai_request_field(&r, "keywordsearch", "not a list", 10, &err);
    assert_int_equal(r.hotwords.count, 4);
    assert_string_equal(r.hotwords.texts[0], "Hawkeye");
    assert_string_equal(r.hotwords.texts[1], "Boolooroo");
    assert_string_equal(r.hotwords.texts[2], "one");
    assert_string_equal(r.hotwords.texts[3], "two words");
    for (size_t i = r.hotwords.count; i < HOTWORD_LIST_MOST; i++)
        assert_int_equal(openai_request_field(&r, "keywords[]", "x", 1, &err), 0);
    assert_int_equal(openai_request_field(&r, "keywords[]", "x", 1, &err), -1);
    assert_string_equal(err.param, "keywords");
    openai_request_finish(&r);
}

static void a_keyword_is_taken_whole_or_refused(void **state)
{
    struct openai_request r;
    struct openai_error err;
    char word[HOTWORD_LIST_BYTES + 1];

    memset(word, 'a', sizeof word);
    openai_request_init(&r, &catalog);
    assert_int_equal(openai_request_field(&r, "keywords[]", word, sizeof word - 1, &err), 0);
    assert_int_equal(strlen(r.hotwords.texts[0]), sizeof word - 1);
    assert_int_equal(openai_request_field(&r, "hotwords", word, sizeof word, &err), -1);
    assert_int_equal(r.hotwords.count, 1);
    assert_int_equal(err.status, 400);
    assert_string_equal(err.param, "keywords");
    assert_non_null(strstr(err.message, "200"));
    openai_request_finish(&r);
}

static void what_has_no_effect_is_told_by_name_and_what_has_none_to_have_is_not(void **state)
{
    static const char *const fields[][2] = {
        {"diarize", "true"},      {"known_speaker_names[]", "Ann"},
        {"colour", "blue"},       {"language", "auto"},
        {"temperature", "0.4"},   {"include[]", "speakers"},
        {"languages[]", "en-GB"}, {"summarize", "False"},
        {"user", "me"},           {"language", "null"},
        {"temperature", "0"},
    };
    struct openai_request r;
    struct openai_error err;
    char header[400];

    openai_request_init(&r, &catalog);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        assert_int_equal(
            openai_request_field(&r, fields[i][0], fields[i][1], strlen(fields[i][1]), &err), 0);
    notices_header(&r.notices, header, sizeof header);
    assert_string_equal(header, "diarize: speakers are not told apart; "
                                "known_speaker_names[]: speakers are not told apart; "
                                "colour: this server knows no such parameter; "
                                "language: nothing but English is heard; "
                                "temperature: nothing is drawn by lot here; "
                                "include[]: this server knows no such parameter");
    openai_request_finish(&r);
}

static void a_zero_byte_inside_a_field_is_refused(void **state)
{
    struct openai_request r;
    struct openai_error err;

    openai_request_init(&r, &catalog);
    assert_int_equal(openai_request_field(&r, "model", "foldscribe\0@1", 13, &err), -1);
    assert_int_equal(err.status, 400);
    openai_request_finish(&r);
}

/* Two segments of two words and one word. */
static struct result_transcript transcript(void)
{
    static const struct result_word words[] = {{"say \"hi\"", 1600, 8000, 0.5f},
                                               {"there", 8000, 12000, 0.25f},
                                               {"again", 32000, 40000, 1}};
    static const struct result_segment segments[] = {
        {0,
         16000,
         words,
         2,
         -0.5f,
         0.75f,
         {.used = 2, .asked = 2, .reason = RESULT_BY_REQUEST},
         false,
         false,
         NULL,
         0},
        {20000,
         24000,
         NULL,
         0,
         0,
         1,
         {.used = 2, .asked = 2, .reason = RESULT_BY_REQUEST},
         false,
         false,
         NULL,
         0},
        {30000,
         48000,
         words + 2,
         1,
         -0.25f,
         0.5f,
         {.used = 2, .asked = 2, .reason = RESULT_BY_REQUEST},
         false,
         false,
         NULL,
         0}};
    return (struct result_transcript){
        segments, 3, 56000, {.used = 2, .asked = 2, .reason = RESULT_BY_REQUEST}, NULL, 0};
}

static json_t *answer(enum openai_format format, bool words, const struct result_transcript *t)
{
    struct openai_request r;
    const char *type = NULL;

    openai_request_init(&r, &catalog);
    r.format = format;
    r.words = words;
    char *body = openai_response(&r, t, &type);
    assert_string_equal(type, "application/json");
    json_t *json = json_loads(body, 0, NULL);
    assert_non_null(json);
    free(body);
    return json;
}

static void expect(json_t *json, const char *text)
{
    json_t *expected = json_loads(text, 0, NULL);

    assert_non_null(expected);
    if (!json_equal(json, expected)) {
        char *got = json_dumps(json, JSON_COMPACT);
        fail_msg("got %s", got);
    }
    json_decref(expected);
    json_decref(json);
}

static void json_holds_text_usage_and_depth(void **state)
{
    struct result_transcript t = transcript();

    expect(answer(OPENAI_JSON, true, &t),
           "{\"text\":\"say \\\"hi\\\" there again\",\"usage\":{\"type\":\"duration\",\"seconds\":"
           "3.5},\"depth\":{\"used\":2,\"asked\":2,\"reason\":\"asked\"}}");
    t.depth = (struct result_depth){.used = 3, .reason = RESULT_BY_TIER};
    json_t *json = answer(OPENAI_JSON, false, &t);
    assert_true(json_is_null(json_object_get(json_object_get(json, "depth"), "asked")));
    json_decref(json);
}

static void verbose_json_holds_segments_with_words_only_and_words_when_asked(void **state)
{
    const struct result_transcript t = transcript();
    json_t *json = answer(OPENAI_VERBOSE_JSON, true, &t);
    json_t *segments = json_object_get(json, "segments");

    assert_true(json_is_real(json_object_get(json, "duration")));
    assert_string_equal(json_string_value(json_object_get(json, "language")), "english");
    assert_int_equal(json_array_size(segments), 2);
    expect(json_incref(json_object_get(json, "words")),
           "[{\"word\":\"say \\\"hi\\\"\",\"start\":0.1,\"end\":0.5,\"confidence\":0.5},"
           "{\"word\":\"there\",\"start\":0.5,\"end\":0.75,\"confidence\":0.25},"
           "{\"word\":\"again\",\"start\":2.0,\"end\":2.5,\"confidence\":1.0}]");
    json_t *last = json_incref(json_array_get(segments, 1));
    json_object_del(last, "compression_ratio");
    expect(last, "{\"id\":1,\"seek\":0,\"start\":2.0,\"end\":2.5,\"text\":\"again\",\"tokens\":[],"
                 "\"temperature\":0.0,\"avg_logprob\":-0.25,\"no_speech_prob\":0.0}");
    json_decref(json);
    json = answer(OPENAI_VERBOSE_JSON, false, &t);
    assert_null(json_object_get(json, "words"));
    json_decref(json);
}

static json_t *verbose(const struct result_word *words, size_t count, const char *granularity)
{
    const struct result_segment segment = {.words = words,
                                           .words_count = count,
                                           .mean_logp = -0.5f,
                                           .blank_share = 0.9f,
                                           .end_samples = 64000};
    const struct result_transcript t = {.segments = &segment, .segments_count = 1};
    struct openai_request r;
    struct openai_error err;
    const char *type;

    openai_request_init(&r, &catalog);
    r.format = OPENAI_VERBOSE_JSON;
    if (granularity)
        assert_int_equal(openai_request_field(&r, "timestamp_granularities[]", granularity,
                                              strlen(granularity), &err),
                         0);
    char *body = openai_response(&r, &t, &type);
    json_t *json = json_loads(body, 0, NULL);
    free(body);
    return json;
}

static void segments_are_sentences_whatever_was_heard_in_one_piece(void **state)
{
    static const struct result_word words[] = {
        {"Mr.", 0, 8000, 0.9f},        {"Bell", 8000, 16000, 0.9f},
        {"came.", 16000, 24000, 0.9f}, {"\"Who?\"", 24000, 32000, 0.25f},
        {"he", 32000, 36000, 0.9f},    {"asked", 60000, 64000, 0.9f}};
    static const char *const texts[] = {"Mr. Bell came.", "\"Who?\"", "he", "asked"};
    static const double silences[] = {0.001, 0.75, 0.1, 0.1};
    json_t *json = verbose(words, 6, NULL);
    const json_t *list = json_object_get(json, "segments");

    assert_int_equal(json_array_size(list), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *one = json_array_get(list, i);
        assert_string_equal(json_string_value(json_object_get(one, "text")), texts[i]);
        assert_float_equal(json_number_value(json_object_get(one, "no_speech_prob")), silences[i],
                           1e-3);
    }
    json_decref(json);
}

static void who_asks_for_words_alone_gets_no_segments(void **state)
{
    static const struct result_word words[] = {{"Father.", 0, 8000, 0.95f}};
    json_t *json = verbose(words, 1, "word");

    assert_null(json_object_get(json, "segments"));
    assert_int_equal(json_array_size(json_object_get(json, "words")), 1);
    json_decref(json);
    json = verbose(words, 1, "segment");
    assert_null(json_object_get(json, "words"));
    assert_true(json_number_value(json_object_get(
                    json_array_get(json_object_get(json, "segments"), 0), "no_speech_prob")) < 0.1);
    json_decref(json);
}

static void silence_has_the_same_shape_and_no_words(void **state)
{
    const struct result_transcript t = {NULL, 0, 16000, {.used = 3, .reason = RESULT_BY_TIER},
                                        NULL, 0};

    expect(answer(OPENAI_VERBOSE_JSON, true, &t),
           "{\"task\":\"transcribe\",\"language\":\"english\",\"duration\":1.0,\"text\":\"\","
           "\"words\":[],\"segments\":[],\"usage\":{\"type\":\"duration\",\"seconds\":1.0},"
           "\"depth\":{\"used\":3,\"asked\":null,\"reason\":\"tier\"}}");
}

static void plain_text_is_one_line(void **state)
{
    const struct result_transcript t = transcript();
    struct openai_request r;
    const char *type;

    openai_request_init(&r, &catalog);
    r.format = OPENAI_TEXT;
    char *body = openai_response(&r, &t, &type);
    assert_string_equal(body, "say \"hi\" there again\n");
    assert_string_equal(type, "text/plain; charset=utf-8");
    free(body);
}

static void the_depth_header_shows_what_was_not_asked_as_a_dash(void **state)
{
    char text[64];

    depthjson_header(&(struct result_depth){.used = 3, .reason = RESULT_BY_TIER}, text,
                     sizeof text);
    assert_string_equal(text, "used=3 asked=- reason=tier");
    depthjson_header(&(struct result_depth){.used = 1, .asked = 2, .reason = RESULT_BY_LOAD}, text,
                     sizeof text);
    assert_string_equal(text, "used=1 asked=2 reason=load");
}

static void errors_have_the_shape_that_clients_parse(void **state)
{
    struct openai_error err;

    openai_fail(&err, 400, "invalid_request_error", NULL, "file", "%s", "no \"sound\"");
    char *body = openai_error_body(&err);
    expect(json_loads(body, 0, NULL),
           "{\"error\":{\"message\":\"no \\\"sound\\\"\",\"type\":\"invalid_request_error\","
           "\"param\":\"file\",\"code\":null}}");
    free(body);
    openai_fail(&err, 400, "invalid_request_error", "invalid_value", "\xff", "%.2s: use json",
                "\xe2\x82\xac");
    body = openai_error_body(&err);
    expect(json_loads(body, 0, NULL),
           "{\"error\":{\"message\":\"??: use json\",\"type\":\"invalid_request_error\","
           "\"param\":\"?\",\"code\":\"invalid_value\"}}");
    free(body);
}

static void what_a_pause_is_can_be_said_in_every_spelling(void **state)
{
    static const struct {
        const char *field, *value;
        uint32_t pause_ms;
    } rows[] = {
        {"chunking_strategy", "auto", 0},
        {"chunking_strategy[type]", "server_vad", 0},
        {"chunking_strategy[threshold]", "0.5", 0},
        {"chunking_strategy[silence_duration_ms]", "500", 500},
        {"chunking_strategy", "{\"type\":\"server_vad\",\"silence_duration_ms\":300}", 300},
        {"language", "en-GB", 0},
        {"language", "English", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct openai_request r;
        struct openai_error err;
        assert_int_equal(ask(&r, "foldscribe", rows[i].field, rows[i].value, &err), 0);
        assert_int_equal(r.pause_ms, rows[i].pause_ms);
        openai_request_finish(&r);
    }
}

static void longer_words_of_a_prompt_are_favoured_a_little(void **state)
{
    struct openai_request r;
    struct openai_error err;
    const char prompt[] = "Names: Hawkeye, \"Boolooroo\" and so on.";

    openai_request_init(&r, &catalog);
    assert_int_equal(openai_request_field(&r, "keywords[]", "of", 2, &err), 0);
    assert_int_equal(openai_request_field(&r, "prompt", prompt, strlen(prompt), &err), 0);
    assert_int_equal(r.hotwords.count, 4);
    assert_string_equal(r.hotwords.texts[2], "Hawkeye");
    assert_string_equal(r.hotwords.texts[3], "Boolooroo");
    assert_true(r.hotwords.boosts[0] == OPENAI_WEIGHT &&
                r.hotwords.boosts[3] == OPENAI_PROMPT_WEIGHT);
    openai_request_finish(&r);
}

static const struct result_word said[] = {{"One,", 0, 8000, 1}, {"\"two\"", 8000, 16000, 0.5f}};
static const struct result_segment segments[] = {
    {0, 8000, said, 1, -0.1f, 0.5f, {.used = 3, .reason = RESULT_BY_TIER}, false, false, NULL, 0},
    {8000,
     16000,
     said + 1,
     1,
     -0.1f,
     0.5f,
     {.used = 3, .reason = RESULT_BY_TIER},
     false,
     false,
     NULL,
     0},
};

static void is_event(char *text, const char *wanted)
{
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

static void events_append_text_and_end_with_all_of_it(void **state)
{
    const struct result_transcript t = {segments, 2, 16000, {.used = 3, .reason = RESULT_BY_TIER},
                                        NULL,     0};
    struct openai_request r;
    struct openai_error err;

    openai_request_init(&r, &catalog);
    is_event(openai_stream_delta(&r, &segments[0], true),
             "data: {\"type\":\"transcript.text.delta\",\"delta\":\"One,\"}\n\n");
    is_event(openai_stream_delta(&r, &segments[1], false),
             "data: {\"type\":\"transcript.text.delta\",\"delta\":\" \\\"two\\\"\"}\n\n");
    r.words = true;
    char *timed = openai_stream_delta(&r, &segments[0], true);
    assert_non_null(strstr(timed, "\"words\":[{\"word\":\"One,\",\"start\":"));
    free(timed);
    openai_request_init(&r, &catalog);
    r.format = OPENAI_TEXT;
    char *done = openai_stream_done(&r, &t);
    assert_non_null(strstr(done, "\"text\":\"One, \\\"two\\\"\""));
    assert_non_null(strstr(done, "\"type\":\"transcript.text.done\""));
    assert_non_null(strstr(done, "\"usage\""));
    free(done);
    char *draft = openai_stream_draft(&r, &t);
    assert_non_null(strstr(draft, "\"text\":\"One, \\\"two\\\"\""));
    assert_non_null(strstr(draft, "\"type\":\"foldscribe.draft\""));
    assert_non_null(strstr(draft, "\"depth\""));
    assert_null(strstr(draft, "\"usage\""));
    free(draft);
    openai_fail(&err, 400, "invalid_request_error", NULL, "file", "cut");
    is_event(openai_stream_error(&err), "data: {\"error\":{\"message\":\"cut\",\"type\":"
                                        "\"invalid_request_error\",\"param\":\"file\",\"code\":"
                                        "null}}\n\n");
    openai_request_finish(&r);
}

static void only_plain_formats_can_be_streamed(void **state)
{
    struct openai_request r;
    struct openai_error err;

    openai_request_init(&r, &catalog);
    r.has_file = true;
    openai_request_field(&r, "model", "foldscribe", 10, &err);
    openai_request_field(&r, "stream", "true", 4, &err);
    openai_request_field(&r, "response_format", "srt", 3, &err);
    assert_int_equal(openai_request_check(&r, &err), -1);
    assert_string_equal(err.param, "stream");
    openai_request_field(&r, "depth", "1", 1, &err);
    assert_int_equal(openai_request_check(&r, &err), -1);
    assert_string_equal(err.param, "stream");
    openai_request_field(&r, "response_format", "json", 4, &err);
    assert_int_equal(openai_request_check(&r, &err), 0);
    openai_request_field(&r, "draft", "true", 4, &err);
    assert_int_equal(openai_request_check(&r, &err), 0);
    openai_request_field(&r, "stream", "false", 5, &err);
    assert_int_equal(openai_request_check(&r, &err), -1);
    assert_string_equal(err.param, "draft");
    assert_int_equal(openai_request_field(&r, "draft", "perhaps", 7, &err), -1);
    assert_string_equal(err.message, "draft=perhaps: must be true or false");
    openai_request_finish(&r);
}

static void probabilities_come_when_included(void **state)
{
    const struct result_transcript t = {segments, 2, 16000, {.used = 3, .reason = RESULT_BY_TIER},
                                        NULL,     0};
    struct openai_request r;
    struct openai_error err;
    const char *type;

    openai_request_init(&r, &catalog);
    openai_request_field(&r, "include[]", "logprobs", 8, &err);
    char *body = openai_response(&r, &t, &type);
    json_t *json = json_loads(body, 0, NULL);
    char joined[64] = "";
    size_t i;
    const json_t *token;
    json_array_foreach (json_object_get(json, "logprobs"), i, token)
        strcat(joined, json_string_value(json_object_get(token, "token")));
    assert_string_equal(joined, json_string_value(json_object_get(json, "text")));
    const json_t *word = json_array_get(json_object_get(json, "logprobs"), 1);
    assert_string_equal(json_string_value(json_object_get(word, "token")), " \"two\"");
    assert_float_equal(json_number_value(json_object_get(word, "logprob")), -0.6931, 1e-4);
    assert_int_equal(json_array_size(json_object_get(word, "bytes")), 6);
    json_decref(json);
    free(body);
    openai_request_finish(&r);
}

static size_t listed(const struct catalog *of)
{
    char *body = openai_models(of);
    json_t *json = json_loads(body, 0, NULL);
    const size_t count = json_array_size(json_object_get(json, "data"));

    json_decref(json);
    free(body);
    return count;
}

static void models_are_listed_once_each_and_found_by_name(void **state)
{
    struct openai_error err;
    const struct catalog namesake = {.seed = "foldscribe", .unfolds = 1};

    assert_int_equal(listed(&catalog), listed(&namesake) + 1);
    assert_true(listed(&namesake) > 5);
    char *body = openai_model(&catalog, "seed-a", &err);
    assert_non_null(strstr(body, "\"seed-a\""));
    free(body);
    assert_null(openai_model(&catalog, "seed", &err));
    assert_int_equal(err.status, 404);
    assert_string_equal(err.code, "model_not_found");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_depths_of_the_catalog_are_understood),
        cmocka_unit_test(what_is_wrong_is_named_with_what_is_allowed),
        cmocka_unit_test(a_form_without_a_file_says_so_first),
        cmocka_unit_test(lists_come_in_every_spelling_of_the_clients),
        cmocka_unit_test(a_keyword_is_taken_whole_or_refused),
        cmocka_unit_test(what_has_no_effect_is_told_by_name_and_what_has_none_to_have_is_not),
        cmocka_unit_test(a_zero_byte_inside_a_field_is_refused),
        cmocka_unit_test(json_holds_text_usage_and_depth),
        cmocka_unit_test(verbose_json_holds_segments_with_words_only_and_words_when_asked),
        cmocka_unit_test(segments_are_sentences_whatever_was_heard_in_one_piece),
        cmocka_unit_test(who_asks_for_words_alone_gets_no_segments),
        cmocka_unit_test(silence_has_the_same_shape_and_no_words),
        cmocka_unit_test(plain_text_is_one_line),
        cmocka_unit_test(the_depth_header_shows_what_was_not_asked_as_a_dash),
        cmocka_unit_test(errors_have_the_shape_that_clients_parse),
        cmocka_unit_test(what_a_pause_is_can_be_said_in_every_spelling),
        cmocka_unit_test(longer_words_of_a_prompt_are_favoured_a_little),
        cmocka_unit_test(events_append_text_and_end_with_all_of_it),
        cmocka_unit_test(only_plain_formats_can_be_streamed),
        cmocka_unit_test(probabilities_come_when_included),
        cmocka_unit_test(models_are_listed_once_each_and_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
