#pragma once

/*
 * Logging: one line per event, to stderr
 *
 * Under the journal (JOURNAL_STREAM names our stderr) a line starts with its priority, "<4>";
 * elsewhere with a time. Values that come from outside are passed through utf8_escape() for
 * the caller: a log line can never hold a newline or a terminal escape of somebody else's.
 * Library code (lib/, cache/) does not log.
 */

#include <stdbool.h>
#include <syslog.h>

typedef enum LogLevel {
        LOG_LEVEL_ERROR = LOG_ERR,
        LOG_LEVEL_WARNING = LOG_WARNING,
        LOG_LEVEL_NOTICE = LOG_NOTICE,
        LOG_LEVEL_INFO = LOG_INFO,
        LOG_LEVEL_DEBUG = LOG_DEBUG,
} LogLevel;

void log_open(LogLevel max);                              /* call once; default is LOG_LEVEL_INFO */
int log_level_from_name(const char *name, LogLevel *ret); /* "warning"; -EINVAL */
bool log_enabled(LogLevel level);
void log_line(LogLevel level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
        do {                                                                                       \
                if (log_enabled(LOG_LEVEL_DEBUG))                                                  \
                        log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                                    \
        } while (0)
