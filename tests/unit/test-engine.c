/* Saves and what comes of them, from start to stop. */

#include "engine_fixture.h"

#include <errno.h>
#include <signal.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"

static void compiles_a_save_and_answers(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_int_equal(n_started(f), 1);

        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_true(answer.hit);
        assert_string_equal(path_basename(answer.path), "Net.xmodel");
        assert_int_equal(access(answer.path, R_OK), 0);
        assert_int_equal(n_started(f), 1);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "dpucc");
}

static void the_view_has_the_nets_own_names(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes meta = BYTES_INIT(4096), log = BYTES_INIT(4096);
        _cleanup_(freep) char *directory = NULL;
        Answer answer;
        int fd;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "My Net_int.xmodel", 1, false);
        get(f, &answer, "My Net_int.xmodel", NULL);
        directory = path_dirname(answer.path);
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(file_read(fd, "meta.json", &meta), 0);
        assert_int_equal(file_read(fd, "compile.log", &log), 0);
        assert_int_equal(faccessat(fd, "md5sum.txt", R_OK, 0), 0);
        assert_int_equal(faccessat(fd, "report.json", R_OK, 0), 0);
        close(fd);
        assert_non_null(memmem(meta.data, meta.size, "\"My Net.xmodel\"", 15));
        assert_non_null(memmem(log.data, log.size, "./out/My Net.xmodel", 19));
        assert_null(memmem(log.data, log.size, "jobs/", 5));
}

static void a_re_export_is_a_hit(void **state) {
        Fixture *f = *state;
        uint64_t hits;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);

        hits = statistic(f, "hits");
        save_model(f, "Net_int.xmodel", 1, true); /* other bytes, the same model */
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(statistic(f, "hits") > hits);
        assert_int_equal(n_started(f), 1);
        assert_int_equal(statistic(f, "cache_published"), 1);
        assert_true(statistic(f, "cache_bytes_written") > 0);
        assert_int_equal(statistic(f, "cache_quarantined"), 0);
        assert_int_equal(statistic(f, "state_recreated"), 0);
}

static void a_change_compiles_again(void **state) {
        Fixture *f = *state;
        Answer first, second;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &first, "Net_int.xmodel", NULL);
        save_model(f, "Net_int.xmodel", 2, false);
        get(f, &second, "Net_int.xmodel", NULL);
        assert_int_equal(second.outcome, ASK_DONE);
        assert_string_not_equal(first.path, second.path);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 2);
}

/* The engine anew, configured and watching, with an arch file for what is to come. */
static void restart_configured(Fixture *f, const char *text) {
        configure_engine(f, text);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        assert_int_equal(wait_for_all(f), ASK_DONE);
}

static void a_burst_of_saves_is_one_compile(void **state) {
        Fixture *f = *state;

        /* quiet for longer than a busy machine takes between two saves */
        restart_configured(f, "{\"settle_ms\": 1000, \"settle_max_ms\": 20000}");
        for (int32_t i = 0; i < 20; i++) {
                uint64_t misses = statistic(f, "misses");

                /* each is hashed and looked up before the next one comes */
                save_model(f, "Net_int.xmodel", i, false);
                WAIT_UNTIL(f, statistic(f, "misses") > misses);
        }
        assert_int_equal(n_started(f), 0);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_SETTLING));
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 1);
        assert_int_equal(statistic(f, "jobs_superseded"), 0);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
}

static void a_file_that_is_never_closed_is_compiled(void **state) {
        Fixture *f = *state;
        int fd;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        assert_int_equal(wait_for_all(f), ASK_DONE);

        fd = create_file(f->root, "Net_int.xmodel");
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_WRITING));
        write_model(fd, 1, false);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_int_equal(n_started(f), 1);

        /* its writer goes on, and what it writes then counts as well */
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        write_model(fd, 2, false);
        WAIT_UNTIL(f, n_started(f) == 2);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_READY));
        close(fd);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 2);
}

static void a_reload_changes_how_long_saves_settle(void **state) {
        Fixture *f = *state;
        Problem problem = {};

        restart_configured(f, "{\"settle_ms\": 60000, \"settle_max_ms\": 60000}");
        write_text(f->dir->path, "dpuccd.json", "{\"settle_ms\": 1}");
        assert_int_equal(engine_reload(f->engine, &problem), 0);
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 1);
}

static int count_warning(const char *text, void *userdata) {
        *(unsigned *) userdata += strstr(text, "over its limits") != NULL;
        return 0;
}

static unsigned n_complaints(Fixture *f) {
        unsigned n = 0;

        assert_int_equal(engine_each_warning(f->engine, count_warning, &n), 0);
        return n;
}

