/* With a model made of tests/data/tiny-prose.txt when the tests are built. */
#include "punctuation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static struct fold_punctuation *prose;

static int open_prose(void **state)
{
    struct fold_note note = {{0}};
    (void)state;
    if (fold_punctuation_open(&prose, getenv("FOLDSCRIBE_TEST_PROSE"), &note) != FOLD_OK)
        fail_msg("%s", note.text);
    return 0;
}

static int close_prose(void **state)
{
    (void)state;
    fold_punctuation_close(prose);
    return 0;
}

/* Words of plain, separated by spaces, as they are written after state. */
static void written(struct fold_punctuation_state *state, const char *plain, bool at_pause,
                    char *to)
{
    char copy[400], *save = NULL;
    struct fold_punctuation_word words[60];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", plain);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        words[count++] = (struct fold_punctuation_word){.text = w, .pause_s = NAN};
    fold_punctuation_mark(prose, state, words, count, at_pause);
    *to = '\0';
    for (size_t i = 0; i < count; i++) {
        if (i)
            strcat(to, " ");
        to += strlen(to);
        const size_t length = fold_punctuation_write(prose, &words[i], to);
        assert_int_equal(length, strlen(to));
    }
}

static void is_written(const char *plain, const char *expected)
{
    struct fold_punctuation_state state = {0};
    char text[500];
    written(&state, plain, true, text);
    assert_string_equal(text, expected);
}

static void questions_lists_and_names_are_written_as_in_the_text_it_learned_from(void **state)
{
    (void)state;
    is_written("do you know peter", "Do you know Peter?");
    is_written("WHERE IS THE RED BOAT OF ANNA", "Where is the red boat of Anna?");
    is_written("i saw the boat the house and the old letter in london do you know anna",
               "I saw the boat, the house, and the old letter in London. Do you know Anna?");
    is_written("however peter has a small garden in paris",
               "However, Peter has a small garden in Paris.");
}

static void i_is_a_capital_wherever_it_stands(void **state)
{
    (void)state;
    is_written("however i'm in paris", "However, I'm in Paris.");
}

static void spellings_with_inner_capitals_are_those_of_the_file(void **state)
{
    (void)state;
    is_written("the bbc has written to mister mcgregor", "The BBC has written to Mister McGregor.");
}

static void what_goes_on_has_no_mark_and_no_capital_behind_it(void **state)
{
    struct fold_punctuation_state sentence = {0};
    char text[500];
    (void)state;
    written(&sentence, "where is the old", false, text);
    assert_string_equal(text, "Where is the old");
    written(&sentence, "house of anna", true, text);
    assert_string_equal(text, "house of Anna?");
    written(&sentence, "do you know london", true, text);
    assert_string_equal(text, "Do you know London?");
}

static void a_word_without_letters_it_knows_stays_whole(void **state)
{
    struct fold_punctuation_state sentence = {0};
    char text[500];
    (void)state;
    written(&sentence,
            "\xc3\xbc"
            "ber",
            true, text);
    assert_string_equal(text, "\xc3\xbc"
                              "ber.");
    fold_punctuation_mark(prose, &sentence, NULL, 0, true);
}

static void a_long_pause_speaks_for_a_mark(void **state)
{
    struct fold_punctuation_state a = {0}, b = {0};
    struct fold_punctuation_word words[] = {{.text = "boat"}, {.text = "peter"}};
    size_t marks[2] = {0};
    (void)state;
    /* Of all pairs of pauses, the longer never has fewer marks. */
    for (int tenths = 0; tenths < 40; tenths++) {
        words[0].pause_s = (float)tenths / 10;
        a = b;
        fold_punctuation_mark(prose, &a, words, 2, false);
        const size_t is = words[0].mark != 0;
        assert_true(is >= marks[0]);
        marks[0] = is;
    }
}

/* ---- files -------------------------------------------------------------------------------- */

static void refuse(unsigned char *file, size_t count, bool check_hash, const char *because)
{
    struct fold_punctuation p;
    struct fold_note note = {{0}};
    assert_int_equal(punctuation_parse(&p, file, count, check_hash, &note), FOLD_ERR_FORMAT);
    if (!strstr(note.text, because))
        fail_msg("\"%s\" does not say \"%s\"", note.text, because);
}

static void damaged_files_are_refused_with_the_reason(void **state)
{
    const size_t count = prose->bytes;
    unsigned char *file = aligned_alloc(64, (count + 63) / 64 * 64);
    struct punctuation_header *h = (struct punctuation_header *)(void *)file;
    (void)state;
    memcpy(file, prose->map, count);
    refuse(file, 40, true, "not a foldscribe text model");
    refuse(file, count - 1, true, "cut short");
    file[count / 2] ^= 1;
    refuse(file, count, true, "hash");
    file[count / 2] ^= 1;
    h->version = 7;
    refuse(file, count, true, "version 7");
    h->version = PUNCTUATION_VERSION;
    h->slots = 1000;
    refuse(file, count, true, "header");
    h->slots = prose->h.slots;
    h->step = NAN;
    refuse(file, count, true, "header");
    h->step = prose->h.step;
    file[count - 1] = 'x'; /* the last spelling does not end */
    refuse(file, count, false, "spelling");
    free(file);
    struct fold_note note = {{0}};
    struct fold_punctuation *none = NULL;
    assert_int_equal(fold_punctuation_open(&none, "/nowhere/x.prose", &note), FOLD_ERR_IO);
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions_lists_and_names_are_written_as_in_the_text_it_learned_from),
        cmocka_unit_test(i_is_a_capital_wherever_it_stands),
        cmocka_unit_test(spellings_with_inner_capitals_are_those_of_the_file),
        cmocka_unit_test(what_goes_on_has_no_mark_and_no_capital_behind_it),
        cmocka_unit_test(a_word_without_letters_it_knows_stays_whole),
        cmocka_unit_test(a_long_pause_speaks_for_a_mark),
        cmocka_unit_test(damaged_files_are_refused_with_the_reason),
    };
    return cmocka_run_group_tests(tests, open_prose, close_prose);
}
