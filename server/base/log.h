/* log.h - one line per event on standard error. Text is "event key=value ...": for journald behind
 * a priority "<6>", with the time left to it; for anybody else behind the time and, where it is not
 * info, the level. Or a JSON object with a member for each pair. Any thread. Never audio; never
 * transcripts. */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

/* What lines look like, and which are written. */
struct log_format {
    enum log_level least; /* severe lines have the lower numbers */
    bool json;
    bool for_journal; /* text is read by journald */
};
/* for_journal: as JOURNAL_STREAM says. */
struct log_format log_format(enum log_level least, bool json);
/* Lines have that format from now on; it is the caller's, and outlives their last. NULL: text, from
 * LOG_INFO on, as before the first call. While no other thread runs. */
void log_use(const struct log_format *format);

/* What is said beside the event. Names are static, of lower-case letters, digits and _. */
struct log_field {
    const char *name; /* NULL: there is none */
    enum { LOG_TEXT, LOG_COUNT, LOG_REAL } kind;
    const char *text; /* anything: it is quoted where that is needed; borrowed for the call */
    long long count;
    double real;
    int decimals;
};

static inline struct log_field log_text(const char *name, const char *text)
{
    return (struct log_field){.name = name, .kind = LOG_TEXT, .text = text};
}

/* text, if there is any. */
static inline struct log_field log_word(const char *name, const char *text)
{
    return (struct log_field){.name = *text ? name : NULL, .kind = LOG_TEXT, .text = text};
}

static inline struct log_field log_count(const char *name, long long count)
{
    return (struct log_field){.name = name, .kind = LOG_COUNT, .count = count};
}

static inline struct log_field log_real(const char *name, double real, int decimals)
{
    return (struct log_field){.name = name, .kind = LOG_REAL, .real = real, .decimals = decimals};
}

/* For an event that says it all. */
static inline struct log_field log_none(void)
{
    return (struct log_field){.name = NULL};
}

/* event: short, static. fields [count]. */
void log_line(enum log_level level, const char *event, const struct log_field *fields,
              size_t count);

#define LOG_FIELDS(...)                                                                            \
    (const struct log_field[]){__VA_ARGS__},                                                       \
        sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)

#define log_error(event, ...)   log_line(LOG_ERROR, event, LOG_FIELDS(__VA_ARGS__))
#define log_warning(event, ...) log_line(LOG_WARNING, event, LOG_FIELDS(__VA_ARGS__))
#define log_info(event, ...)    log_line(LOG_INFO, event, LOG_FIELDS(__VA_ARGS__))

#endif
