/* reserve.c - memory that OpenBLAS takes when it multiplies, taken beforehand. Where the system
 * gives it none, OpenBLAS 0.3 asks again for ever, so it must not have to ask later. */
#include <stdlib.h>
#include <sys/mman.h>

#include "fold.h"

#define BUFFER_BYTES                                                                               \
    ((size_t)129 << 20) /* a buffer has up to 128 MiB, and less than a page more                   \
                         */

/* OpenBLAS' own, which its headers leave out: a buffer of its pool, and its way back. */
void *blas_memory_alloc(int for_thread);
void blas_memory_free(void *buffer);

int fold_reserve(uint32_t threads)
{
    void **buffers = calloc(threads, sizeof *buffers);
    uint32_t count = 0;
    if (!buffers)
        return FOLD_ERR_MEMORY;
    while (count < threads) {
        void *room = mmap(NULL, BUFFER_BYTES, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (room == MAP_FAILED)
            break;
        munmap(room, BUFFER_BYTES);
        buffers[count++] = blas_memory_alloc(1);
    }
    for (uint32_t i = 0; i < count; i++)
        blas_memory_free(buffers[i]);
    free(buffers);
    return count == threads ? FOLD_OK : FOLD_ERR_MEMORY;
}
