/* log.c - see log.h. A line is written by one call, so that threads do not mix. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum log_level threshold = LOG_INFO;
static bool as_json;

void log_setup(enum log_level least, bool json)
{
    threshold = least;
    as_json = json;
}

/* text as the inside of a JSON string. */
static void escape(char *to, size_t room, const char *text)
{
    size_t n = 0;
    for (; *text && n + 7 < room; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            to[n++] = '\\';
        if (c < 32)
            n += (size_t)snprintf(to + n, 7, "\\u%04x", c);
        else
            to[n++] = (char)c;
    }
    to[n] = '\0';
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    if (level > threshold)
        return;
    char detail[1024], escaped[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (as_json) {
        static const char *const names[] = {[LOG_ERROR] = "error",
                                            [LOG_WARNING] = "warning",
                                            [LOG_INFO] = "info",
                                            [LOG_DEBUG] = "debug"};
        escape(escaped, sizeof escaped, detail);
        fprintf(stderr, "{\"level\":\"%s\",\"event\":\"%s\",\"detail\":\"%s\"}\n", names[level],
                event, escaped);
        return;
    }
    for (char *c = detail; *c; c++)
        if ((unsigned char)*c < 32)
            *c = ' ';
    fprintf(stderr, "<%d>%s%s%s\n", (int)level, event, *detail ? " " : "", detail);
}
