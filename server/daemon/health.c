#include "health.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 4

/* Host and port of "HOST:PORT" or "[HOST]:PORT". */
static int take_apart(const char *listen, char *host, size_t room, const char **ret_port)
{
    const char *colon = strrchr(listen, ':');
    size_t length = colon ? (size_t)(colon - listen) : 0;

    if (!colon || length >= room)
        return -1;
    *ret_port = colon + 1;
    if (length > 1 && listen[0] == '[' && listen[length - 1] == ']') {
        listen++;
        length -= 2;
    }
    snprintf(host, room, "%.*s", (int)length, listen);
    if (!*host || strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0)
        snprintf(host, room, "127.0.0.1");
    else if (strcmp(host, "::") == 0)
        snprintf(host, room, "::1");
    return 0;
}

static int connect_to(const char *host, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval patience = {PATIENCE_S, 0};
    struct addrinfo *found = NULL;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &found) != 0) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
                        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
                        connect(fd, at->ai_addr, at->ai_addrlen) != 0)) {
            const int error = errno;
            close(fd);
            errno = error;
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

int health_ask(const char *listen, char *ret_problem, unsigned room)
{
    static const char question[] =
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    char host[256], answer[16] = "";
    const char *port;

    if (take_apart(listen, host, sizeof host, &port) != 0) {
        snprintf(ret_problem, room, "%.200s is no ADDRESS:PORT", listen);
        return -1;
    }
    const int fd = connect_to(host, port);
    size_t got = 0;
    ssize_t n = fd < 0 ? -1 : send(fd, question, sizeof question - 1, MSG_NOSIGNAL);
    while (n > 0 && got < 12) {
        n = recv(fd, answer + got, 12 - got, 0);
        got += n > 0 ? (size_t)n : 0;
    }
    snprintf(ret_problem, room, "%.200s port %.20s: %s", host, port,
             n < 0     ? strerror(errno)
             : *answer ? answer
                       : "no answer");
    if (fd >= 0)
        close(fd);
    return strcmp(answer, "HTTP/1.1 200") == 0 ? 0 : -1;
}
