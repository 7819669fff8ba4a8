#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "test.h"

static void be_patient(int fd)
{
    const struct timeval minute = {60, 0};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &minute, sizeof minute), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &minute, sizeof minute), 0);
}

void peer_pair(int *ret_ours, int *ret_theirs)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    be_patient(pair[0]);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    *ret_ours = pair[0];
    *ret_theirs = pair[1];
}

int peer_connect(unsigned port)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    be_patient(fd);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void peer_wait(int fd)
{
    be_patient(fd);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

void peer_write(int fd, const void *bytes, size_t count)
{
    for (const char *at = bytes; count;) {
        const ssize_t n = send(fd, at, count, MSG_NOSIGNAL);
        assert_true(n > 0);
        at += n;
        count -= (size_t)n;
    }
}

void peer_say(int fd, const char *text)
{
    peer_write(fd, text, strlen(text));
}

void peer_read(int fd, char *ret_text, size_t count)
{
    for (size_t at = 0; at < count;) {
        const ssize_t n = recv(fd, ret_text + at, count - at, 0);
        assert_true(n > 0);
        at += (size_t)n;
    }
    ret_text[count] = '\0';
}

size_t peer_read_head(int fd, char *ret_text, size_t room)
{
    size_t length = 0;

    do {
        assert_true(length + 2 <= room);
        peer_read(fd, ret_text + length++, 1);
    } while (length < 4 || memcmp(ret_text + length - 4, "\r\n\r\n", 4) != 0);
    return length;
}

int peer_read_answer(int fd, char *ret_head, size_t head_room, char *ret_body, size_t body_room)
{
    int status = 0;
    size_t bytes = 0;

    peer_read_head(fd, ret_head, head_room);
    const char *length = strcasestr(ret_head, "\r\nContent-Length:");
    assert_int_equal(sscanf(ret_head, "HTTP/1.1 %d", &status), 1);
    assert_non_null(length);
    assert_int_equal(sscanf(length + 17, "%zu", &bytes), 1);
    assert_true(bytes < body_room);
    peer_read(fd, ret_body, bytes);
    return status;
}

bool peer_is_over(int fd)
{
    char byte;
    const ssize_t n = recv(fd, &byte, 1, 0);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

bool peer_is_quiet(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void peer_send_frame(int fd, enum peer_opcode opcode, bool is_last, const void *bytes, size_t count)
{
    static const unsigned char mask[] = {0x12, 0x34, 0x56, 0x78};
    unsigned char *frame = malloc(count + 8), *at = frame;

    assert_non_null(frame);
    assert_true(count < 65536);
    *at++ = (unsigned char)(opcode | (is_last ? 0x80 : 0));
    *at++ = (unsigned char)(0x80 | (count < 126 ? count : 126));
    if (count >= 126) {
        *at++ = (unsigned char)(count >> 8);
        *at++ = (unsigned char)count;
    }
    memcpy(at, mask, 4);
    at += 4;
    for (size_t i = 0; i < count; i++)
        *at++ = ((const unsigned char *)bytes)[i] ^ mask[i % 4];
    peer_write(fd, frame, (size_t)(at - frame));
    free(frame);
}

enum peer_opcode peer_read_frame(int fd, char *ret_bytes, size_t room, size_t *ret_count)
{
    char head[9];

    peer_read(fd, head, 2);
    size_t count = (unsigned char)head[1];
    const int opcode = (unsigned char)head[0] & 15;
    assert_int_equal(head[0] & 0x80, 0x80); /* the last of its message */
    assert_true(count <= 126);              /* not masked, and not longer than 64 KiB */
    if (count == 126) {
        peer_read(fd, head, 2);
        count = (size_t)(unsigned char)head[0] << 8 | (unsigned char)head[1];
    }
    assert_true(count < room);
    peer_read(fd, ret_bytes, count);
    *ret_count = count;
    return (enum peer_opcode)opcode;
}
