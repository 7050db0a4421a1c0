/* Compilers that fail, lie, hang on, are killed; disks and files that do not hold still. */

#include "engine_fixture.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "cache/cache.h"
#include "cache/layout.h"
#include "cache/names.h"
#include "daemon/jobdir.h"

/* What is published was checked by an older version, or is evicted at once. */
static bool checked_by_old;
static unsigned n_lost;
static const char *lost_from;

int __real_cache_publish(Cache *cache, const Record *draft, const CacheFile *files, size_t n_files,
                         Record **ret);
int __wrap_cache_publish(Cache *cache, const Record *draft, const CacheFile *files, size_t n_files,
                         Record **ret);

int __wrap_cache_publish(Cache *cache, const Record *draft, const CacheFile *files, size_t n_files,
                         Record **ret) {
        Record old = *draft;
        int r;

        if (checked_by_old)
                old.check_version = 0;
        r = __real_cache_publish(cache, &old, files, n_files, ret);
        if (r == 0 && n_lost > 0) {
                n_lost--;
                assert_int_equal(names_unlink(lost_from, LAYOUT_RECORDS, &draft->key), 0);
        }
        return r;
}

static int count_build(const StateBuild *build, void *userdata) {
        assert_string_equal(path_basename(build->source), "Net_int.xmodel");
        ++*(unsigned *) userdata;
        return 0;
}

static unsigned count_history(Fixture *f) {
        _cleanup_(state_closep) State *history = NULL;
        Problem problem = {};
        unsigned n = 0;

        assert_int_equal(state_open(&history, f->state, &problem), 0);
        assert_int_equal(state_each_build(history, NULL, 100, count_build, &n), 0);
        return n;
}

static void a_failure_is_stored_and_answered(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        write_text(f->control, "mode", "fail");
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_FAILED));
        assert_int_equal(n_started(f), 1);

        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_non_null(strstr(answer.message, "this model is beyond me"));
        assert_int_equal(n_started(f), 1); /* the diagnosis answered */
        assert_int_equal(statistic(f, "diagnoses_answered"), 1);

        write_text(f->control, "mode", "good");
        save_model(f, "Net_int.xmodel", 2, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        stop_engine(f);
        assert_int_equal(count_history(f), 2); /* failures are remembered, too */
}

static void what_is_evicted_at_once_is_made_again(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        lost_from = f->cache;
        n_lost = 2;
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_true(n_started(f) >= 3);

        n_lost = 1000; /* no more than so often */
        save_model(f, "Net_int.xmodel", 2, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_FAILED);
        assert_non_null(strstr(answer.message, "the cache lost"));
        n_lost = 0;
}

static void what_passed_fewer_checks_is_made_again(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        checked_by_old = true;
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 1);
        checked_by_old = false;

        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_false(answer.hit);
        assert_int_equal(n_started(f), 2);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_true(answer.hit);
        assert_int_equal(n_started(f), 2);
}

static void exit_status_0_is_not_success(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "no-output");
        save_model(f, "A_int.xmodel", 1, false);
        get(f, &answer, "A_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_non_null(strstr(answer.message, "wrote no .xmodel"));

        write_text(f->control, "mode", "wrong-md5");
        save_model(f, "B_int.xmodel", 2, false);
        get(f, &answer, "B_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_non_null(strstr(answer.message, "md5sum.txt"));

        write_text(f->control, "mode", "good");
        write_text(f->control, "check",
                   "{\"check\": 1, \"ok\": false, \"problems\": [\"it is for another DPU\"]}");
        save_model(f, "C_int.xmodel", 3, false);
        get(f, &answer, "C_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_string_equal(answer.message, "it is for another DPU");
}

/* Our own program could not look at a file that may be right: what is kept is the truth about that,
 * and nothing that answers for the file from now on. */
static void a_check_that_was_hindered_says_nothing_of_the_file(void **state) {
        Fixture *f = *state;
        char said[256];
        Answer answer;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        path_in(said, sizeof(said), f->control, "hindered");
        write_text(f->control, "hindered", "dpucc check: out/net.xmodel: Disk quota exceeded\n");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1);
        open_gate(f);
        WAIT_UNTIL(f, n_started(f) == 2); /* it was tried again */
        assert_int_equal(unlink(said), 0);
        open_gate(f);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
}

static void a_killed_compiler_is_tried_again_and_never_cached(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "killed");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1);
        open_gate(f);
        WAIT_UNTIL(f, n_started(f) == 2);
        write_text(f->control, "mode", "good");
        open_gate(f);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(n_started(f), 2);
        assert_int_equal(statistic(f, "jobs_transient"), 1);
        assert_int_equal(statistic(f, "jobs_failed"), 0);
        remove_gate(f);
}

/* A newer save: nothing is said of the older one any more, and it has tries of its own. */
static void a_newer_save_forgets_an_older_failure(void **state) {
        Fixture *f = *state;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "fail");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_string_not_equal(look(f, "Net_int.xmodel", NULL).detail, "");

        make_gate(f);
        write_text(f->control, "mode", "good");
        save_model(f, "Net_int.xmodel", 2, false);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_COMPILING));
        assert_string_equal(look(f, "Net_int.xmodel", NULL).detail, "");
        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        remove_gate(f);
}

/* The log tells when the compiler is almost through. */
static void progress_follows_the_log(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1);
        assert_null(strstr(answer.phases, "writing"));
        open_gate(f);
        WAIT_UNTIL(f, answer.done);
        assert_non_null(strstr(answer.phases, "compiling writing checking "));
        remove_gate(f);
}

