#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

#define LOG_LINE_MAX 4096 /* bytes; longer lines are cut */

/* Settings, written once by log_open() and log_set_sink() before any thread is started. */
static LogLevel arg_max = LOG_LEVEL_INFO;
static bool arg_journal = false;
static LogSinkFn arg_sink = NULL;

/* JOURNAL_STREAM is "DEV:INO" of the stream that systemd connected; a child whose stderr was
 * redirected since then inherits the variable but not the stream (systemd.exec(5)) */
static bool log_stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long dev, ino;
        struct stat st;

        if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
                return false;
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_open(LogLevel max) {
        arg_max = max;
        arg_journal = log_stderr_is_journal();
}

void log_set_sink(LogSinkFn sink) {
        arg_sink = sink;
}

int log_level_from_name(const char *name, LogLevel *ret) {
        static const struct {
                const char *name;
                LogLevel level;
        } levels[] = {
                { "error", LOG_LEVEL_ERROR },   { "warning", LOG_LEVEL_WARNING },
                { "notice", LOG_LEVEL_NOTICE }, { "info", LOG_LEVEL_INFO },
                { "debug", LOG_LEVEL_DEBUG },
        };

        for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
                if (strcmp(name, levels[i].name) == 0) {
                        *ret = levels[i].level;
                        return 0;
                }
        }
        return -EINVAL;
}

bool log_enabled(LogLevel level) {
        return level <= arg_max;
}

static size_t log_prefix(LogLevel level, char *ret, size_t room) {
        struct timespec now;
        struct tm tm;
        int n;

        if (arg_journal) {
                n = snprintf(ret, room, "<%d>", (int) level);
                return (size_t) n;
        }

        (void) clock_gettime(CLOCK_REALTIME, &now);
        (void) localtime_r(&now.tv_sec, &tm);
        n = snprintf(ret, room, "%02d:%02d:%02d.%03ld ", tm.tm_hour, tm.tm_min, tm.tm_sec,
                     now.tv_nsec / 1000000);
        return (size_t) n;
}

/* one write per line, so that lines of several threads or processes never mix */
static void log_write(LogLevel level, const char *message) {
        char line[LOG_LINE_MAX + 32];
        size_t used;
        ssize_t n;

        used = log_prefix(level, line, sizeof(line));
        used += (size_t) snprintf(line + used, sizeof(line) - used - 1, "%s", message);
        if (used > sizeof(line) - 2)
                used = sizeof(line) - 2;
        line[used++] = '\n';

        do
                n = write(STDERR_FILENO, line, used);
        while (n < 0 && errno == EINTR);
}

void log_event(LogLevel level, const LogField *fields, size_t n, const char *message) {
        char escaped[LOG_LINE_MAX];

        if (!log_enabled(level))
                return;
        (void) utf8_escape(message, strlen(message), escaped, sizeof(escaped));
        if (!arg_journal || !arg_sink || !arg_sink(level, escaped, fields, n))
                log_write(level, escaped);
}

void log_line(LogLevel level, const char *format, ...) {
        char raw[LOG_LINE_MAX], escaped[LOG_LINE_MAX];
        va_list ap;

        if (!log_enabled(level))
                return;

        va_start(ap, format);
        if (vsnprintf(raw, sizeof(raw), format, ap) < 0)
                raw[0] = '\0';
        va_end(ap);
        (void) utf8_escape(raw, strlen(raw), escaped, sizeof(escaped));
        log_write(level, escaped);
}
