#include "test.h"

#include <string.h>

#include "packet.h"

static void a_message_in_pieces_is_one_packet_behind_its_length(void **state)
{
    static const uint8_t sound[300] = {1, 2, 3};
    struct packet packet;
    size_t count = 0;

    assert_int_equal(packet_open(&packet), 0);
    assert_int_equal(packet_add(&packet, sound, 100, false, &count), PACKET_PART);
    assert_int_equal(packet_add(&packet, sound, 200, true, &count), PACKET_WHOLE);
    assert_int_equal(count, 302);
    assert_int_equal(packet.bytes[0] | packet.bytes[1] << 8, 300);
    assert_memory_equal(packet.bytes + 102, sound, 200);
    assert_int_equal(packet_add(&packet, NULL, 0, true, &count), PACKET_WHOLE);
    assert_int_equal(count, 2);
    packet_close(&packet);
}

static void what_is_longer_than_a_length_can_say_is_none(void **state)
{
    static const uint8_t sound[PACKET_MOST];
    struct packet packet;
    size_t count = 0;

    assert_int_equal(packet_open(&packet), 0);
    assert_int_equal(packet_add(&packet, sound, sizeof sound, false, &count), PACKET_PART);
    assert_int_equal(packet_add(&packet, sound, 1, true, &count), PACKET_TOO_LONG);
    packet_close(&packet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_in_pieces_is_one_packet_behind_its_length),
        cmocka_unit_test(what_is_longer_than_a_length_can_say_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
