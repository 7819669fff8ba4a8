#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"

/* 0, or -1 with errno; 0 there: the file is shorter than it was. */
static int read_whole(int fd, unsigned char *to, size_t count)
{
    for (size_t at = 0; at < count;) {
        const ssize_t n = read(fd, to + at, count - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = 0;
        if (n <= 0)
            return -1;
        at += (size_t)n;
    }
    return 0;
}

int mapping_open(const unsigned char **ret_bytes, size_t *ret_count, const char *path,
                 struct fold_note *note)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int err = err_note(FOLD_ERR_IO, note, "%.180s: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return err;
    }
    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        close(fd);
        return err_note(FOLD_ERR_FORMAT, note, "%.180s: not a file, or empty", path);
    }
    const size_t count = (size_t)st.st_size;
    unsigned char *bytes =
        mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int err = FOLD_OK;
    if (bytes == MAP_FAILED) {
        err = err_note(FOLD_ERR_MEMORY, note, "%.180s: no memory for its %zu bytes", path, count);
    } else if (read_whole(fd, bytes, count) != 0) {
        err = err_note(FOLD_ERR_IO, note, "%.180s: %s", path,
                       errno ? strerror(errno) : "cut short while it was read");
        munmap(bytes, count);
    } else {
        mprotect(bytes, count, PROT_READ); /* only a safeguard */
        *ret_bytes = bytes;
        *ret_count = count;
    }
    close(fd);
    return err;
}

void mapping_close(const unsigned char *bytes, size_t count)
{
    munmap((void *)(uintptr_t)bytes, count);
}
