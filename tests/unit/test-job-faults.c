/*
 * What a job is made of: its directory, its child, a question to a program, the delivery of what it
 * left. Each system call and each allocation fails in turn: an error or a success, nothing is left
 * behind by an error, and the next time it works.
 */

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "cache/state.h"
#include "daemon/capture.h"
#include "daemon/command.h"
#include "daemon/deliver.h"
#include "daemon/jobdir.h"
#include "daemon/proc.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fail_io.h"

#define FAULTS_MAX   100000 /* more than there are: a sweep that does not end is a failure */
#define FAULTS_DENSE 30     /* one by one up to here: looking for processes is thousands of calls */
#define NEW          "what was compiled now"
#define OLD          "what was delivered before"

typedef struct Fixture {
        UnitDir *dir;
        uv_loop_t loop;
        State *state;
        Digest key;
        char jobs[96], root[96], view[96];
        unsigned n_done;
        char output[64];
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){};
        if (unit_dir_setup((void **) &f.dir) < 0 || uv_loop_init(&f.loop) < 0)
                return -1;
        (void) snprintf(f.jobs, sizeof(f.jobs), "%s/jobs", f.dir->path);
        (void) snprintf(f.root, sizeof(f.root), "%s/ws", f.dir->path);
        (void) snprintf(f.view, sizeof(f.view), "%s/view", f.dir->path);
        *state = &f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        if (uv_loop_close(&f->loop) < 0 || waitpid(-1, NULL, WNOHANG) != -1)
                return -1;
        return unit_dir_teardown((void **) &f->dir);
}

/* --- sweeps -------------------------------------------------------------------------------------- */

static long next_fault(long nth) {
        return nth + 1 + (nth < FAULTS_DENSE || getenv("DPUCC_LONG") ? 0 : nth / 2);
}

typedef struct Operation {
        void (*prepare)(Fixture *f);      /* NULL: nothing to do */
        int (*run)(Fixture *f);           /* what fails, or not */
        void (*check)(Fixture *f, int r); /* what holds afterwards all the same; may be NULL */
} Operation;

static void expect_success(Fixture *f, const Operation *operation) {
        assert_int_equal(operation->run(f), 0);
        if (operation->check)
                operation->check(f, 0);
}

static void sweep_calls(Fixture *f, const Operation *operation, int error) {
        bool failed = true;
        long nth;

        for (nth = 0; failed; nth = next_fault(nth)) {
                int r;

                assert_true(nth < FAULTS_MAX);
                if (operation->prepare)
                        operation->prepare(f);
                fail_io_arm(nth, error);
                r = operation->run(f);
                failed = fail_io_disarm();
                if (r < 0 && r != -error)
                        fail_msg("call %ld, %s: %s became %s", nth, fail_io_call(), strerror(error),
                                 strerror(-r));
                assert_true(failed || r == 0);
                if (operation->check)
                        operation->check(f, r);
                expect_success(f, operation);
        }
        assert_true(nth > 3);
}

static void sweep_allocations(Fixture *f, const Operation *operation) {
        bool failed = true;

        for (long nth = 0; failed; nth = next_fault(nth)) {
                int r;

                assert_true(nth < FAULTS_MAX);
                if (operation->prepare)
                        operation->prepare(f);
                fail_alloc_arm(nth);
                r = operation->run(f);
                failed = fail_alloc_disarm();
                assert_true(r == -ENOMEM || r == 0);
                assert_true(failed || r == 0);
                if (operation->check)
                        operation->check(f, r);
                expect_success(f, operation);
        }
}

static void sweep(Fixture *f, const Operation *operation) {
        static const int errors[] = { EIO, EMFILE, ENOMEM, EDQUOT };

        for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
                sweep_calls(f, operation, errors[i]);
        sweep_allocations(f, operation);
}

/* --- its directory -------------------------------------------------------------------------------- */

static int use_directory(Fixture *f) {
        _cleanup_(jobdir_removep) JobDir *dir = NULL;
        int r;

        r = jobdir_new(&dir, f->jobs);
        if (r < 0)
                return r;
        r = jobdir_record(dir, getpid());
        if (r == 0)
                r = jobdir_clear(dir, "in");
        return r;
}

static unsigned n_entries(const char *path) {
        DIR *dir = opendir(path);
        struct dirent *entry;
        unsigned n = 0;

        while (dir && (entry = readdir(dir)))
                n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
        if (dir)
                closedir(dir);
        return n;
}

/* Where what fails is taking it away, the next daemon does that. */
static void expect_no_directory(Fixture *f, int r) {
        unsigned killed, removed;

        if (n_entries(f->jobs) == 0)
                return;
        assert_int_equal(r, 0);
        assert_int_equal(jobdir_reap(f->jobs, &killed, &removed), 0);
        assert_int_equal(killed, 0);
        assert_int_equal(removed, 1);
        assert_int_equal(n_entries(f->jobs), 0);
}

static void directories(void **state) {
        const Operation operation = { .run = use_directory, .check = expect_no_directory };

        sweep_calls(*state, &operation, EIO);
        sweep_calls(*state, &operation, EMFILE);
        sweep_allocations(*state, &operation);
}

/* --- its child ------------------------------------------------------------------------------------ */

