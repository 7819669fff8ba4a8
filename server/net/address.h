/* address.h - which addresses of the network may be asked for something on a client's behalf. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

#define ADDRESS_BLOCKS 32

struct address_list {
    bool is_public; /* whatever is reached over the internet, and is no block below */
    struct address_block {
        uint8_t bytes[16]; /* IPv4: the last four of ::ffff:0:0 */
        unsigned bits;     /* of 128 that must agree */
    } blocks[ADDRESS_BLOCKS];
    size_t count;
};

/* "public", addresses and blocks like 10.0.0.0/8 or fd00::/8, commas between; "": none. 0, or -1
 * with the entry that is none of these in ret_wrong [room]. */
int address_list_parse(struct address_list *ret_list, const char *text, char *ret_wrong,
                       size_t room);

/* IPv4 and IPv6; anything else is not allowed. */
bool address_is_allowed(const struct address_list *list, const struct sockaddr *address);

#endif
