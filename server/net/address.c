/* address.c - see address.h. What is public is decided by what is not: IANA's registries of special
 * addresses. Of IPv6 only global unicast is public, without the parts that lead back to IPv4. */
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPPED_BITS 96 /* ::ffff:0:0/96 */

static const char *const special[] = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",
    "2001::/23",     "2001:db8::/32",   "2002::/16",      "3fff::/20",
};

static void map(uint8_t to[16], const uint8_t v4[4])
{
    memset(to, 0, 10);
    memset(to + 10, 0xff, 2);
    memcpy(to + 12, v4, 4);
}

static int parse_block(struct address_block *block, const char *text, size_t length)
{
    char address[64];
    const char *slash = memchr(text, '/', length);
    const size_t address_length = slash ? (size_t)(slash - text) : length;
    uint8_t v4[4];
    if (address_length >= sizeof address)
        return -1;
    memcpy(address, text, address_length);
    address[address_length] = '\0';
    const bool is_v4 = inet_pton(AF_INET, address, v4) == 1;
    if (is_v4)
        map(block->bytes, v4);
    else if (inet_pton(AF_INET6, address, block->bytes) != 1)
        return -1;
    const unsigned most = is_v4 ? 32 : 128;
    block->bits = 128;
    if (!slash)
        return 0;
    unsigned bits = 0;
    const char *at = slash + 1, *end = text + length;
    if (at == end || end - at > 3)
        return -1;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9')
            return -1;
        bits = 10 * bits + (unsigned)(*at - '0');
    }
    if (bits > most)
        return -1;
    block->bits = is_v4 ? MAPPED_BITS + bits : bits;
    return 0;
}

int address_list_parse(struct address_list *ret_list, const char *text, char *ret_wrong,
                       size_t room)
{
    struct address_list list = {.count = 0};
    while (*text) {
        text += strspn(text, ", ");
        const size_t length = strcspn(text, ", ");
        if (length == strlen("public") && strncmp(text, "public", length) == 0) {
            list.is_public = true;
        } else if (length) {
            if (list.count == ADDRESS_BLOCKS ||
                parse_block(&list.blocks[list.count], text, length) != 0) {
                snprintf(ret_wrong, room, "%.*s", (int)length, text);
                return -1;
            }
            list.count++;
        }
        text += length;
    }
    *ret_list = list;
    return 0;
}

static bool is_inside(const uint8_t bytes[16], const struct address_block *block)
{
    const size_t whole = block->bits / 8;
    const unsigned rest = block->bits % 8;
    return memcmp(bytes, block->bytes, whole) == 0 &&
           (!rest || (bytes[whole] ^ block->bytes[whole]) >> (8 - rest) == 0);
}

static bool is_public(const uint8_t bytes[16], bool is_v4)
{
    struct address_block block;
    if (!is_v4 && bytes[0] >> 5 != 1) /* 2000::/3 */
        return false;
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (parse_block(&block, special[i], strlen(special[i])) != 0 || is_inside(bytes, &block))
            return false;
    return true;
}

bool address_is_allowed(const struct address_list *list, const struct sockaddr *address)
{
    uint8_t bytes[16];
    const bool is_v4 = address->sa_family == AF_INET;
    if (is_v4)
        map(bytes, (const uint8_t *)&((const struct sockaddr_in *)address)->sin_addr);
    else if (address->sa_family == AF_INET6)
        memcpy(bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
    else
        return false;
    for (size_t i = 0; i < list->count; i++)
        if (is_inside(bytes, &list->blocks[i]))
            return true;
    return list->is_public && is_public(bytes, is_v4);
}
