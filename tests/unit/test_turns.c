#include <string.h>

#include "test.h"
#include "turns.h"

static const struct update_word words[] = {{"One", 0, 0, 1}, {"two", 0, 0, 1}};

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
    const struct update_span both = {.words = words, .words_count = 2}, none = {.words_count = 0};
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

static void recent_items_are_recalled_and_old_ones_forgotten(void **state)
{
    struct turns turns;
    char first[REALTIME_ID], last[REALTIME_ID];

    turns_init(&turns);
    for (int i = 0; i <= TURNS_RECENT; i++) {
        struct turn *turn = turns_add(&turns);
        strcpy(i ? last : first, turn->id);
        if (i == TURNS_RECENT)
            free(turns_say(turn, &(struct update_span){.words = words, .words_count = 1}));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_open_turn_is_the_last_uncommitted),
        cmocka_unit_test(text_grows_by_what_is_new),
        cmocka_unit_test(recent_items_are_recalled_and_old_ones_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
