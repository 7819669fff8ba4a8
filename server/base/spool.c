/* spool.c - see spool.h. */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

int spool_try(const char *folder)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        char path[600];
        snprintf(path, sizeof path, "%.500s/foldscribe-XXXXXX", folder);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
    }
    return fd;
}

int spool_open(const char *folder)
{
    const int fd = spool_try(folder);
    if (fd < 0)
        log_error("cannot spool", log_text("folder", folder), log_text("error", strerror(errno)));
    return fd;
}

int spool_write(int fd, const char *bytes, size_t count)
{
    while (count) {
        const ssize_t n = write(fd, bytes, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            log_error("cannot spool", log_text("error", strerror(errno)));
            return -1;
        }
        bytes += n;
        count -= (size_t)n;
    }
    return 0;
}

int spool_again(int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}
