/* Which toolchain it is, and that it stays that one. */

#include "engine_fixture.h"

#include <signal.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "cache/database.h"

static void a_toolchain_that_changes_meanwhile_made_nothing(void **state) {
        Fixture *f = *state;
        Answer answer;
        int fd;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        /* both the unit and the get are on that job, neither still on its way to a key */
        WAIT_UNTIL(f, n_started(f) == 1 && strstr(answer.phases, "compiling"));
        WAIT_UNTIL(f, statistic(f, "single_flight_joins") == 1);
        fd = open(f->program, O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, "# newer\n", 8), 0);
        close(fd);
        open_gate(f);
        WAIT_UNTIL(f, n_started(f) == 2); /* under the new key */
        assert_false(answer.done);
        assert_int_equal(statistic(f, "jobs_stale"), 1);
        assert_int_equal(statistic(f, "jobs_done"), 0);
        open_gate(f);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_DONE);
        remove_gate(f);
}

static void change_state(Fixture *f, const char *sql) {
        _cleanup_(state_closep) State *beside = NULL;
        Problem problem = {};

        assert_int_equal(state_open(&beside, f->state, &problem), 0);
        assert_int_equal(database_run(state_database(beside), NULL, NULL, sql, ""), 0);
}

static void the_vendors_tool_comes_first_and_stays(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes report = BYTES_INIT(4096);
        char view[600];
        Problem problem = {};
        Answer answer;

        /* not there when the daemon starts: the workspace is dpucc's */
        configure_vendor(f);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "dpucc");

        /* installed later: what was picked stays, until the workspace is watched anew */
        install_vendor(f);
        save_model(f, "Net_int.xmodel", 2, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "dpucc");

        /* what cannot be read for a while is not picked anew */
        change_state(f, "ALTER TABLE toolchains RENAME TO elsewhere");
        save_model(f, "Net_int.xmodel", 3, false);
        WAIT_UNTIL(f, strstr(look(f, "Net_int.xmodel", NULL).detail, "state.db"));
        change_state(f, "ALTER TABLE elsewhere RENAME TO toolchains");
        save_model(f, "Net_int.xmodel", 4, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "dpucc");
        assert_int_equal(engine_unwatch(f->engine, f->root, &problem), 0);
        watch_root(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "vendor");

        /* its artifact has a report although the tool writes none of its own */
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        (void) snprintf(view, sizeof(view), "%.*s/report.json",
                        (int) (path_basename(answer.path) - answer.path - 1), answer.path);
        assert_int_equal(file_read(AT_FDCWD, view, &report), 0);
        assert_non_null(memmem(report.data, report.size, "by", 2));
}

static void compile_with_vendor(Fixture *f) {
        install_vendor(f);
        configure_vendor(f);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
}

/* As an update does it, which takes its time; nobody asks, and nothing is saved after it. */
static void a_toolchain_may_be_gone_for_a_while(void **state) {
        Fixture *f = *state;
        char tool[200];

        compile_with_vendor(f);
        path_in(tool, sizeof(tool), f->dir->path, "bin/vai_c_xir");
        assert_int_equal(unlink(tool), 0);
        save_model(f, "Net_int.xmodel", 2, false);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_INVALID));
        assert_non_null(strstr(look(f, "Net_int.xmodel", NULL).detail, "not installed"));
        install_vendor(f);
        WAIT_UNTIL(f, is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "vendor");
}

/* The user's configuration without the toolchain that was picked: nothing else is taken for it,
 * neither then nor when it is back. */
static void a_picked_toolchain_is_never_replaced(void **state) {
        static const char without[] = "{\"toolchains\": {\"dpucc\": {\"kind\": \"dpucc\"}}}";
        Fixture *f = *state;
        Problem problem = {};

        compile_with_vendor(f);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "vendor");

        write_text(f->dir->path, "dpuccd.json", without);
        assert_int_equal(engine_reload(f->engine, &problem), 0);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_INVALID));
        assert_non_null(strstr(look(f, "Net_int.xmodel", NULL).detail, "'vendor'"));
        assert_non_null(strstr(look(f, "Net_int.xmodel", NULL).detail, "dpucc-client unwatch"));

        write_vendor_conf(f);
        assert_int_equal(engine_reload(f->engine, &problem), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "vendor");
        assert_int_equal(n_started(f), 1);
}

int main(void) {
#define TEST(name)                                                                                 \
        cmocka_unit_test_setup_teardown(name, engine_fixture_setup, engine_fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(a_toolchain_that_changes_meanwhile_made_nothing),
                TEST(the_vendors_tool_comes_first_and_stays),
                TEST(a_toolchain_may_be_gone_for_a_while),
                TEST(a_picked_toolchain_is_never_replaced),
        };
#undef TEST

        log_open(LOG_LEVEL_ERROR);
        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
