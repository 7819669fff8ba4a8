/* packet.h - a codec's packet, put together from the pieces of a WebSocket message, as the engine
 * takes it: behind its length. Service thread. */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MOST 65535

/* All zero: messages are no packets. */
struct packet {
    uint8_t *bytes; /* [2 + PACKET_MOST] */
    size_t count;   /* without the length */
};

/* 0, or -1 without memory. */
int packet_open(struct packet *packet);
void packet_close(struct packet *packet);

enum packet_state { PACKET_PART, PACKET_WHOLE, PACKET_TOO_LONG };
/* The next piece of a message [count]. PACKET_WHOLE: the first *ret_count of packet->bytes are for
 * the engine, until the next piece. */
enum packet_state packet_add(struct packet *packet, const uint8_t *bytes, size_t count, bool last,
                             size_t *ret_count);

#endif