static void on_done(const ProcResult *result, void *userdata) {
        Fixture *f = userdata;

        f->n_done++;
        (void) snprintf(f->output, sizeof(f->output), "%.*s", (int) result->output.size,
                        (const char *) result->output.data);
        if (result->error == 0) { /* then all is as it should be */
                assert_int_equal(result->exit_status, 0);
                assert_int_equal(result->term_signal, 0);
                assert_string_equal(f->output, "done\n");
        }
}

static int run_child(Fixture *f) {
        static const char *const argv[] = { "/bin/sh", "-c", "echo done", NULL };
        const ProcSpec spec = { .argv = argv, .head_max = 32, .tail_max = 32, .stdout_fd = -1 };
        Proc *proc;
        int r;

        f->n_done = 0;
        r = proc_spawn(&proc, &f->loop, &spec, on_done, f);
        (void) uv_run(&f->loop, UV_RUN_DEFAULT);
        assert_int_equal(f->n_done, r < 0 ? 0 : 1);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
        return r;
}

static void children(void **state) {
        const Operation operation = { .run = run_child };

        sweep(*state, &operation);
}

/* One that writes more than fits into the pipe would wait for a reader for ever. */
static void a_child_whose_output_cannot_be_read_is_ended(void **state) {
        static const char *const argv[] = { "/bin/sh", "-c", "while :; do echo line; done", NULL };
        const ProcSpec spec = { .argv = argv, .head_max = 32, .tail_max = 32, .stdout_fd = -1 };
        Fixture *f = *state;
        Proc *proc;

        assert_int_equal(proc_spawn(&proc, &f->loop, &spec, on_done, f), 0);
        fail_io_arm(0, EIO);
        (void) uv_run(&f->loop, UV_RUN_DEFAULT);
        assert_true(fail_io_disarm());
        assert_string_equal(fail_io_call(), "uv_read");
        assert_int_equal(f->n_done, 1);
}

/* --- a question ------------------------------------------------------------------------------------ */

static int ask_program(Fixture *f) {
        _cleanup_(command_cleanup) Command command = {};
        _cleanup_(capture_cleanup) Capture capture = {};
        int r;

        command_argument(&command, "/bin/sh");
        command_argument(&command, "-c");
        command_argument(&command, "echo answer; echo remark >&2; exit 3");
        r = command_finish(&command);
        if (r < 0)
                return r;
        r = capture_run(&command, 60000, &capture);
        if (r < 0)
                return r;
        assert_int_equal(capture.status, 3);
        assert_true(slice_is(bytes_slice(&capture.out), "answer\n"));
        assert_true(slice_is(bytes_slice(&capture.err), "remark\n"));
        return 0;
}

static void questions(void **state) {
        const Operation operation = { .run = ask_program };

        sweep(*state, &operation);
}

/* --- what it leaves --------------------------------------------------------------------------------- */

static void write_in(const char *folder, const char *name, const char *text) {
        char path[160];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
        close(fd);
}

static void set_artifact(Fixture *f, const char *content) {
        write_in(f->view, "net.xmodel", content);
        write_in(f->view, "meta.json", content);
        write_in(f->view, "md5sum.txt", content);
}

static int deliver_it(Fixture *f) {
        const DeliverSpec spec = {
                .root = f->root,
                .output_dir = "out/deep",
                .directory_fd = -1,
                .net_name = "net",
                .view = f->view,
                .key = &f->key,
                .state = f->state,
        };
        Problem problem = {};
        int r;

        r = deliver(&spec, &problem);
        if (r < 0)
                assert_true(problem.text[0] || r == -ENOMEM);
        return r < 0 ? r : 0;
}

static bool holds(Fixture *f, const char *name, const char *text) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(4096);
        char path[160];

        (void) snprintf(path, sizeof(path), "%s/out/deep/%s", f->root, name);
        return file_read(AT_FDCWD, path, &bytes) == 0 && slice_is(bytes_slice(&bytes), text);
}

static void deliver_old(Fixture *f) {
        set_artifact(f, OLD);
        assert_int_equal(deliver_it(f), 0);
        set_artifact(f, NEW);
}

/* The model is whole, the old one or the new one; where it is new so are the others; and nothing is
 * beside them. */
static void expect_delivery(Fixture *f, int r) {
        bool all_new = holds(f, "net.xmodel", NEW);
        char path[160];

        (void) snprintf(path, sizeof(path), "%s/out/deep", f->root);
        assert_int_equal(n_entries(path), 3);
        assert_true(all_new || (r < 0 && holds(f, "net.xmodel", OLD)));
        assert_true(!all_new || (holds(f, "meta.json", NEW) && holds(f, "md5sum.txt", NEW)));
}

static void deliveries(void **state) {
        Fixture *f = *state;
        const Operation operation = { deliver_old, deliver_it, expect_delivery };
        _cleanup_(state_closep) State *memory = NULL;
        int made;

        made = mkdir(f->root, 0755) | mkdir(f->view, 0755) | state_open(&memory, NULL, NULL);
        assert_int_equal(made, 0);
        f->state = memory;
        sweep(f, &operation);
}

int main(void) {
#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(directories),
                TEST(children),
                TEST(a_child_whose_output_cannot_be_read_is_ended),
                TEST(questions),
                TEST(deliveries),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
