#include <stdlib.h>

#include "pauses.h"
#include "test.h"

#define RATE 16000

static float pcm[60 * RATE];

/* Noise from begin to end, in ms, so loud. */
static void fill(unsigned begin_ms, unsigned end_ms, float loud)
{
    static unsigned seed = 1;
    for (size_t i = (size_t)begin_ms * 16; i < (size_t)end_ms * 16; i++) {
        seed = seed * 1664525u + 1013904223u;
        pcm[i] = loud * ((float)(seed >> 8) / 8388608.0f - 1);
    }
}

static void what_is_short_enough_is_not_cut(void **state)
{
    bool pause = false;
    fill(0, 60000, 0.1f);
    assert_int_equal(pauses_cut(pcm, 20 * RATE, 20 * RATE, RATE, &pause), 20 * RATE);
    assert_true(pause);
    assert_int_equal(pauses_cut(pcm, 0, 20 * RATE, RATE, &pause), 0);
}

static void the_longest_pause_is_cut_in_its_middle_whatever_the_noise(void **state)
{
    static const float floors[] = {0, 1e-4f, 3e-3f};
    for (size_t i = 0; i < sizeof floors / sizeof *floors; i++) {
        bool pause = false;
        fill(0, 60000, 0.1f);
        fill(2000, 4000, floors[i]);   /* too early */
        fill(9000, 9300, floors[i]);   /* short */
        fill(12000, 12600, floors[i]); /* the longest */
        fill(18000, 18150, floors[i]); /* a stop within a word */
        const size_t cut = pauses_cut(pcm, 60 * RATE, 20 * RATE, RATE, &pause);
        assert_true(pause);
        assert_in_range(cut, 12200 * 16, 12400 * 16);
    }
}

static void without_a_pause_it_is_as_long_as_it_may_be(void **state)
{
    bool pause = true;
    fill(0, 60000, 0.1f);
    assert_int_equal(pauses_cut(pcm, 60 * RATE, 20 * RATE, RATE, &pause), 20 * RATE);
    assert_false(pause);
    fill(0, 60000, 0); /* hours of nothing go in pieces, too */
    const size_t cut = pauses_cut(pcm, 60 * RATE, 20 * RATE, RATE, &pause);
    assert_true(cut > 0 && cut <= 20 * RATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_short_enough_is_not_cut),
        cmocka_unit_test(the_longest_pause_is_cut_in_its_middle_whatever_the_noise),
        cmocka_unit_test(without_a_pause_it_is_as_long_as_it_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
