#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "calibrate.h"
#include "test.h"

static struct fold_model *model;
static char path[] = "/tmp/test_calibrate_XXXXXX";

static int open_model(void **state)
{
    return fold_model_open(&model, getenv("FOLDSCRIBE_TEST_MODEL"), NULL) || mkstemp(path) < 0;
}

static int close_model(void **state)
{
    fold_model_close(model);
    return unlink(path);
}

static void a_seed_is_measured_at_every_depth(void **state)
{
    const uint32_t unfolds = fold_model_info(model)->unfolds;
    struct cost cost;

    assert_int_equal(calibrate_measure(&cost, model, NULL, 0), FOLD_OK); /* one pass in any case */
    assert_true(cost_is_sound(&cost));
    assert_int_equal(cost.unfolds, unfolds);
    assert_true(cost_ms(&cost, 1, 4000) > 0);
    for (uint32_t r = 1; r <= unfolds; r++)
        assert_true(cost_ahead(&cost, 4000, false).unfold_ms[r] > 0);
    /* So is a stream, where it was taught to hear one. */
    assert_true(fold_model_info(model)->chunk_frames ? cost.hear > 0 : cost.hear == 0);
}

static void searching_for_words_is_measured_at_every_depth(void **state)
{
    struct fold_lm *lm;
    struct cost searched;

    assert_int_equal(fold_lm_open(&lm, getenv("FOLDSCRIBE_TEST_LM"), NULL), FOLD_OK);
    assert_int_equal(calibrate_measure(&searched, model, lm, 0), FOLD_OK);
    assert_true(cost_is_sound(&searched));
    for (uint32_t r = 1; r <= searched.unfolds; r++)
        assert_true(cost_tail_ms(&searched, r, 4000) > 0);
    fold_lm_close(lm);
}

static void what_was_saved_is_loaded(void **state)
{
    const struct cost cost = {.unfolds = 2,
                              .front = {1.25, 14},
                              .unfold = {[1] = {0.5, 11}, {0.25, 9}},
                              .tail = {[1] = {0.125, 12}, {0, 11}},
                              .hear = 1.5};
    struct cost loaded;

    assert_true(calibrate_save(&cost, path));
    assert_true(calibrate_load(&loaded, path, 2));
    assert_memory_equal(&loaded, &cost, sizeof(cost));
    assert_false(calibrate_load(&loaded, path, 3)); /* another seed's */
}

static void write_text(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* The rest of a table's text, behind the name of the build that measured it. */
static void write_for(const char *build, const char *rest)
{
    char text[1024];

    snprintf(text, sizeof text, "{\"program\":\"%s\",%s", build, rest);
    write_text(text);
}

static void a_damaged_table_is_as_good_as_none(void **state)
{
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "\"format\":1,\"hear\":1,\"front\":[1,1],\"unfold\":[[1,1]],\"tail\":[[1,1]]}",
        "\"format\":3,\"front\":[1,1],\"unfold\":[[1,1]],\"tail\":[[1,1]]}",
        "\"format\":3,\"hear\":-1,\"front\":[1,1],\"unfold\":[[1,1]],\"tail\":[[1,1]]}",
        "\"format\":3,\"hear\":1,\"front\":[1,1],\"unfold\":[[1,1]],\"tail\":[]}",
        "\"format\":3,\"hear\":1,\"front\":[1,1],\"unfold\":[1,1],\"tail\":[[1,1]]}",
        "\"format\":3,\"hear\":1,\"front\":[1,1],\"unfold\":[[1,1],[1,1]],\"tail\":[[1,1]]}",
        "\"format\":3,\"hear\":1,\"front\":[1,1],\"unfold\":[[1,-1]],\"tail\":[[1,1]]}",
        "\"format\":3,\"hear\":1,\"front\":[1,\"1\"],\"unfold\":[[1,1]],\"tail\":[[1,1]]}",
        "\"format\":3,\"hear\":1,\"front\":[1,1e300],\"unfold\":[[1,1]],\"tail\":[[1,1]]}",
    };
    static const char sound[] =
        "\"format\":3,\"hear\":1,\"front\":[1,1],\"unfold\":[[1,1]],\"tail\":[[1,1]]}";
    struct cost loaded = {
        .unfolds = 1, .front = {1, 1}, .unfold = {{0}, {1, 1}}, .tail = {{0}, {1, 1}}};
    char build[80];

    assert_true(calibrate_save(&loaded, path));
    json_t *saved = json_load_file(path, 0, NULL);
    snprintf(build, sizeof build, "%s", json_string_value(json_object_get(saved, "program")));
    json_decref(saved);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        write_text(texts[i]);
        assert_false(calibrate_load(&loaded, path, 1));
        write_for(build, texts[i]);
        assert_false(calibrate_load(&loaded, path, 1));
    }
    write_for(build, sound);
    assert_true(calibrate_load(&loaded, path, 1));
    write_for("of another day", sound);
    assert_false(calibrate_load(&loaded, path, 1));
    assert_false(calibrate_load(&loaded, "/nonexistent/cost.json", 1));
    assert_false(calibrate_save(&loaded, "/proc/nowhere/cost.json"));
}

static void the_cache_is_in_the_users_folder_or_nowhere(void **state)
{
    char text[512], few[10];

    setenv("XDG_CACHE_HOME", "/c", 1);
    assert_true(calibrate_path(text, sizeof text, fold_model_info(model), NULL));
    assert_ptr_equal(strstr(text, "/c/foldscribe/cost-"), text);
    assert_false(calibrate_path(few, sizeof few, fold_model_info(model), NULL));
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", "/h", 1);
    assert_true(calibrate_path(text, sizeof text, fold_model_info(model), NULL));
    assert_ptr_equal(strstr(text, "/h/.cache/foldscribe/cost-"), text);
    unsetenv("HOME");
    assert_false(calibrate_path(text, sizeof text, fold_model_info(model), NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_is_measured_at_every_depth),
        cmocka_unit_test(searching_for_words_is_measured_at_every_depth),
        cmocka_unit_test(what_was_saved_is_loaded),
        cmocka_unit_test(a_damaged_table_is_as_good_as_none),
        cmocka_unit_test(the_cache_is_in_the_users_folder_or_nowhere),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
