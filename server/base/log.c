/* log.c - see log.h. A line is written by one call, so that threads do not mix. */
#include "log.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

static const struct log_format plain = {.least = LOG_INFO};
static const struct log_format *format = &plain; /* of whoever set it: the daemon */

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

struct log_format log_format(enum log_level least, bool json)
{
    return (struct log_format){least, json, journal_reads()};
}

void log_use(const struct log_format *chosen)
{
    format = chosen ? chosen : &plain;
}

/* text in quotes, as JSON has it; for_json: what is below a blank by its code, else as a blank. */
static void quote(FILE *out, const char *text, bool for_json)
{
    fputc('"', out);
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fputc('\\', out);
        if (c >= 32 && c != 127)
            fputc(c, out);
        else if (for_json)
            fprintf(out, "\\u%04x", c);
        else
            fputc(' ', out);
    }
    fputc('"', out);
}

/* Can it stand without quotes, and nobody would take it for something else? */
static bool is_bare(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if ((unsigned char)*text <= ' ' || *text == '"' || *text == '=' || *text == '\\' ||
            *text == 127)
            return false;
    return true;
}

static void write_value(FILE *out, const struct log_field *field)
{
    switch (field->kind) {
    case LOG_TEXT:
        if (!format->json && is_bare(field->text))
            fputs(field->text, out);
        else
            quote(out, field->text, format->json);
        break;
    case LOG_COUNT:
        fprintf(out, "%lld", field->count);
        break;
    case LOG_REAL:
        if (isfinite(field->real))
            fprintf(out, "%.*f", field->decimals, field->real);
        else
            fputs("null", out);
        break;
    }
}

/* The time or the priority, and the event. */
static void write_head(FILE *out, enum log_level level, const char *event)
{
    char when[CLOCK_UTC_BYTES];
    clock_utc(when);
    if (format->json)
        fprintf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", when, names[level],
                event);
    else if (format->for_journal)
        fprintf(out, "<%d>%s", (int)level, event);
    else
        fprintf(out, "%s %s%s%s", when, level == LOG_INFO ? "" : names[level],
                level == LOG_INFO ? "" : ": ", event);
}

void log_line(enum log_level level, const char *event, const struct log_field *fields, size_t count)
{
    char *line = NULL;
    size_t length = 0;
    if (level > format->least)
        return;
    FILE *out = open_memstream(&line, &length);
    if (!out)
        return;
    write_head(out, level, event);
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].name)
            continue;
        fprintf(out, format->json ? ",\"%s\":" : " %s=", fields[i].name);
        write_value(out, &fields[i]);
    }
    fputs(format->json ? "}\n" : "\n", out);
    if (fclose(out) == 0)
        fputs(line, stderr);
    free(line);
}
