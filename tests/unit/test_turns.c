#include <string.h>

#include "test.h"
#include "turns.h"

static const struct result_word words[] = {{"One", 0, 0, 1}, {"two", 0, 0, 1}};

static void the_open_turn_is_the_last_uncommitted(void **state)
{
    struct turns turns;

    turns_init(&turns);
    struct turn *first = turns_open(&turns);
    assert_ptr_equal(turns_open(&turns), first);
    first->is_committed = true;
    struct turn *second = turns_open(&turns);
    assert_ptr_not_equal(second, first);
    assert_string_not_equal(second->id, first->id);
    assert_int_equal(strncmp(second->id, "item_", 5), 0);
    turns.speaking = second;
    turns_drop_open(&turns);
    assert_null(turns.speaking);
    assert_ptr_equal(turns.first, first);
    turns_drop_open(&turns);
    assert_ptr_equal(turns.first, first);
    second = turns_add(&turns);
    assert_ptr_equal(first->next, second);
    turns_finish(&turns);
}

static void text_grows_by_what_is_new(void **state)
{
    const struct result_segment both = {.words = words, .words_count = 2},
                                none = {.words_count = 0};
    struct turns turns;

    turns_init(&turns);
    struct turn *turn = turns_add(&turns);
    assert_null(turns_say(turn, &none));
    char *delta = turns_say(turn, &both);
    assert_string_equal(delta, "One two");
    free(delta);
    delta = turns_say(turn, &both);
    assert_string_equal(delta, " One two");
    free(delta);
    assert_string_equal(turn->text, "One two One two");
    turns_keep(turn, &both);
    turns_keep(turn, &both);
    assert_int_equal(turn->words_count, 4);
    assert_string_equal(turn->words[3].text, "two");
    turns_finish(&turns);
}

/* Words of a second each, from second `first` on; until the next call. */
static struct result_segment *speech(int first, const char *const texts[])
{
    static struct result_word list[8];
    static struct result_segment segment;
    size_t count = 0;

    for (; texts[count]; count++)
        list[count] = (struct result_word){texts[count], (first + (int64_t)count) * RESULT_RATE_HZ,
                                           (first + 1 + (int64_t)count) * RESULT_RATE_HZ, 1};
    segment = (struct result_segment){.start_samples = (int64_t)first * RESULT_RATE_HZ,
                                      .end_samples = (first + (int64_t)count) * RESULT_RATE_HZ,
                                      .words = list,
                                      .words_count = count};
    return &segment;
}

static void says(char *delta, const char *wanted)
{
    if (wanted)
        assert_string_equal(delta, wanted);
    else
        assert_null(delta);
    free(delta);
}

#define SPEECH(first, ...) speech(first, (const char *[]){__VA_ARGS__, NULL})

static void settled_words_are_told_once_and_the_rest_with_the_final(void **state)
{
    struct turns turns;

    turns_init(&turns);
    struct turn *turn = turns_add(&turns);
    says(turns_settle(turn, SPEECH(0, "It", "was", "a")), NULL); /* heard once */
    says(turns_settle(turn, SPEECH(0, "It", "was", "a")), "It"); /* two words behind */
    says(turns_settle(turn, SPEECH(0, "It", "was", "the", "best")), " was");
    says(turns_settle(turn, SPEECH(0, "It", "was", "a", "best", "of")), NULL);
    says(turns_settle(turn, SPEECH(0, "It", "was", "a", "best", "of", "times")), " a best");
    says(turns_say(turn, SPEECH(0, "It", "was", "a", "best", "of", "times.")), " of times.");
    assert_string_equal(turn->text, "It was a best of times.");
    /* The next segment of the turn begins anew. */
    says(turns_settle(turn, SPEECH(6, "It", "was")), NULL);
    says(turns_say(turn, SPEECH(6, "It", "was")), " It was");
    assert_string_equal(turn->text, "It was a best of times. It was");
    turns_finish(&turns);
}

