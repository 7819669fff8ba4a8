/* foldscribe-decode: containers and codecs of all the world, decoded where nothing can be broken
 * but one's own answer.
 *
 * It is started by the daemon (see wire.h), loads its libraries once, and forks for every recording
 * or stream, which costs a millisecond where loading costs fifty. A fork gives everything up
 * (sandbox.h) before it looks at the first byte, and ends with its parent, which ends with the
 * daemon. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "media.h"
#include "sandbox.h"

#define INPUT_FD     0 /* of a fork; of the parent: orders */
#define OUTPUT_FD    1
#define MEMORY_BYTES (1ull << 30) /* of address space; libraries take 200 MB of it */
#define CPU_S        3600         /* a stream may last for hours */

static uint64_t consumed; /* bytes of a stream */

/* ---- a fork --------------------------------------------------------------------------------- */

static void put(const void *bytes, size_t count)
{
    for (const char *at = bytes; count;) {
        const ssize_t put = write(OUTPUT_FD, at, count);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            _exit(0); /* nobody listens any more */
        at += put;
        count -= (size_t)put;
    }
}

static void put_part(enum wire_part part, uint8_t what, uint32_t count, const void *content,
                     size_t bytes)
{
    static uint8_t
        all[sizeof(struct wire_head) + sizeof(float) * WIRE_FRAMES_MAX * WIRE_CHANNELS_MAX];
    const struct wire_head head = {
        .magic = WIRE_MAGIC, .part = (uint8_t)part, .what = what, .count = count};

    memcpy(all, &head, sizeof(head));
    if (bytes)
        memcpy(all + sizeof(head), content, bytes);
    put(all, sizeof(head) + bytes);
}

static void put_text(enum wire_part part, uint8_t what, const char *text)
{
    put_part(part, what, (uint32_t)strlen(text), text, strlen(text));
}

static long read_file(void *user, uint8_t *bytes, size_t room)
{
    (void)user;
    return read(INPUT_FD, bytes, room);
}

static int64_t seek_file(void *user, int64_t offset, int whence)
{
    (void)user;
    if (whence & 0x10000) { /* AVSEEK_SIZE */
        const int64_t at = lseek(INPUT_FD, 0, SEEK_CUR), size = lseek(INPUT_FD, 0, SEEK_END);
        lseek(INPUT_FD, at, SEEK_SET);
        return size;
    }
    return lseek(INPUT_FD, offset, whence & 3);
}

/* Before it waits it says so: the daemon then knows that it has everything. */
static long read_stream(void *user, uint8_t *bytes, size_t room)
{
    ssize_t got = recv(INPUT_FD, bytes, room, MSG_DONTWAIT);

    (void)user;
    if (got < 0 && errno == EAGAIN) {
        put_part(WIRE_HUNGRY, 0, 1, &consumed, sizeof(consumed));
        do
            got = read(INPUT_FD, bytes, room);
        while (got < 0 && errno == EINTR);
    }
    if (got > 0)
        consumed += (uint64_t)got;
    return got;
}

static void put_format(void *user, const struct wire_format *format)
{
    (void)user;
    put_part(WIRE_FORMAT, 0, 1, format, sizeof(*format));
}

static void put_sound(void *user, const float *frames, size_t count, uint32_t channels)
{
    (void)user;
    put_part(WIRE_SOUND, (uint8_t)channels, (uint32_t)count, frames,
             sizeof(float) * count * channels);
}

static void put_note(void *user, const char *text)
{
    (void)user;
    put_text(WIRE_NOTE, 0, text);
}

__attribute__((noreturn)) static void decode(bool is_stream, pid_t parent)
{
    const struct sandbox_limits limits = {.memory_bytes = MEMORY_BYTES, .cpu_s = CPU_S};
    const struct media_io io = {.read = is_stream ? read_stream : read_file,
                                .seek = is_stream ? NULL : seek_file,
                                .format = put_format,
                                .sound = put_sound,
                                .note = put_note};
    struct media_failure failure;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    close_range(OUTPUT_FD + 2, ~0u, 0);
    if (sandbox_enter(&limits) < 0) {
        put_text(WIRE_ERROR, WIRE_BROKEN,
                 "the decoder cannot shut itself in: this system offers no seccomp filter");
        _exit(1);
    }
    if (media_decode(&io, &failure) < 0)
        put_text(WIRE_ERROR, (uint8_t)failure.what, failure.text);
    else
        put_part(WIRE_END, 0, 0, NULL, 0);
    _exit(0);
}

/* ---- the parent ----------------------------------------------------------------------------- */

#define ORDER_FDS 2
union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(ORDER_FDS * sizeof(int))];
};

/* 1: an order. 0: the daemon is gone. */
static int take_order(struct wire_order *ret_order, int ret_fds[ORDER_FDS])
{
    union control control;
    struct iovec bytes = {ret_order, sizeof(*ret_order)};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t got;

    do { /* a fork that ends interrupts it; till then it may be asked for by its number */
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        got = recvmsg(INPUT_FD, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    const struct cmsghdr *head =
        got == (ssize_t)sizeof(*ret_order) ? CMSG_FIRSTHDR(&message) : NULL;
    if (!head || head->cmsg_type != SCM_RIGHTS ||
        head->cmsg_len != CMSG_LEN(ORDER_FDS * sizeof(int)))
        return 0;
    memcpy(ret_fds, CMSG_DATA(head), ORDER_FDS * sizeof(int));
    return 1;
}

/* pidfd: -1 where there was no process. */
static void answer(const struct wire_order *order, int pidfd)
{
    union control control = {.bytes = {0}};
    struct iovec bytes = {(void *)order, sizeof(*order)};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

    if (pidfd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(sizeof(int));
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &pidfd, sizeof(int));
    }
    sendmsg(INPUT_FD, &message, MSG_NOSIGNAL);
}

static void serve(const struct wire_order *order, const int fds[ORDER_FDS])
{
    const pid_t parent = getpid(), child = fork();

    if (child == 0) {
        if (dup2(fds[0], INPUT_FD) < 0 || dup2(fds[1], OUTPUT_FD) < 0)
            _exit(1);
        decode(order->is_stream, parent);
    }
    const int pidfd = child > 0 ? pidfd_open(child, 0) : -1;
    if (child > 0 && pidfd < 0)
        kill(child, SIGKILL); /* nobody could stop it later */
    answer(order, pidfd);
    if (pidfd >= 0)
        close(pidfd);
    close(fds[0]);
    close(fds[1]);
}

static void on_end(int signal)
{
    (void)signal;
}

int main(int argc, char **argv)
{
    struct wire_order order;
    int fds[ORDER_FDS], type = 0;
    socklen_t size = sizeof(type);

    if (argc > 1 || getsockopt(INPUT_FD, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
        type != SOCK_SEQPACKET) {
        fprintf(stderr,
                "%s decodes sound for foldscribed, which starts it; see --decode-helper there.\n",
                argc ? argv[0] : "foldscribe-decode");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const struct sigaction interrupt = {.sa_handler = on_end}; /* no SA_RESTART */
    sigaction(SIGCHLD, &interrupt, NULL);
    if (media_prepare() < 0)
        return 1;
    while (take_order(&order, fds))
        serve(&order, fds);
    return 0;
}
