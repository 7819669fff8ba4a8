#include "mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "err.h"

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
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    int err = map == MAP_FAILED ? err_note(FOLD_ERR_IO, note, "%.180s: %s", path, strerror(errno))
                                : FOLD_OK;
    close(fd);
    if (!err) {
        *ret_bytes = map;
        *ret_count = (size_t)st.st_size;
    }
    return err;
}

void mapping_close(const unsigned char *bytes, size_t count)
{
    munmap((void *)(uintptr_t)bytes, count);
}
