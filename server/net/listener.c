/* listener.c - see listener.h. */
#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512

/* An address, or a name like localhost, whose IPv4 address is taken where it has one. */
static int parse_address(const char *text, struct sockaddr_storage *ret_address,
                         socklen_t *ret_length)
{
    char host[256];
    const char *colon = strrchr(text, ':');
    char *end;
    const long port = colon ? strtol(colon + 1, &end, 10) : -1;
    if (!colon || end == colon + 1 || *end || port < 0 || port > 65535 ||
        (size_t)(colon - text) >= sizeof host)
        return -1;
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    memset(ret_address, 0, sizeof *ret_address);
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_address;
    if (inet_pton(AF_INET, *host ? host : "0.0.0.0", &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *ret_length = sizeof *v4;
        return 0;
    }
    const size_t n = strlen(host);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1) {
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons((uint16_t)port);
            *ret_length = sizeof *v6;
            return 0;
        }
        host[n - 1] = ']';
    }
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL, *best;
    if (strpbrk(host, "[]:") || getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return -1;
    for (best = found; best->ai_next && best->ai_family != AF_INET; best = best->ai_next)
        ;
    if (best->ai_family != AF_INET)
        best = found;
    memcpy(ret_address, best->ai_addr, best->ai_addrlen);
    *ret_length = best->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

/* Who and where it became, from its address. */
static void name(struct listener *l, const struct sockaddr_storage *address, socklen_t length)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
    const bool is_v6 = address->ss_family == AF_INET6;
    char host[64] = "";

    l->is_local =
        is_v6 ? IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) : ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    l->port = ntohs(is_v6 ? v6->sin6_port : v4->sin_port);
    getnameinfo((const struct sockaddr *)address, length, host, sizeof host, NULL, 0,
                NI_NUMERICHOST);
    snprintf(l->address, sizeof l->address, is_v6 ? "[%s]:%u" : "%s:%u", host, l->port);
}

int listener_open(struct listener *ret_listener, const char *setting, const char *where,
                  char *ret_problem, unsigned room)
{
    struct sockaddr_storage address;
    socklen_t length;
    const int one = 1;
    if (parse_address(where, &address, &length) != 0) {
        snprintf(ret_problem, room,
                 "%s %.200s: expected ADDRESS:PORT, like 127.0.0.1:8080, localhost:8080 or "
                 "[::1]:8080",
                 setting, where);
        return -1;
    }
    const int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0) {
        snprintf(ret_problem, room, "cannot listen on %.200s: %s", where, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *ret_listener = (struct listener){.fd = fd};
    name(ret_listener, &address, length);
    return 0;
}
