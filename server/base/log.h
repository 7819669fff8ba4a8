/* log.h - one line per event on standard error. Text is "event key=value ...": for journald behind
 * a priority "<6>", with the time left to it; for anybody else behind the time and, where it is not
 * info, the level. Or a JSON object with a member for each pair. Any thread. Never audio; never
 * transcripts. */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

/* Before any thread starts. Whether journald reads text is asked of JOURNAL_STREAM. */
void log_setup(enum log_level least, bool json);

/* event: short, static. format: printf's, of " key=value" pairs separated by spaces; values hold
 * no spaces unless quoted. */
void log_line(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(...)   log_line(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_line(LOG_INFO, __VA_ARGS__)

#endif
