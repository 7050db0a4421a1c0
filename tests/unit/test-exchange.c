/*
 * How long the client waits for a daemon that says nothing: a socket that listens, and nobody who
 * accepts, is just that. Steady time passes while poll(2) waits, and no other time passes.
 */

#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "client/exchange.h"
#include "proto/endpoint.h"
#include "proto/frame.h"
#include "proto/hello.h"

typedef struct Silent {
        UnitDir *dir;
        char path[96];
        int listener, connection;
} Silent;

static int64_t now_ms;
static bool waits_for_ever;
static Silent *greeter; /* says Hello once */

static void say_hello(void) {
        FrameWriter writer = FRAME_WRITER_INIT(1024, 4096);
        Silent *s = greeter;

        greeter = NULL;
        closep(&s->connection);
        s->connection = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(s->connection >= 0);
        assert_int_equal(hello_put(&writer), 0);
        assert_int_equal(frame_writer_step(&writer, s->connection), FRAME_DONE);
        frame_writer_deinit(&writer);
}

int clock_gettime(clockid_t clock, struct timespec *ret) {
        if (clock != CLOCK_MONOTONIC)
                return (int) syscall(SYS_clock_gettime, clock, ret);
        *ret = (struct timespec){ .tv_sec = now_ms / 1000, .tv_nsec = now_ms % 1000 * 1000000 };
        return 0;
}

/* Who would wait for ever is told that something is wrong, and so comes back. */
int poll(struct pollfd *fds, nfds_t n, int timeout) {
        const struct timespec none = {};
        int ready;

        if (greeter)
                say_hello();
        ready = (int) syscall(SYS_ppoll, fds, n, &none, NULL, 0);
        if (ready != 0)
                return ready;
        if (timeout < 0) {
                waits_for_ever = true;
                errno = EIO;
                return -1;
        }
        now_ms += timeout;
        return 0;
}

/* --- a daemon that may say Hello, and nothing else ---------------------------------------------- */

static int setup(void **state) {
        static Silent s;
        struct sockaddr_un address;
        Problem problem;

        now_ms = 1000;
        waits_for_ever = false;
        greeter = NULL;
        s.connection = -1;
        if (unit_dir_setup((void **) &s.dir) < 0)
                return -1;
        (void) snprintf(s.path, sizeof(s.path), "%s/d.sock", s.dir->path);
        s.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (s.listener < 0 || endpoint_address(s.path, &address, &problem) < 0 ||
            bind(s.listener, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            listen(s.listener, 8) < 0)
                return -1;
        *state = &s;
        return 0;
}

static int teardown(void **state) {
        Silent *s = *state;
        void *dir = s->dir;

        closep(&s->listener);
        closep(&s->connection);
        return unit_dir_teardown(&dir);
}

static int run(const Silent *s, Exchange *x, bool patient, int64_t timeout_ms) {
        Dpucc__Wire__Empty empty = DPUCC__WIRE__EMPTY__INIT;
        const Options options = { .socket = s->path, .timeout_ms = timeout_ms, .json = true };

        x->patient = patient;
        x->request.body_case = DPUCC__WIRE__REQUEST__BODY_ROOTS;
        x->request.roots = &empty;
        return exchange_run(x, &options);
}

static void no_hello(void **state) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;

        assert_int_equal(run(*state, &x, true, -1), CODE_UNREACHABLE);
        assert_false(waits_for_ever);
        assert_int_equal(now_ms, 1000 + EXCHANGE_HELLO_S * 1000);
        assert_non_null(strstr(x.problem.text, "does not answer"));
        assert_non_null(strstr(x.problem.text, "--no-daemon"));
}

static void no_hello_and_a_time_limit(void **state) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        _cleanup_(exchange_deinit) Exchange y = EXCHANGE_INIT;

        assert_int_equal(run(*state, &x, true, 5000), CODE_TIMED_OUT);
        assert_int_equal(now_ms, 6000);
        assert_int_equal(run(*state, &y, false, -1), CODE_TIMED_OUT);
        assert_int_equal(now_ms, 6000 + EXCHANGE_PATIENCE_S * 1000);
}

/* a compile takes as long as it takes */
static void a_hello_and_no_answer(void **state) {
        _cleanup_(exchange_deinit) Exchange x = EXCHANGE_INIT;
        _cleanup_(exchange_deinit) Exchange y = EXCHANGE_INIT;
        Silent *s = *state;

        greeter = s;
        assert_int_equal(run(s, &x, true, 50000), CODE_TIMED_OUT);
        assert_int_equal(now_ms, 51000);
        assert_false(waits_for_ever);

        greeter = s;
        assert_int_equal(run(s, &y, true, -1), CODE_ERROR);
        assert_true(waits_for_ever);
}

/* our own dpuccd, which would have to notice that we hung up */
static void one_that_does_not_end(void **state) {
        Connection connection = {
                .socket = -1,
                .reader = FRAME_READER_INIT(1024),
                .writer = FRAME_WRITER_INIT(1024, 4096),
                .deadline_ns = 3000 * CLOCK_NS_PER_MS,
        };
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                for (;;)
                        (void) pause();
        connection.once = pid;
        assert_int_equal(connection_close(&connection), 0);
        assert_in_range(now_ms, 3000, 60000);
        assert_false(waits_for_ever);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void) {
#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(no_hello),
                TEST(no_hello_and_a_time_limit),
                TEST(a_hello_and_no_answer),
                TEST(one_that_does_not_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
