/* main.c - foldscribed. */
#include <stdio.h>

#include "daemon.h"
#include "fold.h"
#include "health.h"
#include "restart.h"

int main(int argc, char **argv)
{
    struct options options;
    char problem[300];
    restart_for_blas(argv);
    switch (options_read(&options, argc, argv)) {
    case OPTIONS_EXIT:
        return 0;
    case OPTIONS_BAD:
        return 2;
    case OPTIONS_HEALTH:
        if (health_ask(options.listen, problem, sizeof problem) == 0)
            return 0;
        fprintf(stderr, "foldscribed: --health: %s\n", problem);
        return 1;
    case OPTIONS_RUN:
        break;
    }
    return daemon_run(&options);
}
