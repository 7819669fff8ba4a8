/* log.c - see log.h. A line is written by one call, so that threads do not mix. */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

static enum log_level threshold = LOG_INFO;
static bool as_json, for_journal;

static const char *const names[] = {
    [LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

/* JOURNAL_STREAM is the device and inode of journald's end; children may have another one. */
static bool journal_reads(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;
    return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_setup(enum log_level least, bool json)
{
    threshold = least;
    as_json = json;
    for_journal = journal_reads();
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

/* Is text [length] a number as JSON has it? Then it needs no quotes. */
static bool is_number(const char *text, size_t length)
{
    size_t digits = 0, dots = 0;
    for (size_t i = text[0] == '-'; i < length; i++) {
        dots += text[i] == '.';
        digits += text[i] >= '0' && text[i] <= '9';
    }
    const size_t sign = text[0] == '-';
    return digits && dots <= 1 && digits + dots + sign == length && text[length - 1] != '.' &&
           text[sign] != '.' && !(text[sign] == '0' && length > sign + 1 && text[sign + 1] != '.');
}

/* Does a value in quotes end before this? It may hold quotes itself: what follows must be a pair.
 */
static bool is_end(const char *at)
{
    if (!*at)
        return true;
    const size_t key = *at == ' ' ? strspn(at + 1, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;
    return key && at[1 + key] == '=';
}

/* Adds the next of " key=value" or key="value with spaces" as a member; returns what follows it. */
static const char *add_member(FILE *out, const char *at)
{
    char text[1024], escaped[2048];
    at += strspn(at, " ");
    const size_t key = strcspn(at, "= ");
    if (at[key] != '=')
        return at + strlen(at);
    const char *value = at + key + 1;
    const bool quoted = *value == '"';
    value += quoted;
    size_t length = quoted ? 0 : strcspn(value, " ");
    while (quoted && value[length] && !(value[length] == '"' && is_end(value + length + 1)))
        length++;
    fprintf(out, ",\"%.*s\":", (int)key, at);
    snprintf(text, sizeof text, "%.*s", (int)length, value);
    escape(escaped, sizeof escaped, text);
    fprintf(out, !quoted && is_number(value, length) ? "%s" : "\"%s\"", escaped);
    return value + length + (quoted && value[length] == '"');
}

static void write_json(enum log_level level, const char *event, const char *detail)
{
    char *line = NULL, when[CLOCK_UTC_BYTES];
    size_t length = 0;
    FILE *out = open_memstream(&line, &length);
    if (!out)
        return;
    clock_utc(when);
    fprintf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", when, names[level], event);
    while (*detail)
        detail = add_member(out, detail);
    fputs("}\n", out);
    if (fclose(out) == 0)
        fputs(line, stderr);
    free(line);
}

void log_line(enum log_level level, const char *event, const char *format, ...)
{
    if (level > threshold)
        return;
    char detail[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    if (as_json) {
        write_json(level, event, detail);
        return;
    }
    for (char *c = detail; *c; c++)
        if ((unsigned char)*c < 32)
            *c = ' ';
    if (for_journal) {
        fprintf(stderr, "<%d>%s%s%s\n", (int)level, event, *detail ? " " : "", detail);
        return;
    }
    char when[CLOCK_UTC_BYTES];
    clock_utc(when);
    fprintf(stderr, "%s %s%s%s%s%s\n", when, level == LOG_INFO ? "" : names[level],
            level == LOG_INFO ? "" : ": ", event, *detail ? " " : "", detail);
}
