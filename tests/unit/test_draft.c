#include "test.h"

#include <stdio.h>
#include <string.h>

#include "draft.h"
#include "table.h"

static struct table table;
static struct bpe bpe;
static struct draft draft;
static _Alignas(64) unsigned char memory[1 << 16];

static int make(void **state)
{
    (void)state;
    table_init(&table);
    struct arena measure = {NULL, 0}, at = {memory, 0};
    draft_allocate(&draft, &bpe, 40, &measure);
    assert_true(measure.used <= sizeof memory);
    draft_allocate(&draft, &bpe, 40, &at);
    return bpe_open(&bpe, table.bytes, (size_t)table.offsets[table.count], table.offsets,
                    table.ranks, table.count, table.count, NULL);
}

static int release(void **state)
{
    (void)state;
    bpe_close(&bpe);
    return 0;
}

/* What is guessed to follow, as text: a space where a word begins, "#" for the end. */
static const char *incremental(const char *written)
{
    static char text[512];
    uint32_t pieces[200];
    const size_t count = draft_follow(&draft, written, strlen(written), pieces, 200);
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        const char *piece = bpe_text(&bpe, pieces[i], &bytes);
        const bool mark = bytes == BPE_MARK_BYTES && memcmp(piece, BPE_MARK, bytes) == 0;
        if (pieces[i] == BPE_END || mark) {
            text[at++] = mark ? ' ' : '#';
        } else {
            memcpy(text + at, piece, bytes);
            at += bytes;
        }
    }
    text[at] = '\0';
    return text;
}

static void a_draft_is_guessed_from_its_begin(void **state)
{
    (void)state;
    draft_set(&draft, "The cat sat.");
    assert_string_equal(incremental(""), " The cat sat.#");
    assert_string_equal(incremental("The cat"), " sat.#");
}

static void a_word_in_hand_is_completed(void **state)
{
    (void)state;
    draft_set(&draft, "Captain Bill, he said");
    assert_string_equal(incremental("Ca"), "ptain Bill, he said.#");
    assert_string_equal(incremental("Captain Bill"), ", he said.#");
    assert_string_equal(incremental("Captain bill."), " He said.#"); /* a sentence begins */
}

static void after_another_word_it_goes_on_with_the_next(void **state)
{
    (void)state;
    draft_set(&draft, "he saw the gray cat");
    assert_string_equal(incremental("he saw the grey"), " cat.#");
    draft_set(&draft, "he saw ships at sea");
    assert_string_equal(incremental("he saw chip"), "s at sea.#");
}

static void left_out_and_added_words_do_not_lose_the_place(void **state)
{
    (void)state;
    draft_set(&draft, "one two three four five");
    assert_string_equal(incremental("one two three, and then fo"), "ur five.#");
    draft_set(&draft, "one two three four five");
    assert_string_equal(incremental("one fou"), "r five.#");
    draft_set(&draft, "twenty five of them");
    assert_string_equal(incremental("25 of"), " them.#");
}

static void a_sentence_ends_where_the_text_says_so(void **state)
{
    (void)state;
    draft_set(&draft, "It was. I went. Home");
    assert_string_equal(incremental("It was,"), " I went. Home.#");
    assert_string_equal(incremental("It was, I went,"), " home.#");
}

/* What the first pass hears has no marks; what was written has, or is followed by one. */
static void a_draft_without_a_last_mark_gets_one(void **state)
{
    (void)state;
    draft_set(&draft, "It was,");
    assert_string_equal(incremental("It"), " was,#");
    draft_set(&draft, "it was");
    assert_string_equal(incremental("It was."), "#");
    assert_string_equal(incremental("It was?"), "#");
    assert_string_equal(incremental("It was,"), ".#");
}

static void shouted_drafts_are_lowered(void **state)
{
    (void)state;
    draft_set(&draft, "WELL I'M A CAT");
    assert_string_equal(incremental(""), " Well I'm a cat.#");
}

static void no_draft_gives_no_guess(void **state)
{
    (void)state;
    draft_set(&draft, NULL);
    assert_string_equal(incremental(""), "");
    draft_set(&draft, "  ");
    assert_string_equal(incremental("so"), "");
}

static void longer_drafts_than_fit_are_cut(void **state)
{
    char text[4000];
    uint32_t pieces[8];
    (void)state;
    memset(text, 'a', sizeof text);
    for (size_t i = 7; i < sizeof text; i += 8)
        text[i] = ' ';
    text[sizeof text - 1] = '\0';
    draft_set(&draft, text);
    assert_int_equal(draft.count, 40);
    assert_int_equal(draft_follow(&draft, "", 0, pieces, 8), 8);
    assert_int_equal(draft_follow(&draft, "", 0, pieces, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_is_guessed_from_its_begin),
        cmocka_unit_test(a_word_in_hand_is_completed),
        cmocka_unit_test(after_another_word_it_goes_on_with_the_next),
        cmocka_unit_test(left_out_and_added_words_do_not_lose_the_place),
        cmocka_unit_test(a_sentence_ends_where_the_text_says_so),
        cmocka_unit_test(a_draft_without_a_last_mark_gets_one),
        cmocka_unit_test(shouted_drafts_are_lowered),
        cmocka_unit_test(no_draft_gives_no_guess),
        cmocka_unit_test(longer_drafts_than_fit_are_cut),
    };
    return cmocka_run_group_tests(tests, make, release);
}
