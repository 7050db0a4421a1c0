#pragma once

/*
 * Logging: one line per event, to stderr
 *
 * Under the journal (JOURNAL_STREAM names our stderr) a line starts with its priority, "<4>";
 * elsewhere with a time. Values that come from outside are passed through utf8_escape() for
 * the caller: a log line can never hold a newline or a terminal escape of somebody else's.
 * Library code (lib/, cache/) does not log.
 *
 * Events have fields besides: whoever set a sink gets them under the journal, anywhere else they are
 * lines like others.
 */

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h>

typedef enum LogLevel {
        LOG_LEVEL_ERROR = LOG_ERR,
        LOG_LEVEL_WARNING = LOG_WARNING,
        LOG_LEVEL_NOTICE = LOG_NOTICE,
        LOG_LEVEL_INFO = LOG_INFO,
        LOG_LEVEL_DEBUG = LOG_DEBUG,
} LogLevel;

typedef struct LogField {
        const char *name;  /* as in systemd.journal-fields(7) */
        const char *value; /* NULL: none */
} LogField;

/* @message is escaped already, values are not. false: it could not be taken. */
typedef bool (*LogSinkFn)(LogLevel level, const char *message, const LogField *fields, size_t n);

void log_open(LogLevel max);                              /* call once; default is LOG_LEVEL_INFO */
void log_set_sink(LogSinkFn sink);                        /* likewise */
int log_level_from_name(const char *name, LogLevel *ret); /* "warning"; -EINVAL */
bool log_enabled(LogLevel level);
void log_line(LogLevel level, const char *format, ...) __attribute__((format(printf, 2, 3)));
void log_event(LogLevel level, const LogField *fields, size_t n, const char *message);

#define log_error(...)   log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_line(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
        do {                                                                                       \
                if (log_enabled(LOG_LEVEL_DEBUG))                                                  \
                        log_line(LOG_LEVEL_DEBUG, __VA_ARGS__);                                    \
        } while (0)
