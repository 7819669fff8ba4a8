#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int notify_send(const char *state)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    const size_t length = path ? strlen(path) : 0;

    if (!length)
        return 0;
    if (length >= sizeof to.sun_path || (*path != '/' && *path != '@')) {
        errno = EINVAL;
        return -1;
    }
    memcpy(to.sun_path, path, length);
    if (*path == '@') /* a name of the abstract namespace */
        to.sun_path[0] = '\0';
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const size_t address = offsetof(struct sockaddr_un, sun_path) + length;
    const ssize_t sent =
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, (socklen_t)address);
    const int error = errno;
    close(fd);
    errno = error;
    return sent < 0 ? -1 : 0;
}
