#include <string.h>

#include "keyfile.h"
#include "test.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789abcdef"

static void expect_problem(const char *text, const char *problem)
{
    struct keyfile file;
    struct keyfile_note note = {""};

    assert_int_equal(keyfile_parse(&file, text, strlen(text), 3, &note), -1);
    if (!strstr(note.text, problem))
        print_error("%s\ngave: %s\n", text, note.text);
    assert_non_null(strstr(note.text, problem));
}

static void tiers_and_keys_are_read(void **state)
{
    static const char text[] =
        "{\"tiers\":[{\"name\":\"free\"},{\"name\":\"gold\",\"priority\":3,\"depth_floor\":2,"
        "\"depth_ceiling\":3,\"partial_depth\":2,\"streams\":5,\"requests_per_minute\":60,"
        "\"latency_ms\":800}],\"keys\":[{\"sha256\":\"" HASH
        "\",\"tier\":\"gold\",\"name\":\"ann\"}]}";
    struct keyfile file;
    struct keyfile_note note;
    uint8_t hash[32] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};

    assert_int_equal(keyfile_parse(&file, text, strlen(text), 3, &note), 0);
    assert_int_equal(file.tiers_count, 2);
    assert_int_equal(file.tiers[0].priority, 0);
    assert_true(file.tiers[0].leaves_room && !file.tiers[1].leaves_room);
    assert_int_equal(file.tiers[0].depth_ceiling, 3);
    assert_int_equal(file.tiers[1].depth_floor, 2);
    assert_int_equal(file.tiers[1].latency_ms, 800);
    assert_int_equal(file.keys_count, 1);
    memcpy(hash + 8, hash, 8);
    memcpy(hash + 16, hash, 16);
    const struct keyfile_key *key = keyfile_find(&file, hash);
    assert_non_null(key);
    assert_int_equal(key->tier, 1);
    assert_string_equal(key->name, "ann");
    hash[31]++;
    assert_null(keyfile_find(&file, hash));
    keyfile_finish(&file);
    assert_null(keyfile_find(&file, hash));
}

static void a_tier_without_keys_takes_no_room(void **state)
{
    static const char text[] = "{\"tiers\":[{\"name\":\"free\"},{\"name\":\"plus\",\"priority\":1},"
                               "{\"name\":\"gold\",\"priority\":3}],\"keys\":[{\"sha256\":\"" HASH
                               "\",\"tier\":\"plus\"}]}";
    struct keyfile file;
    struct keyfile_note note;

    assert_int_equal(keyfile_parse(&file, text, strlen(text), 3, &note), 0);
    assert_true(file.tiers[0].leaves_room);
    assert_false(file.tiers[1].leaves_room || file.tiers[2].leaves_room);
    keyfile_finish(&file);
}

static void what_is_wrong_is_named(void **state)
{
    expect_problem("", "line");
    expect_problem("{\"tiers\":[],\"keys\":[]}", "at least one");
    expect_problem("[]", "expected an object");
    expect_problem("{\"tiers\":[{\"name\":\"a\"}],\"keys\":[],\"key\":[]}", "expected an object");
    expect_problem("{\"tiers\":[{}],\"keys\":[]}", "tier 1 has no name");
    expect_problem("{\"tiers\":[{\"name\":\"a b\"}],\"keys\":[]}", "tier 1 has no name");
    expect_problem("{\"tiers\":[{\"name\":\"a\"},{\"name\":\"a\"}],\"keys\":[]}", "two tiers");
    expect_problem("{\"tiers\":[{\"name\":\"a\",\"depth_ceiling\":4}],\"keys\":[]}", "from 1 to 3");
    expect_problem("{\"tiers\":[{\"name\":\"a\",\"streams\":-1}],\"keys\":[]}", "streams");
    expect_problem("{\"tiers\":[{\"name\":\"a\",\"priority\":1.5}],\"keys\":[]}", "from 0 to 3");
    expect_problem("{\"tiers\":[{\"name\":\"a\",\"depth\":1}],\"keys\":[]}", "no \"depth\"");
    expect_problem(
        "{\"tiers\":[{\"name\":\"a\",\"depth_floor\":3,\"depth_ceiling\":2}],\"keys\":[]}",
        "above");
    expect_problem("{\"tiers\":[{\"name\":\"a\"}],\"keys\":[{\"tier\":\"a\"}]}", "64 hex digits");
    expect_problem("{\"tiers\":[{\"name\":\"a\"}],\"keys\":[{\"sha256\":\"" HASH
                   "\",\"tier\":\"b\"}]}",
                   "no tier \"b\"");
    expect_problem("{\"tiers\":[{\"name\":\"a\"}],\"keys\":[{\"sha256\":\"" HASH
                   "\",\"tier\":\"a\",\"key\":\"secret\"}]}",
                   "no \"key\"");
    expect_problem("{\"tiers\":[{\"name\":\"a\"}],\"keys\":[{\"sha256\":\"" HASH
                   "\",\"tier\":\"a\"},{\"sha256\":\"" HASH "\",\"tier\":\"a\"}]}",
                   "twice");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiers_and_keys_are_read),
        cmocka_unit_test(a_tier_without_keys_takes_no_room),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
