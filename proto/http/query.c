#include "query.h"

#include <string.h>

#include "percent.h"

/* Decodes until one of stop or the end; returns where it stopped. */
static const char *decode(const char *at, const char *stop, char *to, size_t room)
{
    size_t n = 0;

    while (*at && !strchr(stop, *at)) {
        const int byte = percent_byte(at);
        const char c = byte >= 0 ? (char)byte : *at == '+' ? ' ' : *at;
        at += byte >= 0 ? 3 : 1;
        if (n + 1 < room && c)
            to[n++] = c;
    }
    to[n] = '\0';
    return at;
}

const char *query_of(const char *target)
{
    return target + strcspn(target, "?");
}

bool query_next(const char **at, char *ret_key, size_t key_room, char *ret_value, size_t value_room)
{
    while (**at == '&' || **at == '?')
        ++*at;
    if (!**at)
        return false;
    *at = decode(*at, "=&", ret_key, key_room);
    ret_value[0] = '\0';
    if (**at == '=')
        *at = decode(*at + 1, "&", ret_value, value_room);
    return true;
}
