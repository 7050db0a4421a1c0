#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/utf8.h"

typedef struct Capture {
        UnitDir *dir;
        int file;
        int saved;
} Capture;

static Capture capture;

/* stderr goes to a file until capture_end() */
static void capture_begin(UnitDir *dir) {
        capture.dir = dir;
        capture.file = openat(dir->fd, "log", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        capture.saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
        assert_true(capture.file >= 0 && capture.saved >= 0);
        assert_int_equal(dup2(capture.file, STDERR_FILENO), STDERR_FILENO);
}

static char *capture_end(void) {
        static char text[16384];
        ssize_t n = pread(capture.file, text, sizeof(text) - 1, 0);

        assert_int_equal(dup2(capture.saved, STDERR_FILENO), STDERR_FILENO);
        close(capture.saved);
        close(capture.file);
        assert_true(n >= 0);
        text[n] = '\0';
        return text;
}

static void a_terminal_gets_times(void **state) {
        unsigned hours, minutes, seconds, ms;
        char rest[32], *text;

        unsetenv("JOURNAL_STREAM");
        capture_begin(*state);
        log_open(LOG_LEVEL_NOTICE);
        log_notice("hello %d", 7);
        log_info("not this");
        log_debug("nor this");
        text = capture_end();
        assert_int_equal(
                sscanf(text, "%u:%u:%u.%u %31[^\n]", &hours, &minutes, &seconds, &ms, rest), 5);
        assert_string_equal(rest, "hello 7");
        assert_string_equal(strchr(text, '\n'), "\n");
        assert_true(log_enabled(LOG_LEVEL_ERROR));
        assert_false(log_enabled(LOG_LEVEL_INFO));
}

static void the_journal_gets_priorities(void **state) {
        char stream[64];
        struct stat st;

        capture_begin(*state);
        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        (void) snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long) st.st_dev,
                        (unsigned long long) st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_open(LOG_LEVEL_DEBUG);
        log_error("e");
        log_warning("w");
        log_notice("n");
        log_info("i");
        log_debug("d");
        assert_string_equal(capture_end(), "<3>e\n<4>w\n<5>n\n<6>i\n<7>d\n");
}

/* a child inherits the variable although its stderr goes elsewhere */
static void another_stream_is_not_the_journal(void **state) {
        char *text;

        setenv("JOURNAL_STREAM", "1:1", 1);
        capture_begin(*state);
        log_open(LOG_LEVEL_INFO);
        log_error("e");
        text = capture_end();
        assert_int_not_equal(text[0], '<');
}

static void values_cannot_forge_lines(void **state) {
        char stream[64], longest[8192], *text;
        struct stat st;

        capture_begin(*state);
        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        (void) snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long) st.st_dev,
                        (unsigned long long) st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_open(LOG_LEVEL_INFO);
        log_info("%s", "a\n<0>panic \x1b[2J\xff");
        memset(longest, '\n', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        log_info("%s", longest);
        text = capture_end();
        assert_memory_equal(text, "<6>a\\n<0>panic \\x1b[2J\\xff\n<6>\\n\\n", 34);
        text = strchr(text, '\n') + 1; /* the long line: cut, escaped, one line */
        assert_int_equal(strspn(text + 3, "\\n"), strlen(text + 3) - 1);
        assert_string_equal(strchr(text, '\n'), "\n");
        assert_true(utf8_valid(text, strlen(text)));
}

static unsigned n_sunk;
static bool sink_takes;

static bool sink(LogLevel level, const char *message, const LogField *fields, size_t n) {
        n_sunk++;
        assert_int_equal(level, LOG_LEVEL_NOTICE);
        assert_string_equal(message, "two\\nlines");
        assert_int_equal(n, 2);
        assert_string_equal(fields[0].value, "a\nb"); /* as it is */
        assert_null(fields[1].value);
        return sink_takes;
}

/* Fields go to the journal; elsewhere, and if the journal does not take them, it is a line. */
static void events_have_fields_in_the_journal(void **state) {
        const LogField fields[] = { { "DPUCC_UNIT", "a\nb" }, { "DPUCC_KEY", NULL } };
        char stream[64];
        struct stat st;

        capture_begin(*state);
        assert_int_equal(fstat(STDERR_FILENO, &st), 0);
        (void) snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long) st.st_dev,
                        (unsigned long long) st.st_ino);
        setenv("JOURNAL_STREAM", stream, 1);
        log_open(LOG_LEVEL_NOTICE);
        log_event(LOG_LEVEL_NOTICE, fields, ARRAY_SIZE(fields), "two\nlines"); /* no sink yet */
        log_set_sink(sink);
        sink_takes = true;
        log_event(LOG_LEVEL_NOTICE, fields, ARRAY_SIZE(fields), "two\nlines");
        log_event(LOG_LEVEL_INFO, fields, ARRAY_SIZE(fields), "not this");
        sink_takes = false;
        log_event(LOG_LEVEL_NOTICE, fields, ARRAY_SIZE(fields), "two\nlines");
        unsetenv("JOURNAL_STREAM");
        log_open(LOG_LEVEL_NOTICE); /* not the journal any more */
        sink_takes = true;
        log_event(LOG_LEVEL_NOTICE, fields, ARRAY_SIZE(fields), "two\nlines");
        log_set_sink(NULL);
        assert_int_equal(n_sunk, 2);
        assert_memory_equal(capture_end(), "<5>two\\nlines\n<5>two\\nlines\n", 28);
}

static void levels_have_names(void **state) {
        LogLevel level = LOG_LEVEL_DEBUG;

        assert_int_equal(log_level_from_name("warning", &level), 0);
        assert_int_equal(level, LOG_LEVEL_WARNING);
        assert_int_equal(log_level_from_name("Warning", &level), -EINVAL);
        assert_int_equal(log_level_from_name("", &level), -EINVAL);
        assert_int_equal(level, LOG_LEVEL_WARNING);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_terminal_gets_times, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(the_journal_gets_priorities, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(another_stream_is_not_the_journal, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(values_cannot_forge_lines, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(events_have_fields_in_the_journal, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test(levels_have_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
