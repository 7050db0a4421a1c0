/* Which directories are watched, whatever links lead to them and whatever becomes of the way there. */

#include "engine_fixture.h"

#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "base/path.h"

typedef struct Roots {
        unsigned n, n_gone;
        char names[512]; /* the last components, each with a blank behind it */
} Roots;

static int on_root(const RootView *root, void *userdata) {
        Roots *roots = userdata;
        size_t used = strlen(roots->names);

        roots->n++;
        roots->n_gone += strcmp(root->state, "gone") == 0;
        (void) snprintf(roots->names + used, sizeof(roots->names) - used, "%s ",
                        path_basename(root->path));
        return 0;
}

static Roots list_roots(Fixture *f) {
        Roots roots = {};

        assert_int_equal(engine_each_root(f->engine, on_root, &roots), 0);
        return roots;
}

static void make_link(Fixture *f, const char *to, const char *name) {
        assert_int_equal(symlinkat(to, f->dir->fd, name), 0);
}

static void make_directory(Fixture *f, const char *name) {
        assert_int_equal(mkdirat(f->dir->fd, name, 0755), 0);
}

static void rename_in(Fixture *f, const char *from, const char *to) {
        assert_int_equal(renameat(f->dir->fd, from, f->dir->fd, to), 0);
}

/* beside the fixture's root */
static int unwatch(Fixture *f, const char *name) {
        Problem problem = {};
        char path[300];

        path_in(path, sizeof(path), f->dir->path, name);
        return engine_unwatch(f->engine, path, &problem);
}

static void configure_roots(Fixture *f, const char *a, const char *b) {
        char text[600];

        (void) snprintf(text, sizeof(text), "{\"roots\": [\"%s/%s\", \"%s/%s\"]}", f->dir->path, a,
                        f->dir->path, b);
        configure_engine(f, text);
}

static void restart(Fixture *f) {
        stop_engine(f);
        assert_int_equal(start_engine(f), 0);
}

/* --- links --------------------------------------------------------------------------------- */

static void a_configured_root_may_be_a_link(void **state) {
        Fixture *f = *state;
        Problem problem = {};
        Answer answer;

        make_directory(f, "other");
        make_link(f, "ws", "models");
        make_link(f, ".", "home");
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        configure_roots(f, "models", "home/other");
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_string_equal(list_roots(f).names, "other ws ");
        assert_int_equal(list_roots(f).n_gone, 0);

        /* a question names the file as it is */
        write_text(f->root, "dpucc.json",
                   "{\"models\": [{\"xmodel\": \"*.xmodel\", "
                   "\"output_dir\": \"out\"}]}");
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_true(exists(f->root, "out/Net.xmodel"));

        assert_int_equal(engine_reload(f->engine, &problem), 0);
        assert_string_equal(list_roots(f).names, "other ws ");
        assert_int_equal(unwatch(f, "home/other"), 0);
        assert_int_equal(unwatch(f, "ws"), 0);
        assert_int_equal(list_roots(f).n, 0);
}

static void a_root_to_come_is_awaited_where_links_lead(void **state) {
        Fixture *f = *state;

        make_directory(f, "disk");
        make_link(f, "disk", "home");
        configure_roots(f, "ws", "home/me/models");
        assert_string_equal(list_roots(f).names, "models ws ");
        make_directory(f, "disk/me");
        make_directory(f, "disk/me/models");
        WAIT_UNTIL(f, list_roots(f).n_gone == 0);
        assert_int_equal(unwatch(f, "disk/me/models"), 0);
}

static void a_root_that_left_a_link_can_be_unwatched(void **state) {
        Fixture *f = *state;

        watch_root(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        rename_in(f, "ws", "moved");
        make_link(f, "moved", "ws");
        WAIT_UNTIL(f, list_roots(f).n_gone == 1);
        assert_int_equal(unwatch(f, "moved"), 0); /* as a client that stands there names it */
        assert_int_equal(list_roots(f).n, 0);
        assert_int_equal(unwatch(f, "moved"), -ENOENT);
        restart(f);
        assert_int_equal(list_roots(f).n, 0);
}

static void a_remembered_root_is_found_behind_a_link(void **state) {
        Fixture *f = *state;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        stop_engine(f);
        rename_in(f, "ws", "moved");
        make_link(f, "moved", "ws");
        assert_int_equal(start_engine(f), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        assert_string_equal(list_roots(f).names, "moved ");
        assert_string_equal(look(f, "Net_int.xmodel", NULL).toolchain, "dpucc");

        assert_int_equal(unwatch(f, "moved"), 0);
        restart(f);
        assert_int_equal(list_roots(f).n, 0);
}

/* --- what becomes of the way --------------------------------------------------------------- */

static void a_root_is_followed_when_what_is_above_it_is_replaced(void **state) {
        Fixture *f = *state;
        Problem problem = {};
        char root[200];
        RootView view;

        make_directory(f, "ws/proj");
        make_directory(f, "ws/proj/models");
        make_directory(f, "ws/new");
        make_directory(f, "ws/new/models");
        save_arch(f, "new/models/arch.json", "0x101000056010402");
        path_in(root, sizeof(root), f->root, "proj/models");
        assert_int_equal(engine_watch(f->engine, root, false, &view, &problem), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        rename_in(f, "ws/proj", "ws/old");
        rename_in(f, "ws/new", "ws/proj");
        save_model(f, "proj/models/Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
        save_model(f, "proj/models/Other_int.xmodel", 2, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Other_int.xmodel", UNIT_READY));
}

static void who_waits_hears_of_a_root_that_is_back(void **state) {
        Fixture *f = *state;

        watch_root(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        rename_in(f, "ws", "aside");
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(list_roots(f).n_gone, 1);
        rename_in(f, "aside", "ws");
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
}

/* --- roots within one another -------------------------------------------------------------- */

static void watch(Fixture *f, const char *name) {
        Problem problem = {};
        char path[300];
        RootView view;

        path_in(path, sizeof(path), f->dir->path, name);
        assert_int_equal(engine_watch(f->engine, path, false, &view, &problem), 0);
}

/* or has waited */
static bool waits_for_quiet(Fixture *f) {
        UnitState unit = look(f, "Net_int.xmodel", NULL).state;

        return unit == UNIT_SETTLING || unit == UNIT_COMPILING || unit == UNIT_READY;
}

static void a_root_that_ends_takes_nothing_from_another(void **state) {
        Fixture *f = *state;

        configure_engine(f, "{\"settle_ms\": 1000}");
        make_directory(f, "ws/sub");
        save_arch(f, "sub/arch.json", "0x101000056010402");
        watch(f, "ws");
        watch(f, "ws/sub");
        save_model(f, "sub/Net_int.xmodel", 1, false);
        WAIT_UNTIL(f, look(f, "Net_int.xmodel", NULL).n == 2 && waits_for_quiet(f));
        assert_int_equal(unwatch(f, "ws"), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(look(f, "Net_int.xmodel", NULL).n, 1);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
}

int main(void) {
#define TEST(name)                                                                                 \
        cmocka_unit_test_setup_teardown(name, engine_fixture_setup, engine_fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(a_configured_root_may_be_a_link),
                TEST(a_root_to_come_is_awaited_where_links_lead),
                TEST(a_root_that_left_a_link_can_be_unwatched),
                TEST(a_remembered_root_is_found_behind_a_link),
                TEST(a_root_is_followed_when_what_is_above_it_is_replaced),
                TEST(who_waits_hears_of_a_root_that_is_back),
                TEST(a_root_that_ends_takes_nothing_from_another),
        };
#undef TEST

        log_open(LOG_LEVEL_ERROR);
        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
