#include "unit.h"

#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "daemon/proc.h"

typedef struct Fixture {
        uv_loop_t loop;
        unsigned n_done;
        ProcResult result;
        size_t n_heard;
        char output[4096];
} Fixture;

static void on_done(const ProcResult *result, void *userdata) {
        Fixture *f = userdata;

        f->n_done++;
        f->result = *result;
        assert_true(result->output.size < sizeof(f->output));
        memcpy(f->output, result->output.data, result->output.size);
        f->output[result->output.size] = '\0';
}

static void on_output(Slice output, void *userdata) {
        Fixture *f = userdata;

        assert_int_equal(f->n_done, 0);
        f->n_heard += output.size;
}

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){};
        *state = &f;
        return uv_loop_init(&f.loop);
}

static int teardown(void **state) {
        Fixture *f = *state;

        return uv_loop_close(&f->loop);
}

static ProcSpec shell(const char *const argv[static 4]) {
        return (ProcSpec){ .argv = argv, .head_max = 64, .tail_max = 64, .stdout_fd = -1 };
}

static int run(Fixture *f, const ProcSpec *spec) {
        Proc *proc;
        int r;

        r = proc_spawn(&proc, &f->loop, spec, on_done, f);
        assert_int_equal(f->n_done, 0);
        assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(f->n_done, r < 0 ? 0 : 1);
        return r;
}

#define SCRIPT(text)                                                                               \
        { "/bin/sh", "-c", text, NULL }

static void reports_output_and_status(void **state) {
        Fixture *f = *state;
        const char *const argv[] = SCRIPT("echo out; echo err >&2; echo more; exit 3");
        const ProcSpec spec = shell(argv);

        assert_int_equal(run(f, &spec), 0);
        assert_int_equal(f->result.error, 0);
        assert_int_equal(f->result.exit_status, 3);
        assert_int_equal(f->result.term_signal, 0);
        assert_string_equal(f->output, "out\nerr\nmore\n"); /* in order: one pipe */
}

static void keeps_head_and_tail_of_much_output(void **state) {
        Fixture *f = *state;
        const char *const argv[] =
                SCRIPT("i=0; while [ $i -lt 5000 ]; do i=$((i+1)); echo $i; done");
        ProcSpec spec = shell(argv);

        spec.on_output = on_output;
        assert_int_equal(run(f, &spec), 0);
        assert_int_equal(f->n_heard, 23893); /* also what was not kept */
        assert_memory_equal(f->output, "1\n2\n3\n", 6);
        assert_string_equal(f->output + strlen(f->output) - 10, "4999\n5000\n");
        assert_non_null(strstr(f->output, "23765 bytes left out"));
        assert_int_equal(f->result.n_left_out, 23893 - 128);
}

/* whatever the daemon itself may open */
static void opens_no_more_than_select_can(void **state) {
        Fixture *f = *state;
        const char *const argv[] =
                SCRIPT("while [ $(ulimit -Sn) -gt 1024 ]; do :; done; ulimit -Sn");
        const ProcSpec spec = shell(argv);
        struct rlimit before, more;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        more = before;
        more.rlim_cur = before.rlim_max > 4096 ? 4096 : before.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &more), 0);
        assert_int_equal(run(f, &spec), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_string_equal(f->output, "1024\n");
}

static void splits_output_where_asked(void **state) {
        Fixture *f = *state;
        const char *const argv[] = SCRIPT("echo out; echo err >&2");
        ProcSpec spec = shell(argv);
        _cleanup_(closep) int fd = -1;
        char text[16] = "";

        fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        spec.stdout_fd = fd;
        assert_int_equal(run(f, &spec), 0);
        assert_string_equal(f->output, "err\n");
        assert_int_equal(pread(fd, text, sizeof(text), 0), 4);
        assert_string_equal(text, "out\n");
}

static void times_out(void **state) {
        Fixture *f = *state;
        const char *const argv[] = SCRIPT("exec sleep 30");
        ProcSpec spec = shell(argv);

        spec.timeout_ms = 50;
        assert_int_equal(run(f, &spec), 0);
        assert_int_equal(f->result.error, -ETIMEDOUT);
        assert_int_equal(f->result.term_signal, SIGTERM);
}

static void kills_who_ignores_the_request(void **state) {
        Fixture *f = *state;
        const char *const argv[] = SCRIPT("trap '' TERM; while :; do sleep 0.05; done");
        ProcSpec spec = shell(argv);

        spec.timeout_ms = 100;
        assert_int_equal(run(f, &spec), 0);
        assert_int_equal(f->result.error, -ETIMEDOUT);
        assert_int_equal(f->result.term_signal, SIGKILL);
}

static void cancel_only_asks(void **state) {
        Fixture *f = *state;
        const char *const argv[] = SCRIPT("exec sleep 30");
        const ProcSpec spec = shell(argv);
        Proc *proc;

        assert_int_equal(proc_spawn(&proc, &f->loop, &spec, on_done, f), 0);
        proc_cancel(proc);
        proc_cancel(proc);
        assert_int_equal(f->n_done, 0);
        assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(f->n_done, 1);
        assert_int_equal(f->result.error, -ECANCELED);
}

static void a_missing_program_fails_at_once(void **state) {
        Fixture *f = *state;
        const char *const argv[] = { "/no/such/program", NULL, NULL, NULL };
        const ProcSpec spec = shell(argv);

        assert_int_equal(run(f, &spec), -ENOENT);
}