static void words_without_a_second_of_sound_behind_them_are_not_told(void **state)
{
    struct turns turns;
    struct result_segment segment = *SPEECH(0, "one", "two", "three");

    turns_init(&turns);
    struct turn *turn = turns_add(&turns);
    segment.end_samples =
        2 * RESULT_RATE_HZ - 1; /* said fast: "one" ended less than a second ago */
    says(turns_settle(turn, &segment), NULL);
    says(turns_settle(turn, &segment), NULL);
    segment.end_samples++;
    says(turns_settle(turn, &segment), "one");
    turns_finish(&turns);
}

static void what_was_told_stands_and_the_text_is_the_finals(void **state)
{
    struct turns turns;

    turns_init(&turns);
    struct turn *turn = turns_add(&turns);
    says(turns_settle(turn, SPEECH(0, "two", "tone", "of", "coal")), NULL);
    says(turns_settle(turn, SPEECH(0, "two", "tone", "of", "coal")), "two tone");
    /* It changes its mind: nothing more until the final. */
    says(turns_settle(turn, SPEECH(0, "two", "tons", "of", "coal", "a")), NULL);
    says(turns_settle(turn, SPEECH(0, "two", "tons", "of", "coal", "a")), NULL);
    says(turns_say(turn, SPEECH(0, "two", "tons", "of", "coal.")), " of coal.");
    assert_string_equal(turn->text, "two tons of coal.");
    /* A final may be shorter than what was told. */
    says(turns_settle(turn, SPEECH(4, "a", "b", "c")), NULL);
    says(turns_settle(turn, SPEECH(4, "a", "b", "c")), " a");
    says(turns_say(turn, &(struct result_segment){.words_count = 0}), NULL);
    assert_string_equal(turn->text, "two tons of coal.");
    turns_finish(&turns);
}

static void recent_items_are_recalled_and_old_ones_forgotten(void **state)
{
    struct turns turns;
    char first[REALTIME_ID], last[REALTIME_ID];

    turns_init(&turns);
    for (int i = 0; i <= TURNS_RECENT; i++) {
        struct turn *turn = turns_add(&turns);
        strcpy(i ? last : first, turn->id);
        if (i == TURNS_RECENT)
            free(turns_say(turn, &(struct result_segment){.words = words, .words_count = 1}));
        turns_retire_first(&turns);
    }
    assert_null(turns.first);
    assert_null(turns_recall(&turns, first));
    assert_string_equal(turns_recall(&turns, last), "One");
    turns_forget(&turns, last);
    assert_null(turns_recall(&turns, last));
    assert_null(turns_recall(&turns, ""));
    turns_finish(&turns);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)

void *__libc_malloc(size_t size);
static long left = -1; /* allocations until the one that fails */

void *malloc(size_t size)
{
    return left >= 0 && left-- == 0 ? NULL : __libc_malloc(size);
}

static void words_that_are_lost_for_want_of_memory_are_not_passed_over(void **state)
{
    const struct result_word pair[] = {{.text = "One"}, {.text = "two"}};
    const struct result_segment segment = {.words = pair, .words_count = 2};
    size_t lost = 0;

    for (long n = 0; n < 8; n++) {
        struct turns turns;
        turns_init(&turns);
        struct turn *turn = turns_add(&turns);
        left = n;
        char *delta = turns_say(turn, &segment);
        left = -1;
        const bool whole = turn->text && strcmp(turn->text, "One two") == 0 && delta &&
                           strcmp(delta, "One two") == 0;
        assert_true(whole || turn->is_short);
        lost += turn->is_short;
        free(delta);
        turns_finish(&turns);
    }
    assert_true(lost > 0);
}

#define SCARCE cmocka_unit_test(words_that_are_lost_for_want_of_memory_are_not_passed_over),
#else
#define SCARCE
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_open_turn_is_the_last_uncommitted),
        cmocka_unit_test(text_grows_by_what_is_new),
        cmocka_unit_test(settled_words_are_told_once_and_the_rest_with_the_final),
        cmocka_unit_test(words_without_a_second_of_sound_behind_them_are_not_told),
        cmocka_unit_test(what_was_told_stands_and_the_text_is_the_finals),
        cmocka_unit_test(recent_items_are_recalled_and_old_ones_forgotten),
        SCARCE};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
