#include "test.h"

#include <string.h>

#include "frames.h"

/* Two frames, one of them long, and a ping. */
static size_t make(char *to)
{
    size_t n = 0;
    memcpy(to, "\x82\x83mask123\x81\xfe\x01\x00mask", 17);
    n = 17;
    memset(to + n, 'a', 256);
    n += 256;
    memcpy(to + n, "\x89\x80mask\x82\xff\0\0\0\0\0\0\0\x05mask12345", 25);
    return n + 25;
}

static void masked_frames_pass_wherever_they_are_cut(void **state)
{
    char bytes[512];
    const size_t count = make(bytes);
    bool bad;

    for (size_t cut = 0; cut <= count; cut++) {
        struct frames frames = {.left = 0};
        const size_t first = frames_take(&frames, bytes, cut, &bad);
        assert_false(bad);
        assert_true(first == cut || first + 1 == cut);
        assert_int_equal(frames_take(&frames, bytes + first, count - first, &bad), count - first);
        assert_false(bad);
    }
}

static void an_unmasked_frame_stops_before_its_first_byte(void **state)
{
    char bytes[512];
    const size_t count = make(bytes);
    struct frames frames = {.left = 0};
    bool bad;

    memcpy(bytes + count,
           "\x82\x03"
           "abc",
           5);
    assert_int_equal(frames_take(&frames, bytes, count + 5, &bad), count);
    assert_true(bad);
    frames = (struct frames){.left = 0};
    assert_int_equal(frames_take(&frames, "\x82", 1, &bad), 0);
    assert_false(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_frames_pass_wherever_they_are_cut),
        cmocka_unit_test(an_unmasked_frame_stops_before_its_first_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