static void does_not_wait_for_a_lingering_grandchild(void **state) {
        Fixture *f = *state;
        const char *const argv[] = SCRIPT("setsid sleep 1000 & echo $!");
        const ProcSpec spec = shell(argv);
        long pid;

        assert_int_equal(run(f, &spec), 0);
        assert_int_equal(f->result.exit_status, 0);
        pid = strtol(f->output, NULL, 10);
        assert_true(pid > 1);
        assert_int_equal(kill((pid_t) pid, SIGKILL), 0); /* it is still there */
}

static void gives_the_environment_and_directory_asked_for(void **state) {
        Fixture *f = *state;
        const char *const argv[] =
                SCRIPT("pwd; env | grep -v ^PWD= | grep -v ^_= | grep -v ^SHLVL=");
        const char *const env[] = { "A=1", "PATH=/usr/bin:/bin", NULL };
        ProcSpec spec = shell(argv);

        spec.env = env;
        spec.cwd = "/usr";
        assert_int_equal(run(f, &spec), 0);
        assert_non_null(strstr(f->output, "/usr\n"));
        assert_non_null(strstr(f->output, "A=1\n"));
        assert_null(strstr(f->output, "HOME="));
}

static void nothing_is_inherited_but_the_three(void **state) {
        Fixture *f = *state;
        const char *const argv[] = SCRIPT("ls /proc/self/fd | wc -l");
        const ProcSpec spec = shell(argv);

        assert_int_equal(run(f, &spec), 0);
        assert_int_equal(strtol(f->output, NULL, 10), 4); /* and the one ls reads with */
}

static void limits_memory(void **state) {
        Fixture *f = *state;
        /* the shell waits for the limit that is set right after its exec */
        const char *const argv[] =
                SCRIPT("while [ $(ulimit -v) = unlimited ]; do :; done; ulimit -v");
        ProcSpec spec = shell(argv);

        spec.memory_max = (uint64_t) 512 << 20;
        assert_int_equal(run(f, &spec), 0);
        assert_string_equal(f->output, "524288\n");
}

/* the shell waits for what is set right after its exec */
static void is_nice(void **state) {
        Fixture *f = *state;
        const char *const argv[] =
                SCRIPT("while [ \"$(ionice -p $$)\" != idle ]; do :; done; nice");
        const long before = getpriority(PRIO_PROCESS, 0);
        ProcSpec spec = shell(argv);

        spec.nice = 7;
        spec.idle_io = true;
        spec.timeout_ms = 10000;
        assert_int_equal(run(f, &spec), 0);
        assert_int_equal(strtol(f->output, NULL, 10), before + 7 > 19 ? 19 : before + 7);
}

static void on_ready(Slice output, void *userdata) {
        Fixture *f = userdata;

        (void) output;
        f->n_heard++;
}

static void on_tick(uv_timer_t *timer) {
        (void) timer;
}

/* The child is let go by an end of file, once the loop has had time for another look. */
static void sees_the_memory_of_descendants(void **state) {
        Fixture *f = *state;
        char script[256];
        const char *const argv[] = SCRIPT(script);
        ProcSpec spec = shell(argv);
        uv_timer_t tick;
        uint64_t ready;
        Proc *proc;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        (void) snprintf(script, sizeof(script),
                        "sh -c 'x=$(head -c 48000000 /dev/zero | tr \"\\0\" a); echo ready; "
                        "read _ </proc/%d/fd/%d'; exit 0",
                        (int) getpid(), fds[0]);
        spec.on_output = on_ready;
        spec.measured = true;
        assert_int_equal(proc_spawn(&proc, &f->loop, &spec, on_done, f), 0);
        (void) uv_timer_init(&f->loop, &tick);
        (void) uv_timer_start(&tick, on_tick, 10, 10);
        while (f->n_heard == 0 && f->n_done == 0)
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        ready = uv_now(&f->loop);
        while (uv_now(&f->loop) < ready + 1200) /* the loop's time: longer than any pause */
                (void) uv_run(&f->loop, UV_RUN_ONCE);
        close(fds[1]);
        close(fds[0]);
        uv_close((uv_handle_t *) &tick, NULL);
        assert_int_equal(uv_run(&f->loop, UV_RUN_DEFAULT), 0);
        assert_int_equal(f->n_done, 1);
        assert_string_equal(f->output, "ready\n");
        assert_true(f->result.peak_memory > 48000000);
        assert_true(f->result.peak_memory < 1000000000);
}

int main(void) {
        /* whoever runs the tests may have left descriptors open, which are none of ours */
        (void) close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(reports_output_and_status),
                TEST(keeps_head_and_tail_of_much_output),
                TEST(opens_no_more_than_select_can),
                TEST(splits_output_where_asked),
                TEST(times_out),
                TEST(kills_who_ignores_the_request),
                TEST(cancel_only_asks),
                TEST(a_missing_program_fails_at_once),
                TEST(does_not_wait_for_a_lingering_grandchild),
                TEST(gives_the_environment_and_directory_asked_for),
                TEST(nothing_is_inherited_but_the_three),
                TEST(limits_memory),
                TEST(is_nice),
                TEST(sees_the_memory_of_descendants),
        };
#undef TEST

        return cmocka_run_group_tests(tests, NULL, NULL);
}