static void on_collected(int r, const CollectorResult *result, void *userdata) {
        (void) result;
        assert_int_equal(r, 0);
        *(bool *) userdata = true;
}

/* Raised limits, a disk with room again: there is nothing to be evicted, and so no pass that would
 * tell. */
static void a_cache_is_not_called_too_large_for_ever(void **state) {
        Fixture *f = *state;
        Problem problem = {};
        bool collected = false;

        restart_configured(f, "{\"cache\": {\"max_entries\": 1}}");
        for (int32_t i = 0; i < 2; i++) {
                save_model(f, "Net_int.xmodel", i, false);
                assert_int_equal(wait_for_all(f), ASK_DONE);
        }
        assert_int_equal(engine_collect(f->engine, on_collected, &collected, &problem), 0);
        WAIT_UNTIL(f, collected);
        assert_int_equal(n_complaints(f), 1);
        write_text(f->dir->path, "dpuccd.json", "{\"cache\": {\"max_entries\": 9}}");
        assert_int_equal(engine_reload(f->engine, &problem), 0);
        WAIT_UNTIL(f, n_complaints(f) == 0);
}

static void a_newer_save_supersedes_an_older_job(void **state) {
        Fixture *f = *state;
        long first;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, n_started(f) == 1);
        first = read_number(f->control, "started");

        save_model(f, "Net_int.xmodel", 2, false);
        WAIT_UNTIL(f, n_started(f) == 2);
        /* no two jobs of a unit at once: when the second began, the first was dead */
        assert_int_equal(kill((pid_t) first, 0), -1);
        assert_int_equal(errno, ESRCH);
        assert_int_equal(statistic(f, "jobs_superseded"), 1);
        assert_int_equal(statistic(f, "jobs_cancelled"), 1);

        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(count_lines(f->control, "ended"), 1);
        assert_int_equal(n_started(f), 2);
        remove_gate(f);
}

static void saving_the_same_again_keeps_the_job(void **state) {
        Fixture *f = *state;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, n_started(f) == 1);
        save_model(f, "Net_int.xmodel", 1, true);
        WAIT_UNTIL(f, statistic(f, "misses") >= 2);
        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 1);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        remove_gate(f);
}

/* --- a compile that is cancelled, and does not die at once ------------------------------------- */

/* Nobody knows for how long: the second compile may have begun when the last save comes. */
static void expect_made(Fixture *f, int held, uint64_t n_misses) {
        WAIT_UNTIL(f, statistic(f, "misses") >= n_misses);
        close(held);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_true(n_started(f) >= 2);
}

/* A compile of the model of @weight, that waits and is slow to die. */
static int start_stubborn(Fixture *f, int32_t weight) {
        make_gate(f);
        write_text(f->control, "stubborn", "");
        save_model(f, "Net_int.xmodel", weight, false);
        return hold_gate(f);
}

static void a_save_comes_back_while_its_job_dies(void **state) {
        Fixture *f = *state;
        int held;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        held = start_stubborn(f, 1);
        save_model(f, "Net_int.xmodel", 2, false);
        WAIT_UNTIL(f, statistic(f, "jobs_superseded") == 1);
        save_model(f, "Net_int.xmodel", 1, false);
        expect_made(f, held, 3);
}

static void a_source_comes_back_while_its_job_dies(void **state) {
        Fixture *f = *state;
        char path[300];
        int held;

        watch_root(f);
        path_in(path, sizeof(path), f->root, "Net_int.xmodel");
        save_arch(f, "arch.json", "0x101000056010402");
        held = start_stubborn(f, 1);
        assert_int_equal(unlink(path), 0);
        WAIT_UNTIL(f, look(f, "Net_int.xmodel", NULL).n == 0);
        save_model(f, "Net_int.xmodel", 1, false);
        expect_made(f, held, 2);
}

static void a_target_comes_back_while_its_job_dies(void **state) {
        Fixture *f = *state;
        char path[300];
        int held;

        watch_root(f);
        path_in(path, sizeof(path), f->root, "arch.json");
        save_arch(f, "arch.json", "0x101000056010402");
        held = start_stubborn(f, 1);
        assert_int_equal(unlink(path), 0);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_NO_TARGET));
        save_arch(f, "arch.json", "0x101000056010402");
        expect_made(f, held, 2);
}

/* A hit in between: nothing of the job that it ended is waited for. */
static void a_save_comes_back_after_a_hit(void **state) {
        Fixture *f = *state;
        Looked first, last;
        uint64_t hits;
        int held;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        first = look(f, "Net_int.xmodel", NULL);

        hits = statistic(f, "hits");
        held = start_stubborn(f, 2);
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, statistic(f, "hits") > hits);
        save_model(f, "Net_int.xmodel", 2, false);
        expect_made(f, held, 3);
        last = look(f, "Net_int.xmodel", NULL);
        assert_string_not_equal(first.artifact, last.artifact);
}

