/*
 * The client's commands while there is no memory: any one allocation may fail, and then either the
 * output is what it always is, or the exit code says that it is not. Half an answer with a 0 would be
 * the worst. The daemon is double-dpuccd, a process of its own, whose memory does not fail.
 */

#include "unit.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "client/command.h"
#include "client/connect.h"
#include "tests/support/fail_alloc.h"

#define ALLOCATIONS_MAX 5000 /* of one command: more is a loop that does not end */
#define START_S         20
#define ARGUMENTS_MAX   8
#define OUTPUT_MAX      ((size_t) 256 * 1024)

typedef struct Fixture {
        UnitDir *dir;
        char socket[96], source[96], copy[96];
        pid_t daemon;
        int out, err;          /* of this process, kept */
        int sink_out, nowhere; /* while a command runs */
} Fixture;

/* --- the daemon --------------------------------------------------------------------------------- */

static bool answers(const Fixture *f) {
        Connection connection;
        Problem problem;

        if (connection_open(&connection, f->socket, CONNECTION_NO_DEADLINE, &problem) < 0)
                return false;
        (void) connection_close(&connection);
        return true;
}

static int start_daemon(Fixture *f) {
        char program[] = TEST_BINARY_DIR "/tests/support/double-dpuccd";
        char *argv[] = { program, (char *) "-q", (char *) "--socket", f->socket, NULL };
        int64_t deadline = clock_monotonic_ns() + START_S * CLOCK_NS_PER_S;

        (void) setenv("HOME", f->dir->path, 1);
        (void) setenv("PATH", TEST_BINARY_DIR "/bin:/usr/bin:/bin", 1);
        (void) setenv("DOUBLE_ARTIFACT", f->source, 1);
        (void) unsetenv("XDG_CACHE_HOME");
        (void) unsetenv("XDG_STATE_HOME");
        (void) unsetenv("XDG_CONFIG_HOME");
        (void) unsetenv("DPUCC_CONFIG");
        (void) unsetenv("DPUCC_CACHE_DIR");
        (void) unsetenv("DPUCC_TOOLCHAIN");
        if (posix_spawn(&f->daemon, program, NULL, NULL, argv, environ) != 0)
                return -1;
        while (!answers(f)) {
                if (clock_monotonic_ns() > deadline || waitpid(f->daemon, NULL, WNOHANG) != 0)
                        return -1;
                (void) poll(NULL, 0, 5);
        }
        return 0;
}

static int setup(void **state) {
        static Fixture f;
        int fd;

        f = (Fixture){};
        if (unit_dir_setup((void **) &f.dir) < 0)
                return -1;
        (void) snprintf(f.socket, sizeof(f.socket), "%s/run/d.sock", f.dir->path);
        (void) snprintf(f.copy, sizeof(f.copy), "%s/copy.xmodel", f.dir->path);
        (void) snprintf(f.source, sizeof(f.source), "%s/net.xmodel", f.dir->path);
        fd = openat(f.dir->fd, "net.xmodel", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, "model", 5) != 5 || close(fd) < 0)
                return -1;
        f.sink_out = openat(f.dir->fd, "out", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        f.nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        f.out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
        f.err = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        *state = &f;
        return f.sink_out < 0 || f.nowhere < 0 || f.out < 0 || f.err < 0 ? -1 : start_daemon(&f);
}

static int teardown(void **state) {
        Fixture *f = *state;
        int *const fds[] = { &f->sink_out, &f->nowhere, &f->out, &f->err };

        if (f->daemon > 0) {
                (void) kill(f->daemon, SIGTERM);
                (void) waitpid(f->daemon, NULL, 0);
        }
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                closep(fds[i]);
        *state = f->dir;
        return unit_dir_teardown(state);
}

/* --- one command -------------------------------------------------------------------------------- */

typedef struct Case {
        CommandFn run;
        const char *arguments[ARGUMENTS_MAX]; /* "SOURCE" is the model, "COPY" a file beside it */
} Case;

static void redirect(const Fixture *f, bool away) {
        (void) fflush(stdout);
        (void) fflush(stderr);
        assert_true(dup2(away ? f->sink_out : f->out, STDOUT_FILENO) >= 0);
        assert_true(dup2(away ? f->nowhere : f->err, STDERR_FILENO) >= 0);
}

static void read_output(const Fixture *f, Bytes *ret) {
        ret->size = 0;
        assert_int_equal(file_read_fd(f->sink_out, ret), 0);
}

