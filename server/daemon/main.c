/* main.c - foldscribed. */
#include <stdio.h>
#include <string.h>

#include "daemon.h"
#include "fold.h"
#include "log.h"

int main(int argc, char **argv)
{
    struct options options;
    fold_cpu_prepare(argv);
    switch (options_read(&options, argc, argv)) {
    case OPTIONS_EXIT:
        return 0;
    case OPTIONS_BAD:
        return 2;
    case OPTIONS_RUN:
        break;
    }
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        {"error", LOG_ERROR}, {"warning", LOG_WARNING}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}};
    size_t level = 0;
    while (level < 4 && strcmp(levels[level].name, options.log_level) != 0)
        level++;
    const int json = strcmp(options.log_format, "json") == 0;
    if (level == 4 || (!json && strcmp(options.log_format, "text") != 0)) {
        fputs("foldscribed: --log-level must be error, warning, info or debug; --log-format text "
              "or json\n",
              stderr);
        return 2;
    }
    log_setup(levels[level].level, json);
    return daemon_run(&options);
}
