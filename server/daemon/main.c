/* main.c - foldscribed. */
#include "daemon.h"
#include "fold.h"
#include "restart.h"

int main(int argc, char **argv)
{
    struct options options;
    restart_for_blas(argv);
    switch (options_read(&options, argc, argv)) {
    case OPTIONS_EXIT:
        return 0;
    case OPTIONS_BAD:
        return 2;
    case OPTIONS_RUN:
        break;
    }
    return daemon_run(&options);
}