/* The exit code; what went to stdout is in @ret. True in *@ret_failed: the allocation was reached. */
static int run_without(const Fixture *f, const Case *c, bool json, long nth, Bytes *ret,
                       bool *ret_failed) {
        char *argv[ARGUMENTS_MAX + 2] = { (char *) "dpucc-client x" };
        Options options;
        int argc = 1, code;

        for (size_t i = 0; i < ARGUMENTS_MAX && c->arguments[i]; i++) {
                const char *argument = c->arguments[i];

                argv[argc++] = (char *) (strcmp(argument, "SOURCE") == 0 ? f->source
                                         : strcmp(argument, "COPY") == 0 ? f->copy
                                                                         : argument);
        }
        options_init(&options);
        options.socket = f->socket;
        options.json = json;
        options.help = "";

        assert_int_equal(ftruncate(f->sink_out, 0), 0);
        assert_int_equal(lseek(f->sink_out, 0, SEEK_SET), 0);
        redirect(f, true);
        fail_alloc_arm(nth);
        code = c->run(&options, argc, argv);
        *ret_failed = fail_alloc_disarm();
        redirect(f, false);
        read_output(f, ret);
        return code;
}

static void sweep(const Fixture *f, const Case *c, bool json) {
        _cleanup_(bytes_cleanup) Bytes expected = BYTES_INIT(OUTPUT_MAX);
        _cleanup_(bytes_cleanup) Bytes output = BYTES_INIT(OUTPUT_MAX);
        int descriptor = unit_lowest_fd();
        bool failed = true;
        int usual, code;

        usual = run_without(f, c, json, ALLOCATIONS_MAX, &expected, &failed);
        assert_false(failed);
        failed = true;
        for (long nth = 0; failed; nth++) {
                assert_true(nth < ALLOCATIONS_MAX);
                code = run_without(f, c, json, nth, &output, &failed);
                if (code != CODE_DONE)
                        continue;
                if (!slice_equal(bytes_slice(&output), bytes_slice(&expected)))
                        print_error("allocation %ld: 0, and the output is:\n%.*s\n", nth,
                                    (int) output.size, (const char *) output.data);
                assert_true(slice_equal(bytes_slice(&output), bytes_slice(&expected)));
                assert_int_equal(usual, CODE_DONE);
        }
        assert_int_equal(unit_lowest_fd(), descriptor);
}

static void sweep_both(void **state, const Case *c) {
        sweep(*state, c, false);
        sweep(*state, c, true);
}

#define COMMAND_TEST(_name, ...)                                                                   \
        static void asks_##_name(void **state) {                                                   \
                static const Case c = { command_##_name, { __VA_ARGS__ } };                        \
                sweep_both(state, &c);                                                             \
        }

COMMAND_TEST(doctor, NULL)
COMMAND_TEST(get, "--wait", "SOURCE")
COMMAND_TEST(build, "SOURCE")
COMMAND_TEST(list, NULL)
COMMAND_TEST(log, "net@b1024")
COMMAND_TEST(reload, NULL)
COMMAND_TEST(roots, NULL)
COMMAND_TEST(show, "net@b1024")
COMMAND_TEST(stats, NULL)
COMMAND_TEST(status, NULL)
COMMAND_TEST(unwatch, "/w")
COMMAND_TEST(wait, "--all")
COMMAND_TEST(watch, "/")
COMMAND_TEST(why, "net@b1024")

static void asks_stats_for_prometheus(void **state) {
        static const Case c = { command_stats, { "--prometheus" } };

        sweep(*state, &c, false);
}

static void get_by_name(void **state) {
        static const Case c = { command_get, { "--wait", "net@b1024" } };

        sweep_both(state, &c);
}

/* whatever happens, the copy is whole or not there */
static void get_a_copy(void **state) {
        static const Case c = { command_get, { "--wait", "-o", "COPY", "SOURCE" } };
        _cleanup_(bytes_cleanup) Bytes copy = BYTES_INIT(64);
        const Fixture *f = *state;

        sweep_both(state, &c);
        assert_int_equal(file_read(AT_FDCWD, f->copy, &copy), 0);
        assert_true(slice_is(bytes_slice(&copy), "model"));
}

/* the last of the runs was not disturbed */
static void get_and_tell_make(void **state) {
        static const Case c = { command_get, { "--wait", "--depfile", "COPY", "SOURCE" } };
        _cleanup_(bytes_cleanup) Bytes rule = BYTES_INIT(4096);
        const Fixture *f = *state;

        sweep_both(state, &c);
        assert_int_equal(file_read(AT_FDCWD, f->copy, &rule), 0);
        assert_non_null(memmem(rule.data, rule.size, f->source, strlen(f->source)));
}

int main(void) {
#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(asks_doctor),
                TEST(asks_get),
                TEST(asks_build),
                TEST(asks_list),
                TEST(asks_log),
                TEST(asks_reload),
                TEST(asks_roots),
                TEST(asks_show),
                TEST(asks_status),
                TEST(asks_unwatch),
                TEST(asks_wait),
                TEST(asks_watch),
                TEST(asks_why),
                TEST(get_by_name),
                TEST(get_a_copy),
                TEST(asks_stats),
                TEST(asks_stats_for_prometheus),
                TEST(get_and_tell_make),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
