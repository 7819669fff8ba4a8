#include "restart.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fold.h"

void restart_for_blas(char **argv)
{
    const char *wanted = getenv("OPENBLAS_CORETYPE") ? NULL : fold_cpu_coretype();
    const char *threads = getenv("OPENBLAS_NUM_THREADS");
    if (!wanted && threads && strcmp(threads, "1") == 0)
        return;
    if (getenv("FOLDSCRIBE_RESTARTED"))
        return;
    setenv("FOLDSCRIBE_RESTARTED", "1", 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    if (wanted)
        setenv("OPENBLAS_CORETYPE", wanted, 1);
    /* By its own name, which the process then has; the link works where that is gone. */
    char path[4096];
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length > 0) {
        path[length] = '\0';
        execv(path, argv);
    }
    execv("/proc/self/exe", argv);
}
