#include <string.h>

#include "ring.h"
#include "test.h"

static void bytes_come_out_as_they_went_in_however_cut(void **state)
{
    struct ring ring = {0};
    uint8_t in[256], out[256];
    uint8_t next_in = 0, next_out = 0;

    for (size_t round = 0; round < 5000; round++) {
        const size_t now = (round * 89) % 256, want = (round * 57) % 256;
        for (size_t i = 0; i < now; i++)
            in[i] = next_in++;
        assert_int_equal(ring_push(&ring, in, now), 0);
        const size_t got = ring_pull(&ring, out, want);
        assert_true(got <= want);
        for (size_t i = 0; i < got; i++)
            assert_int_equal(out[i], next_out++);
    }
    while (ring.count) {
        const size_t got = ring_pull(&ring, out, sizeof(out));
        for (size_t i = 0; i < got; i++)
            assert_int_equal(out[i], next_out++);
    }
    assert_int_equal(next_in, next_out);
    ring_finish(&ring);
}

static void an_empty_ring_holds_no_memory(void **state)
{
    struct ring ring = {0};
    uint8_t bytes[100] = {0};

    assert_int_equal(ring_pull(&ring, bytes, 10), 0);
    assert_int_equal(ring_push(&ring, bytes, 0), 0);
    assert_null(ring.bytes);
    assert_int_equal(ring_push(&ring, bytes, 100), 0);
    assert_int_equal(ring_pull(&ring, bytes, 1000), 100);
    assert_null(ring.bytes);
}

static void impossible_sizes_are_refused(void **state)
{
    struct ring ring = {0};
    uint8_t byte = 7;

    assert_int_equal(ring_push(&ring, &byte, 1), 0);
    assert_int_equal(ring_push(&ring, &byte, SIZE_MAX), -1);
    assert_int_equal(ring_push(&ring, &byte, SIZE_MAX - 1), -1);
    assert_int_equal(ring.count, 1);
    ring_finish(&ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_as_they_went_in_however_cut),
        cmocka_unit_test(an_empty_ring_holds_no_memory),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