static void asks_and_units_share_one_job(void **state) {
        Fixture *f = *state;
        Answer a, b, late;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        save_model(f, "Copy_int.xmodel", 1, false); /* another unit with the same key */
        start_get(f, &a, "Net_int.xmodel", NULL, true);
        start_get(f, &b, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1 && statistic(f, "single_flight_joins") >= 2);
        start_get(f, &late, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, strstr(late.phases, "compiling")); /* it hears how far the job is */
        open_gate(f);
        WAIT_UNTIL(f, a.done && b.done && late.done);
        assert_int_equal(a.outcome, ASK_DONE);
        assert_int_equal(b.outcome, ASK_DONE);
        assert_int_equal(late.outcome, ASK_DONE);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 1);
        assert_true(is_in_state(f, "Copy_int.xmodel", UNIT_READY));
        remove_gate(f);
}

static void a_deleted_source_is_no_unit(void **state) {
        Fixture *f = *state;
        char path[300];

        watch_root(f);
        make_gate(f);
        path_in(path, sizeof(path), f->root, "Net_int.xmodel");
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, n_started(f) == 1);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(look(f, "Net_int.xmodel", NULL).n, 0);
        assert_int_equal(statistic(f, "jobs_cancelled"), 1);

        save_model(f, "Net_int.xmodel", 1, false); /* and back */
        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        remove_gate(f);
}

static void unwatching_ends_the_work(void **state) {
        Fixture *f = *state;
        Problem problem = {};

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, n_started(f) == 1);
        assert_int_equal(engine_unwatch(f->engine, f->root, &problem), 0);
        WAIT_UNTIL(f, statistic(f, "jobs_cancelled") == 1);
        assert_int_equal(look(f, "Net_int.xmodel", NULL).n, 0);
        assert_int_equal(engine_unwatch(f->engine, f->root, &problem), -ENOENT);
}

static void a_restart_remembers_roots_and_artifacts(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        stop_engine(f);
        assert_true(f->stopped);

        save_model(f, "Later_int.xmodel", 2, false); /* while it is down */
        assert_int_equal(start_engine(f), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_true(is_in_state(f, "Later_int.xmodel", UNIT_READY));
        assert_int_equal(n_started(f), 2);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_true(answer.hit);
}

static void stopping_in_the_middle_leaves_nothing(void **state) {
        Fixture *f = *state;
        char jobs[200];
        Answer answer;
        long pid;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1);
        pid = read_number(f->control, "started");
        stop_engine(f);
        assert_true(answer.done);
        assert_int_equal(answer.n_done, 1);
        assert_int_equal(answer.outcome, ASK_FAILED);
        assert_int_equal(kill((pid_t) pid, 0), -1);
        path_in(jobs, sizeof(jobs), f->cache, "jobs");
        assert_int_equal(rmdir(jobs), 0); /* empty */
}

static void a_second_daemon_is_refused(void **state) {
        Fixture *f = *state;
        const EngineSpec spec = {
                .loop = &f->loop,
                .cache_dir = f->cache,
                .state_dir = f->state,
                .dpucc = f->program,
        };
        Problem problem = {};
        Engine *other;

        assert_int_equal(engine_new(&other, &spec, &problem), -EBUSY);
        assert_non_null(strstr(problem.text, "another daemon"));
}

int main(void) {
#define TEST(name)                                                                                 \
        cmocka_unit_test_setup_teardown(name, engine_fixture_setup, engine_fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(compiles_a_save_and_answers),
                TEST(the_view_has_the_nets_own_names),
                TEST(a_re_export_is_a_hit),
                TEST(a_change_compiles_again),
                TEST(a_burst_of_saves_is_one_compile),
                TEST(a_file_that_is_never_closed_is_compiled),
                TEST(a_reload_changes_how_long_saves_settle),
                TEST(a_cache_is_not_called_too_large_for_ever),
                TEST(a_newer_save_supersedes_an_older_job),
                TEST(saving_the_same_again_keeps_the_job),
                TEST(a_save_comes_back_while_its_job_dies),
                TEST(a_source_comes_back_while_its_job_dies),
                TEST(a_target_comes_back_while_its_job_dies),
                TEST(a_save_comes_back_after_a_hit),
                TEST(asks_and_units_share_one_job),
                TEST(a_deleted_source_is_no_unit),
                TEST(unwatching_ends_the_work),
                TEST(a_restart_remembers_roots_and_artifacts),
                TEST(stopping_in_the_middle_leaves_nothing),
                TEST(a_second_daemon_is_refused),
        };
#undef TEST

        log_open(LOG_LEVEL_ERROR);
        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
