/* Whoever carries bytes can say no in the shape that a path's clients expect. */
#include <jansson.h>
#include <string.h>

#include "refusal.h"
#include "test.h"

static json_t *said(const char *target, int status)
{
    const struct refusal refusal = {
        .status = status, .message = "no \xc3room", .code = "full", .param = "file"};
    char *body = refusal_body(target, "id-1", &refusal);
    json_t *json = json_loads(body, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(json);
    free(body);
    return json;
}

static void deepgrams_path_has_deepgrams_shape_with_or_without_a_query(void **state)
{
    static const char *const targets[] = {"/v1/listen", "/v1/listen?model=x"};

    for (size_t i = 0; i < 2; i++) {
        json_t *json = said(targets[i], 429);
        assert_true(refusal_is_deepgram(targets[i]));
        assert_non_null(json_object_get(json, "err_msg"));
        assert_string_equal(json_string_value(json_object_get(json, "request_id")), "id-1");
        json_decref(json);
    }
}

static void all_other_paths_have_openais_and_its_types_go_with_the_status(void **state)
{
    static const struct {
        const char *target;
        int status;
        const char *type;
    } rows[] = {{NULL, 400, "invalid_request_error"},
                {"/v1/listening", 401, "invalid_request_error"},
                {"/", 429, "rate_limit_error"},
                {"/v1/realtime?x=/v1/listen", 503, "server_error"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *json = said(rows[i].target, rows[i].status);
        const json_t *error = json_object_get(json, "error");
        assert_false(refusal_is_deepgram(rows[i].target));
        assert_string_equal(json_string_value(json_object_get(error, "type")), rows[i].type);
        assert_string_equal(json_string_value(json_object_get(error, "code")), "full");
        assert_string_equal(json_string_value(json_object_get(error, "param")), "file");
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deepgrams_path_has_deepgrams_shape_with_or_without_a_query),
        cmocka_unit_test(all_other_paths_have_openais_and_its_types_go_with_the_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
