#include "unit.h"

#include <errno.h>

#include "base/clock.h"
#include "daemon/capture.h"

static int run_unless(const char *script, const atomic_bool *cancelled, uint64_t timeout_ms,
                      Capture *ret) {
        Command command = { .cancelled = cancelled };
        int r;

        command_option(&command, "/bin/sh", "-c");
        command_argument(&command, script);
        command_variable(&command, "PATH", "/usr/bin:/bin");
        command_variable(&command, "NOT_SET", NULL);
        assert_int_equal(command_finish(&command), 0);
        r = capture_run(&command, timeout_ms, ret);
        command_deinit(&command);
        return r;
}

static int run(const char *script, uint64_t timeout_ms, Capture *ret) {
        return run_unless(script, NULL, timeout_ms, ret);
}

static void takes_output_and_status(void **state) {
        Capture capture;
        char line[64];

        assert_int_equal(run("echo out; echo; echo err >&2; exit 7", 30000, &capture), 0);
        assert_int_equal(capture.status, 7);
        assert_int_equal(capture.out.size, 5);
        assert_memory_equal(capture.out.data, "out\n\n", 5);
        capture_first_line(&capture, line, sizeof(line));
        assert_string_equal(line, "err");
        capture_deinit(&capture);

        assert_int_equal(run("echo warning >&2; echo out; printf '\\nthe reason\\n\\n' >&2", 30000,
                             &capture),
                         0);
        capture_first_line(&capture, line, sizeof(line));
        assert_string_equal(line, "warning");
        capture_last_line(&capture, line, sizeof(line));
        assert_string_equal(line, "the reason");
        capture_deinit(&capture);

        assert_int_equal(run("kill -9 $$", 30000, &capture), 0);
        capture_last_line(&capture, line, sizeof(line));
        assert_string_equal(line, "no message, status 137");
        assert_int_equal(capture.status, 137);
        capture_first_line(&capture, line, sizeof(line));
        assert_string_equal(line, "no message, status 137");
        capture_deinit(&capture);
}

static void inherits_nothing(void **state) {
        Capture capture;

        setenv("SECRET", "x", 1);
        assert_int_equal(run("echo ${SECRET-none}; cat; ls /proc/self/fd | wc -l", 30000, &capture),
                         0);
        assert_memory_equal(capture.out.data, "none\n", 5);
        /* 0, 1, 2 and the one that ls reads the folder by */
        assert_non_null(memmem(capture.out.data, capture.out.size, "\n4\n", 3));
        capture_deinit(&capture);
}

static void is_bounded_in_time(void **state) {
        int64_t start = clock_monotonic_ns();
        Capture capture;

        assert_int_equal(run("sleep 1000 & wait", 50, &capture), -ETIMEDOUT);
        assert_true(clock_monotonic_ns() - start < 20 * CLOCK_NS_PER_S);
}

/* srun gives back its place in the queue, if it is asked to end */
static void is_asked_before_it_is_killed(void **state) {
        UnitDir *dir = *state;
        char script[256];
        Capture capture;

        (void) snprintf(script, sizeof(script),
                        "trap 'echo given back >%s/end; exit 1' TERM; sleep 1000 & wait",
                        dir->path);
        /* a busy machine may not come to the trap in time */
        for (uint64_t ms = 250; ms < 20000 && faccessat(dir->fd, "end", F_OK, 0) < 0; ms *= 2)
                assert_int_equal(run(script, ms, &capture), -ETIMEDOUT);
        assert_int_equal(faccessat(dir->fd, "end", F_OK, 0), 0);

        assert_int_equal(run("trap '' TERM; sleep 1000", 50, &capture), -ETIMEDOUT);
}

static void nobody_waits_for_an_answer_that_nobody_wants(void **state) {
        atomic_bool cancelled = false;
        Capture capture;

        assert_int_equal(run_unless("echo out", &cancelled, 30000, &capture), 0);
        assert_memory_equal(capture.out.data, "out\n", 4);
        capture_deinit(&capture);
        cancelled = true;
        assert_int_equal(run_unless("sleep 1000", &cancelled, 30000, &capture), -ECANCELED);
}

static void is_bounded_in_size(void **state) {
        Capture capture;

        assert_int_equal(run("head -c 9000000 /dev/zero", 30000, &capture), 0);
        assert_int_equal(capture.status, 0);
        assert_int_equal(capture.out.size, CAPTURE_MAX);
        capture_deinit(&capture);
}

/* what a child leaves behind holds the pipe, and must not hold us */
static void waits_for_the_child_only(void **state) {
        int64_t start = clock_monotonic_ns();
        Capture capture;

        assert_int_equal(run("sleep 25 & echo done", 60000, &capture), 0);
        assert_true(clock_monotonic_ns() - start < 20 * CLOCK_NS_PER_S);
        assert_memory_equal(capture.out.data, "done\n", 5);
        capture_deinit(&capture);
}

static void tells_what_cannot_be_started(void **state) {
        Command command = {};
        Capture capture;

        command_argument(&command, "/nonexistent/program");
        assert_int_equal(capture_run(&command, 1000, &capture), -ENOENT);
        command_deinit(&command);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, unit_dir_setup, unit_dir_teardown)
        const struct CMUnitTest tests[] = {
                TEST(takes_output_and_status),
                TEST(inherits_nothing),
                TEST(is_bounded_in_time),
                TEST(is_asked_before_it_is_killed),
                TEST(nobody_waits_for_an_answer_that_nobody_wants),
                TEST(is_bounded_in_size),
                TEST(waits_for_the_child_only),
                TEST(tells_what_cannot_be_started),
        };
#undef TEST

        return cmocka_run_group_tests(tests, NULL, NULL);
}