/* The vendor's tool ends with 0 all the same. */
static void a_fatal_error_is_named(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "fatal");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_non_null(strstr(answer.message, "XCOM_DATA_OUTRANGE"));
        assert_non_null(strstr(answer.message, "do not fit"));
        assert_non_null(strstr(answer.message, "the tile is too large"));
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(n_started(f), 1); /* the diagnosis answered */
}

static void a_flaky_error_gets_one_more_try(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "flaky-once");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(n_started(f), 2);
        assert_int_equal(statistic(f, "jobs_transient"), 0);
}

/* and only one; what it said is told, and does not answer for ever */
static void a_flaky_error_is_not_remembered(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "flaky");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_COMPILE_FAILED);
        assert_non_null(strstr(answer.message, "XCOM_ACGEN_ERROR"));
        assert_int_equal(n_started(f), 2);
        assert_int_equal(statistic(f, "jobs_failed"), 1);

        write_text(f->control, "mode", "good");
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(n_started(f), 3);
}

/* A shell around the compiler may swallow how it ended. */
static void a_kill_behind_status_0_is_transient(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "silent-kill");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1);
        open_gate(f);
        WAIT_UNTIL(f, n_started(f) == 2);
        write_text(f->control, "mode", "good");
        open_gate(f);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_int_equal(statistic(f, "jobs_transient"), 1);
        remove_gate(f);
}

/* gone, or a zombie that nobody reaps because its parent is not us */
static bool is_dead(long pid) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(4096);
        char path[64];
        const char *bracket;

        (void) snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
        if (file_read(AT_FDCWD, path, &text) < 0 || bytes_append(&text, "", 1) < 0)
                return true;
        bracket = strrchr((const char *) text.data, ')');
        return !bracket || bracket[2] == 'Z' || bracket[2] == 'X';
}

static void what_a_compiler_leaves_running_is_killed(void **state) {
        Fixture *f = *state;
        Answer answer;
        long lingering;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->control, "mode", "linger");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        lingering = read_number(f->control, "lingering");
        assert_true(lingering > 1);
        WAIT_UNTIL(f, is_dead(lingering));
}

static void orphans_of_a_killed_daemon_are_reaped(void **state) {
        Fixture *f = *state;
        char jobs[200], marker[64];
        JobDir *dir;
        pid_t child;
        int status;

        stop_engine(f);
        path_in(jobs, sizeof(jobs), f->cache, "jobs");
        assert_int_equal(jobdir_new(&dir, jobs), 0);
        (void) snprintf(marker, sizeof(marker), JOBDIR_MARKER "=%s", dir->id);
        child = fork();
        if (child == 0) {
                char *const env[] = { marker, NULL };

                (void) execle("/bin/sleep", "sleep", "1000", (char *) NULL, env);
                _exit(127);
        }
        assert_true(child > 0);

        /* as a kill -9 leaves it: the lock is free, the directory and the child are there */
        close(dir->lock_fd);
        close(dir->fd);
        close(dir->parent_fd);
        free(dir->path);
        free(dir);
        /* the child must have become `sleep` with its own environment before we look */
        WAIT_UNTIL(f, ({
                           char path[64], text[512] = "";
                           int fd;

                           (void) snprintf(path, sizeof(path), "/proc/%ld/environ", (long) child);
                           fd = open(path, O_RDONLY | O_CLOEXEC);
                           if (fd >= 0) {
                                   (void) !read(fd, text, sizeof(text) - 1);
                                   close(fd);
                           }
                           strcmp(text, marker) == 0;
                   }));

        assert_int_equal(start_engine(f), 0);
        assert_int_equal(statistic(f, "orphans_killed"), 1);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void a_cache_that_cannot_store_is_no_obstacle(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        write_text(f->cache, "objects", "a file where a directory should be");
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_string_equal(path_basename(answer.path), "Net.xmodel");
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_int_equal(access(look(f, "Net_int.xmodel", NULL).artifact, R_OK), 0);
}

static void a_file_truncated_while_it_is_read_harms_nobody(void **state) {
        Fixture *f = *state;
        char path[300];

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        path_in(path, sizeof(path), f->root, "Net_int.xmodel");
        for (int32_t i = 0; i < 50; i++) {
                int fd;

                save_model(f, "Net_int.xmodel", i, false);
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
                fd = open(path, O_WRONLY | O_CLOEXEC);
                assert_true(fd >= 0);
                assert_int_equal(ftruncate(fd, i * 7), 0);
                close(fd);
                (void) uv_run(&f->loop, UV_RUN_NOWAIT);
        }
        (void) wait_for_all(f);
        save_model(f, "Net_int.xmodel", 99, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
}

int main(void) {
#define TEST(name)                                                                                 \
        cmocka_unit_test_setup_teardown(name, engine_fixture_setup, engine_fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(what_is_evicted_at_once_is_made_again),
                TEST(what_passed_fewer_checks_is_made_again),
                TEST(a_failure_is_stored_and_answered),
                TEST(exit_status_0_is_not_success),
                TEST(a_check_that_was_hindered_says_nothing_of_the_file),
                TEST(a_killed_compiler_is_tried_again_and_never_cached),
                TEST(a_newer_save_forgets_an_older_failure),
                TEST(progress_follows_the_log),
                TEST(a_fatal_error_is_named),
                TEST(a_flaky_error_gets_one_more_try),
                TEST(a_flaky_error_is_not_remembered),
                TEST(a_kill_behind_status_0_is_transient),
                TEST(what_a_compiler_leaves_running_is_killed),
                TEST(orphans_of_a_killed_daemon_are_reaped),
                TEST(a_cache_that_cannot_store_is_no_obstacle),
                TEST(a_file_truncated_while_it_is_read_harms_nobody),
        };
#undef TEST

        log_open(LOG_LEVEL_ERROR);
        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
