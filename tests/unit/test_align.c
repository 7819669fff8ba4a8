#include "test.h"

#include <math.h>
#include <string.h>

#include "align.h"

#define V    5 /* blank, a, b, c, space */
#define MOST 60
static struct align align;
static _Alignas(64) unsigned char memory[1 << 16];
static float logp[MOST * V];

static int make(void **state)
{
    struct arena measure = {NULL, 0}, at = {memory, 0};
    (void)state;
    align_allocate(&align, MOST, &measure);
    assert_true(measure.used <= sizeof memory);
    align_allocate(&align, MOST, &at);
    return 0;
}

/* Frames that say the labels of path, "-ab" is blank, a, b, each with probability 0.8. */
static size_t say(const char *path)
{
    const size_t T = strlen(path);
    for (size_t t = 0; t < T; t++)
        for (size_t v = 0; v < V; v++)
            logp[t * V + v] = logf(path[t] == "-abc "[v] ? 0.8f : 0.05f);
    return T;
}

static void assert_times(size_t i, uint32_t first, uint32_t last)
{
    assert_int_equal(align.times[i].first, first);
    assert_int_equal(align.times[i].last, last);
}

static void symbols_lie_where_they_are_said(void **state)
{
    const uint32_t symbols[] = {1, 2, 4, 3};
    float path;
    (void)state;
    const size_t T = say("--aa-b--  -c-");
    assert_true(align_run(&align, logp, T, V, symbols, 4, &path));
    assert_float_equal(path, 13 * logf(0.8f), 1e-4f);
    assert_times(0, 2, 3);
    assert_times(1, 5, 5);
    assert_times(2, 8, 9);
    assert_times(3, 11, 11);
}

static void a_repeated_symbol_needs_a_blank_between(void **state)
{
    const uint32_t symbols[] = {1, 1};
    float path;
    (void)state;
    assert_true(align_run(&align, logp, say("aa-aa"), V, symbols, 2, &path));
    assert_times(0, 0, 1);
    assert_times(1, 3, 4);
    assert_false(align_run(&align, logp, say("aa"), V, symbols, 2, &path));
    assert_true(align_run(&align, logp, say("aaa"), V, symbols, 2, &path));
    assert_times(1, 2, 2);
}

static void more_symbols_than_frames_have_no_times(void **state)
{
    const uint32_t symbols[] = {1, 2, 3, 1, 2, 3};
    float path = 7;
    (void)state;
    assert_false(align_run(&align, logp, say("abcab"), V, symbols, 6, &path));
    assert_false(align_run(&align, logp, say("abcab"), V, symbols, 0, &path));
    assert_true(path == 7);
    assert_true(align_run(&align, logp, say("abcabc"), V, symbols, 6, &path));
}

static void an_unknown_spelling_takes_what_is_between_its_neighbours(void **state)
{
    const uint32_t symbols[] = {1, 4, ALIGN_ANY, 4, 2};
    float path;
    (void)state;
    assert_true(align_run(&align, logp, say("-a- cabca -b-"), V, symbols, 5, &path));
    assert_times(0, 1, 1);
    assert_true(align.times[2].first <= 4 && align.times[2].last >= 8);
    assert_times(4, 11, 11);
}

/* The best path, by trying every one. */
static float brute(size_t T, size_t t, size_t s, const uint32_t *symbols, size_t count)
{
    const size_t states = 2 * count + 1;
    const float here = logp[t * V + (s % 2 ? symbols[s / 2] : 0)];
    float best = -INFINITY;
    if (t + 1 == T)
        return s + 2 >= states ? here : -INFINITY;
    for (size_t next = s; next < states && next <= s + 2; next++)
        if (next < s + 2 || (next % 2 && symbols[next / 2] != symbols[next / 2 - 1]))
            best = fmaxf(best, brute(T, t + 1, next, symbols, count));
    return here + best;
}

static void no_path_is_better(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        uint32_t symbols[4];
        const size_t T = 4 + (size_t)rand() % 5, count = 1 + (size_t)rand() % 4;
        float path;
        for (size_t i = 0; i < count; i++)
            symbols[i] = 1 + (uint32_t)rand() % (V - 1);
        for (size_t i = 0; i < T * V; i++)
            logp[i] = logf(0.01f + (float)(rand() % 100) / 100);
        const float want = fmaxf(brute(T, 0, 0, symbols, count), brute(T, 0, 1, symbols, count));
        if (isfinite(want)) {
            assert_true(align_run(&align, logp, T, V, symbols, count, &path));
            assert_float_equal(path, want, 1e-3f);
        } else {
            assert_false(align_run(&align, logp, T, V, symbols, count, &path));
        }
    }
}

static void impossible_frames_are_no_path(void **state)
{
    const uint32_t symbols[] = {1};
    float path;
    (void)state;
    say("aa");
    for (size_t v = 0; v < V; v++)
        logp[V + v] = -INFINITY;
    assert_false(align_run(&align, logp, 2, V, symbols, 1, &path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(symbols_lie_where_they_are_said),
        cmocka_unit_test(a_repeated_symbol_needs_a_blank_between),
        cmocka_unit_test(more_symbols_than_frames_have_no_times),
        cmocka_unit_test(an_unknown_spelling_takes_what_is_between_its_neighbours),
        cmocka_unit_test(no_path_is_better),
        cmocka_unit_test(impossible_frames_are_no_path),
    };
    return cmocka_run_group_tests(tests, make, NULL);
}
