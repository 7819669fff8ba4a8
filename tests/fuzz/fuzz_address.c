/* First a line, the addresses that may be fetched from; then 16 bytes, an address. What a list of
 * blocks allows is in one of them; what no list but "public" allows is no address of this network.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "pace.h"

const struct pace pace_limit = {0.05, 2e-6};

static bool allows(const struct address_list *list, const uint8_t bytes[16])
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};

    memcpy(&six.sin6_addr, bytes, 16);
    memcpy(&four.sin_addr, bytes + 12, 4);
    const bool as_six = address_is_allowed(list, (const struct sockaddr *)&six);
    if (IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) && as_six &&
        !address_is_allowed(list, (const struct sockaddr *)&four))
        abort();
    return as_six;
}

void pace_input(const uint8_t *bytes, size_t count)
{
    static const uint8_t loopback[16] = {[15] = 1}, zero[16];
    struct address_list list;
    char wrong[64] = "";
    const uint8_t *end = count ? memchr(bytes, '\n', count) : NULL;

    if (!end || count - (size_t)(end - bytes) < 17)
        return;
    char *text = strndup((const char *)bytes, (size_t)(end - bytes));
    if (!text)
        return;
    if (address_list_parse(&list, text, wrong, sizeof wrong) < 0) {
        if (strlen(wrong) >= sizeof wrong)
            abort();
    } else {
        if (list.count > ADDRESS_BLOCKS)
            abort();
        const bool is_allowed = allows(&list, end + 1);
        if (is_allowed && !list.count && !list.is_public)
            abort();
        list.count = 0;
        if (list.is_public && (allows(&list, loopback) || allows(&list, zero)))
            abort();
    }
    free(text);
}
