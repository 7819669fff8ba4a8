#include "test.h"

#include <string.h>

#include "table.h"

static struct table table;
static struct bpe bpe;

static int open_table(uint32_t kept)
{
    return bpe_open(&bpe, table.bytes, (size_t)table.offsets[table.count], table.offsets,
                    table.ranks, table.count, kept, NULL);
}

static int make(void **state)
{
    (void)state;
    static const char *const merges[] = {"th",         "he",           "in",          "the",
                                         BPE_MARK "t", BPE_MARK "the", BPE_MARK "in", "re"};
    table_init(&table);
    for (int32_t i = 0; i < (int32_t)(sizeof merges / sizeof *merges); i++)
        table_add(&table, merges[i], i);
    return open_table(table.count);
}

static int release(void **state)
{
    (void)state;
    bpe_close(&bpe);
    return 0;
}

static void the_pair_of_lowest_rank_is_joined_first(void **state)
{
    (void)state;
    /* th before he; mark and t would come later, but t is gone by then */
    assert_string_equal(table_encode(&bpe, "the", true), BPE_MARK "the|");
    assert_string_equal(table_encode(&bpe, "there", true), BPE_MARK "the|re|");
    assert_string_equal(table_encode(&bpe, "he", false), "he|");
    assert_string_equal(table_encode(&bpe, "hin", true), BPE_MARK "|h|in|");
    assert_string_equal(table_encode(&bpe, "t", true), BPE_MARK "t|");
}

static void of_equal_pairs_the_left_one_is_joined_first(void **state)
{
    (void)state;
    table_add(&table, "aa", 100);
    bpe_close(&bpe);
    assert_int_equal(open_table(table.count), FOLD_OK);
    assert_string_equal(table_encode(&bpe, "aaa", false), "aa|a|");
}

static void what_is_no_piece_is_spelled_in_bytes_that_never_merge(void **state)
{
    (void)state;
    assert_string_equal(table_encode(&bpe, "t\xc3\xa9h", false), "t|\xc3|\xa9|h|");
    assert_string_equal(table_encode(&bpe, "t\xff", false), "t|\xff|"); /* no UTF-8 at all */
    assert_string_equal(table_encode(&bpe, "", false), "");
    assert_string_equal(table_encode(&bpe, "", true), BPE_MARK "|");
}

static void a_step_without_embedding_is_split_into_pieces_that_have_one(void **state)
{
    (void)state;
    const uint32_t kept = table.count;
    table_add(&table, "ther", 20);
    table_add(&table, "theri", 21);
    table_add(&table, "therin", 22);
    bpe_close(&bpe);
    assert_int_equal(open_table(kept), FOLD_OK);
    assert_string_equal(table_encode(&bpe, "ther", false), "the|r|");
    /* the steps are gone through: "in" is joined before "theri" could be */
    assert_string_equal(table_encode(&bpe, "therin", false), "the|r|in|");
}

static void long_words_lose_nothing(void **state)
{
    char word[1201], back[1300];
    uint32_t pieces[1300];
    size_t length = 0;
    (void)state;
    for (size_t i = 0; i + 1 < sizeof word; i++)
        word[i] = "theinre"[(i * i + i / 7) % 7];
    word[sizeof word - 1] = '\0';
    const size_t count = bpe_encode(&bpe, word, strlen(word), false, pieces);
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        const char *text = bpe_text(&bpe, pieces[i], &bytes);
        memcpy(back + length, text, bytes);
        length += bytes;
    }
    assert_int_equal(length, strlen(word));
    assert_memory_equal(back, word, length);
}

static void tables_that_are_wrong_are_refused_with_a_reason(void **state)
{
    struct fold_note note;
    struct table good = table;
    struct bpe none;
    (void)state;
#define REFUSED(what, kept, reason)                                                                \
    do {                                                                                           \
        table = good;                                                                              \
        what;                                                                                      \
        assert_int_equal(bpe_open(&none, table.bytes, (size_t)good.offsets[good.count],            \
                                  table.offsets, table.ranks, table.count, kept, &note),           \
                         FOLD_ERR_FORMAT);                                                         \
        assert_non_null(strstr(note.text, reason));                                                \
    } while (0)
    const uint32_t all = good.count;
    REFUSED(, all + 1, "not possible");
    REFUSED(, 2, "not possible");
    REFUSED(, 100, "piece 100 is not one of 256 different bytes with an embedding");
    REFUSED(table.offsets[all] += 1, all, "do not span");
    REFUSED(table.offsets[0] = 1, all, "do not span");
    REFUSED(table.offsets[200] = -5, all, "0 to 64 bytes");
    REFUSED(table.ranks[1] = 7, all, "piece 1 must be a control piece");
    REFUSED(table.ranks[300] = BPE_RANK_CONTROL, all, "piece 300 must not be one");
    REFUSED(table.ranks[300] = -9, all, "piece 300 has no valid rank");
    REFUSED(table.ranks[300] = 4, all, "piece 300 has a rank that does not fit");
    REFUSED(table.bytes[good.offsets[300]] = 0xff, all, "piece 300 is not UTF-8");
    REFUSED(table.bytes[good.offsets[300]] = 'b', all, "has the text of another");
    REFUSED(table.bytes[good.offsets[20]] = 'b', all, "256 different bytes");
#undef REFUSED
    table = good;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_pair_of_lowest_rank_is_joined_first, make, release),
        cmocka_unit_test_setup_teardown(of_equal_pairs_the_left_one_is_joined_first, make, release),
        cmocka_unit_test_setup_teardown(what_is_no_piece_is_spelled_in_bytes_that_never_merge, make,
                                        release),
        cmocka_unit_test_setup_teardown(a_step_without_embedding_is_split_into_pieces_that_have_one,
                                        make, release),
        cmocka_unit_test_setup_teardown(long_words_lose_nothing, make, release),
        cmocka_unit_test_setup_teardown(tables_that_are_wrong_are_refused_with_a_reason, make,
                                        release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
