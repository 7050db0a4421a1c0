#include "cache_fixture.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "cache/cache.h"
#include "cache/fsck.h"

/*
 * kill -9 at every system call: a child publishes an artifact, and makes its view, under ptrace(2).
 * It is killed when it enters its first system call, then at its second, and so on, whoever makes
 * the call: our code, libc, SQLite. (test-cache-faults.c does the same with calls that fail, and
 * for power loss.)
 *
 * After each kill nothing that is there is wrong, what was reported before is still there, and
 * publishing works.
 */

#define CALLS_MAX 3000 /* more than there are: a sweep that does not end is a failure */
#define CALLS_MIN 50
#define CONTENT   "the compiled model"

typedef struct Fixture {
        UnitDir *dir;
        char root[256];
        char state[256];
        Sample samples[2];
} Fixture;

static int setup(void **state) {
        static Fixture f;

        *state = &f;
        if (unit_dir_setup((void **) &f.dir) < 0)
                return -1;
        (void) snprintf(f.root, sizeof(f.root), "%s/c", f.dir->path);
        (void) snprintf(f.state, sizeof(f.state), "%s/s", f.dir->path);
        for (unsigned i = 0; i < 2; i++)
                sample_init(&f.samples[i], i);
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        for (unsigned i = 0; i < 2; i++)
                sample_deinit(&f->samples[i]);
        return unit_dir_teardown((void **) &f->dir);
}

static int publish(const Fixture *f, const Record *draft) {
        _cleanup_(state_closep) State *state = NULL;
        _cleanup_(cache_closep) Cache *cache = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(freep) char *path = NULL;
        const CacheFile files[] = {
                { .role = RECORD_ROLE_XMODEL, .fd = -1, .data = slice_of_string(CONTENT) },
                { .role = RECORD_ROLE_LOG, .fd = -1, .data = slice_of_string("its log") },
        };
        int r;

        r = state_open(&state, f->state, NULL);
        if (r >= 0)
                r = cache_open(&cache, f->root, state, CACHE_NORMAL, NULL);
        if (r >= 0)
                r = cache_publish(cache, draft, files, ARRAY_SIZE(files), &record);
        if (r < 0)
                return r;
        const ViewFile view[] = { { .name = "u.xmodel", .object = &record->objects[0].digest } };
        return cache_view(cache, &draft->key, "u", view, ARRAY_SIZE(view), &path);
}

/* The child stops before its first call. */
static pid_t start(const Fixture *f, const Record *draft) {
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 || raise(SIGSTOP) != 0)
                        _exit(77);
                _exit(publish(f, draft) < 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
                (void) fprintf(stderr, "skipped: no ptrace here\n");
                exit(77);
        }
        assert_true(WIFSTOPPED(status));
        assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD), 0);
        return pid;
}

/* true: killed as it entered call number @nth; false: it got through */
static bool kill_at(const Fixture *f, const Record *draft, long nth) {
        pid_t pid = start(f, draft);
        int status;

        /* one stop at the beginning of a call, one at its end */
        for (long n = 0; n <= 2 * nth; n++) {
                assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
                assert_int_equal(waitpid(pid, &status, 0), pid);
                if (WIFEXITED(status)) {
                        assert_int_equal(WEXITSTATUS(status), 0);
                        return false;
                }
                assert_true(WIFSTOPPED(status));
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        return true;
}

/* What is told is counted, and the worst of it is a leftover. */
static void expect_sound(Cache *cache) {
        Fsck *fsck;
        int r;

        assert_int_equal(cache_fsck(cache, false, &fsck), 0);
        do
                r = fsck_step(fsck);
        while (r == FSCK_MORE);
        assert_int_equal(r, 0);
        assert_int_equal(fsck_defects(fsck)->n_problems, 0);
        (void) fsck_free(fsck);
}

static int look(const Fixture *f, const Record *draft) {
        _cleanup_(state_closep) State *state = memory_state();
        _cleanup_(cache_closep) Cache *cache = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        CacheCounters counters;
        int r;

        assert_int_equal(cache_open(&cache, f->root, state, CACHE_NORMAL, NULL), 0);
        assert_int_equal(cache_mode(cache), CACHE_NORMAL);
        r = cache_lookup(cache, &draft->key, &record);
        assert_in_range(r, 0, CACHE_MISS);
        cache_counters(cache, &counters);
        assert_int_equal(counters.quarantined, 0);
        assert_int_equal(counters.incomplete, 0);
        expect_sound(cache);
        return r;
}

static void survives_it_in_a_new_cache(void **state) {
        const Fixture *f = *state;
        const Record *draft = &f->samples[0].record;
        long nth, n_whole = 0;

        for (nth = 0; nth < CALLS_MAX && kill_at(f, draft, nth); nth++) {
                n_whole += look(f, draft) == 0;
                assert_int_equal(publish(f, draft), 0);
                assert_int_equal(look(f, draft), 0);
                assert_int_equal(file_remove_tree(f->dir->fd, "c"), 0);
                assert_int_equal(file_remove_tree(f->dir->fd, "s"), 0);
        }
        assert_in_range(nth, CALLS_MIN, CALLS_MAX - 1);
        assert_in_range(n_whole, 1, nth - 1); /* both outcomes occur */
        assert_int_equal(look(f, draft), 0);
}

/* Beside another artifact, which shares objects with it, and over an older one of its own. */
static void survives_it_in_one_that_is_used(void **state) {
        const Fixture *f = *state;
        long nth;

        assert_int_equal(publish(f, &f->samples[1].record), 0);
        assert_int_equal(publish(f, &f->samples[0].record), 0);
        for (nth = 0; nth < CALLS_MAX && kill_at(f, &f->samples[0].record, nth); nth++) {
                assert_int_equal(look(f, &f->samples[0].record), 0);
                assert_int_equal(look(f, &f->samples[1].record), 0);
        }
        assert_in_range(nth, CALLS_MIN, CALLS_MAX - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(survives_it_in_a_new_cache, setup, teardown),
                cmocka_unit_test_setup_teardown(survives_it_in_one_that_is_used, setup, teardown),
        };

        /* thousands of syncs, which cost nothing in memory */
        if (access("/dev/shm", W_OK) == 0)
                (void) setenv("TMPDIR", "/dev/shm", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
