#include "packet.h"

#include <stdlib.h>
#include <string.h>

int packet_open(struct packet *packet)
{
    *packet = (struct packet){.bytes = malloc(2 + PACKET_MOST)};
    return packet->bytes ? 0 : -1;
}

void packet_close(struct packet *packet)
{
    free(packet->bytes);
    packet->bytes = NULL;
}

enum packet_state packet_add(struct packet *packet, const uint8_t *bytes, size_t count, bool last,
                             size_t *ret_count)
{
    if (packet->count + count > PACKET_MOST)
        return PACKET_TOO_LONG;
    if (count)
        memcpy(packet->bytes + 2 + packet->count, bytes, count);
    packet->count += count;
    if (!last)
        return PACKET_PART;
    packet->bytes[0] = (uint8_t)(packet->count & 255);
    packet->bytes[1] = (uint8_t)(packet->count >> 8);
    *ret_count = 2 + packet->count;
    packet->count = 0;
    return PACKET_WHOLE;
}
