#include "test.h"

#include <stdio.h>
#include <string.h>

#include "catalog.h"

static int open_with(struct catalog *catalog, const char *aliases, struct field_error *err)
{
    return catalog_open(catalog, "seed-a", 3, 0, aliases, err);
}

static void names_that_stock_clients_send_are_known(void **state)
{
    static const char *const names[] = {"seed-a",
                                        "foldscribe",
                                        "whisper-1",
                                        "whisper-large-v3",
                                        "whisper-large-v3-turbo",
                                        "gpt-4o-transcribe",
                                        "gpt-4o-mini-transcribe",
                                        "gpt-4o-mini-transcribe-2025-12-15",
                                        "gpt-transcribe",
                                        "gpt-live-transcribe",
                                        "gpt-realtime-whisper",
                                        "Systran/faster-whisper-large-v3",
                                        "nova-2",
                                        "nova-2-general",
                                        "nova-3",
                                        "nova-3-medical",
                                        "flux-general-en",
                                        "enhanced",
                                        "base"};
    struct catalog catalog;
    struct field_error err;
    uint32_t depth;

    assert_int_equal(open_with(&catalog, "", &err), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (catalog_find(&catalog, "model", names[i], &depth, &err) != 0)
            fail_msg("%s", err.message);
        assert_int_equal(depth, 0);
    }
}

static void a_name_that_is_none_is_refused_with_the_list(void **state)
{
    static const char *const names[] = {
        "gpt-9",   "",   "@1", "whisper", "flux-general-multi", "gpt-4o-transcribe-diarize",
        "seed-a ", "tin"};
    struct catalog catalog;
    struct field_error err;
    uint32_t depth;

    assert_int_equal(open_with(&catalog, "tiny=seed-a@1", &err), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(catalog_find(&catalog, "model", names[i], &depth, &err), -1);
        assert_int_equal(err.fault, FIELD_NO_MODEL);
        assert_non_null(strstr(err.message, "foldscribe, seed-a, tiny, whisper-*, "));
        assert_non_null(strstr(err.message, "flux-general-en; with @1 to @3"));
    }
    assert_int_equal(catalog_find(&catalog, "model", "tiny@4", &depth, &err), -1);
    assert_int_equal(err.fault, FIELD_INVALID);
}

static void an_alias_has_the_depth_that_is_said_first(void **state)
{
    static const struct {
        const char *name;
        uint32_t depth;
    } rows[] = {{"tiny", 1},      {"tiny@3", 3},    {"quick", 1}, {"deep", 3},
                {"whisper-1", 2}, {"whisper-2", 0}, {"any", 0}};
    struct catalog catalog;
    struct field_error err;
    uint32_t depth;

    assert_int_equal(open_with(&catalog,
                               "quick=tiny,tiny=foldscribe@1, deep=tiny@3,whisper-1=seed-a@2,"
                               "any=nova-3",
                               &err),
                     0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(catalog_find(&catalog, "model", rows[i].name, &depth, &err), 0);
        assert_int_equal(depth, rows[i].depth);
    }
}

static void aliases_that_lead_nowhere_are_refused_at_start(void **state)
{
    static const struct {
        const char *aliases, *says;
    } rows[] = {
        {"a=b,b=c,c=a", "circle"},
        {"a=a", "circle"},
        {"foldscribe=foldscribe@1", "circle"},
        {"a=b,b=gpt-9", "b=gpt-9: there is no model of that name: there are foldscribe, seed-a"},
        {"a=seed-a,a=foldscribe", "a is there twice"},
        {"a=seed-a@4", "depths 1 to 3"},
        {"a=seed-a@", "depths 1 to 3"},
        {"a@1=seed-a", "a name has no depth"},
        {"a", "NAME=MODEL"},
        {"=seed-a", "NAME=MODEL"},
        {"a=", "NAME=MODEL"},
    };
    struct catalog catalog;
    struct field_error err;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(open_with(&catalog, rows[i].aliases, &err), -1);
        if (!strstr(err.message, rows[i].says))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.message, rows[i].says);
    }
}

static void there_may_be_only_so_many_aliases(void **state)
{
    char text[CATALOG_ALIASES * 20 + 20] = "";
    struct catalog catalog;
    struct field_error err;

    for (int i = 0; i < CATALOG_ALIASES; i++)
        sprintf(text + strlen(text), "a%d=seed-a,", i);
    assert_int_equal(open_with(&catalog, text, &err), 0);
    strcat(text, "more=seed-a");
    assert_int_equal(open_with(&catalog, text, &err), -1);
    assert_non_null(strstr(err.message, "64"));
}

static void every_name_is_told_once(void **state)
{
    struct catalog catalog;
    struct field_error err;
    uint32_t depth, other;
    const char *name;

    assert_int_equal(open_with(&catalog, "tiny=seed-a@1,whisper-1=seed-a@2", &err), 0);
    assert_string_equal(catalog_name(&catalog, 0, &depth), "foldscribe");
    assert_string_equal(catalog_name(&catalog, 2, &depth), "tiny");
    assert_int_equal(depth, 1);
    for (size_t i = 0; (name = catalog_name(&catalog, i, &depth)); i++) {
        assert_int_equal(catalog_find(&catalog, "model", name, &other, &err), 0);
        assert_int_equal(depth, other);
        assert_null(strchr(name, '*'));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(name, catalog_name(&catalog, j, &other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_stock_clients_send_are_known),
        cmocka_unit_test(a_name_that_is_none_is_refused_with_the_list),
        cmocka_unit_test(an_alias_has_the_depth_that_is_said_first),
        cmocka_unit_test(aliases_that_lead_nowhere_are_refused_at_start),
        cmocka_unit_test(there_may_be_only_so_many_aliases),
        cmocka_unit_test(every_name_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
