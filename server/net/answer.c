/* answer.c - see answer.h. */
#include "answer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "id.h"
#include "refusal.h"

#define WAIT_MS 1000

static const char *reason(int status)
{
    switch (status) {
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 426:
        return "Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    default:
        return "Bad Request";
    }
}

/* All of it, or as much as the client takes within WAIT_MS. */
static void send_all(int fd, const char *text, size_t count)
{
    for (int tries = 0; count && tries < 100; tries++) {
        const ssize_t n = send(fd, text, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            text += n;
            count -= (size_t)n;
            continue;
        }
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (n < 0 && errno == EINTR)
            continue;
        if ((n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) || poll(&room, 1, WAIT_MS) <= 0)
            return;
    }
}

void answer_send(int fd, int status, const char *id, const char *body, const char *extra)
{
    char *all = NULL;
    const char *text = body ? body
                            : "{\"error\":{\"message\":\"out of memory\",\"type\":"
                              "\"server_error\",\"param\":null,\"code\":null}}";
    const int n = asprintf(
        &all,
        "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
        "x-request-id: %s\r\nConnection: close\r\n%s%s\r\n%s",
        status, reason(status), strlen(text), id,
        status == 401 ? "WWW-Authenticate: Bearer realm=\"foldscribe\"\r\n" : "", extra, text);
    if (n > 0)
        send_all(fd, all, (size_t)n);
    free(n > 0 ? all : NULL);
    shutdown(fd, SHUT_WR);
    char rest[4096]; /* unread bytes would turn the close into a reset that eats the answer */
    for (int i = 0; i < 64 && recv(fd, rest, sizeof rest, MSG_DONTWAIT) > 0; i++)
        ;
    close(fd);
}

void answer_target(int fd, const char *target, int status, const char *message, const char *extra)
{
    const struct refusal refusal = {.status = status, .message = message};
    char id[ID_BYTES];
    id_make(id);
    char *body = refusal_body(target, id, &refusal), *lines;
    if (!refusal_is_deepgram(target) || asprintf(&lines, "dg-request-id: %s\r\n%s", id, extra) < 0)
        lines = NULL;
    answer_send(fd, status, id, body, lines ? lines : extra);
    free(lines);
    free(body);
}

void answer_refuse(int fd, int status, const char *message, const char *extra)
{
    answer_target(fd, NULL, status, message, extra);
}
