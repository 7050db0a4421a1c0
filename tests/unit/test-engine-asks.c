/* What clients ask, and what they are told. */

#include "engine_fixture.h"

#include <errno.h>
#include <signal.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "tests/support/racy_file.h"
#include "tests/support/sample_graph.h"

/* Reads what the watcher should have read: these events are lost to it. */
static void steal_events(void) {
        char link[64], target[64], events[4096] __attribute__((aligned(8)));

        for (int fd = 3; fd < 256; fd++) {
                ssize_t n;

                (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
                n = readlink(link, target, sizeof(target) - 1);
                if (n < 0)
                        continue;
                target[n] = '\0';
                if (strcmp(target, "anon_inode:inotify") != 0)
                        continue;
                while (read(fd, events, sizeof(events)) > 0)
                        ;
        }
}

static void a_get_is_never_stale(void **state) {
        Fixture *f = *state;
        Answer before, after;
        uint64_t saves;

        watch_root(f);
        assert_int_equal(mkdirat(f->dir->fd, "ws/sub", 0755), 0);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "sub/Net_int.xmodel", 1, false);
        get(f, &before, "sub/Net_int.xmodel", NULL);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        saves = statistic(f, "saves_seen");

#define IS_NEWS()                                                                                  \
        do {                                                                                       \
                steal_events();                                                                    \
                get(f, &after, "sub/Net_int.xmodel", NULL);                                        \
                assert_int_equal(after.outcome, ASK_DONE);                                         \
                assert_string_not_equal(before.path, after.path);                                  \
                before = after;                                                                    \
        } while (0)
        save_model(f, "sub/Net_int.xmodel", 2, false);
        IS_NEWS();
        save_arch(f, "arch.json", "0x101000016010407"); /* another target */
        IS_NEWS();
        save_arch(f, "sub/arch.json", "0x101000056010402"); /* a nearer one */
        IS_NEWS();
        write_text(f->root, "dpucc.json",
                   "{\"targets\": {\"board\": \"arch.json\"}, \"models\": [{\"xmodel\": "
                   "\"sub/Net_int.xmodel\", \"net_name\": \"other\"}]}");
        IS_NEWS();
        assert_string_equal(path_basename(after.path), "other.xmodel");
#undef IS_NEWS
        assert_int_equal(statistic(f, "saves_seen"), saves); /* the watcher knew nothing */
}

#define NAMED(name) "{\"models\":[{\"xmodel\":\"Net_int.xmodel\",\"net_name\":\"" name "\"}]}"

/* Asks between two changes of the project file. False: it was too slow for the rule. */
static bool rename_in_one_instant(Fixture *f) {
        char path[512];
        Answer answer;
        RacyFile file;
        bool racy;

        path_in(path, sizeof(path), f->root, "dpucc.json");
        assert_int_equal(racy_file_open(&file, path, NAMED("one")), 0);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_string_equal(path_basename(answer.path), "one.xmodel");
        racy = racy_file_change(&file, NAMED("two"));
        racy_file_close(&file);
        return racy;
}

static void a_project_that_changed_within_an_instant_is_read(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &answer, "Net_int.xmodel", NULL);
        while (!rename_in_one_instant(f))
                ;
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_string_equal(path_basename(answer.path), "two.xmodel");
}

/* What hides the file goes, and the file is what it was. */
static void a_project_that_can_be_read_again_is_good(void **state) {
        Fixture *f = *state;
        char path[512], aside[512];
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        write_text(f->root, "dpucc.json", NAMED("one"));
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_string_equal(answer.notes, "");

        path_in(path, sizeof(path), f->root, "dpucc.json");
        path_in(aside, sizeof(aside), f->root, "aside");
        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(mkdir(path, 0755), 0);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_non_null(strstr(answer.notes, "no regular file"));
        assert_string_equal(path_basename(answer.path), "one.xmodel"); /* the last good one */

        assert_int_equal(rmdir(path), 0);
        assert_int_equal(rename(aside, path), 0);
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_string_equal(answer.notes, "");
        assert_string_equal(path_basename(answer.path), "one.xmodel");
}

/* @fd, which is taken over, is what the client means by @path. */
static void get_passed(Fixture *f, Answer *answer, const char *path, int fd) {
        const GetSpec spec = {
                .source_fd = fd,
                .source_path = path,
                .arch_fd = -1,
                .output_dir_fd = -1,
                .adopt_fd = -1,
                .umask = -1,
                .wait = true,
        };
        Problem problem = {};

        *answer = (Answer){};
        assert_int_equal(engine_get(f->engine, &spec, &engine_fixture_handlers, answer,
                                    &answer->ask, &problem),
                         0);
        WAIT_UNTIL(f, answer->done);
}

/* What the client opened is no longer there when the daemon looks. */
static void a_source_that_is_replaced_meanwhile_is_looked_at_again(void **state) {
        Fixture *f = *state;
        Answer before, passed, after;
        char path[512], part[512], moved[512];
        int fd, again;

        watch_root(f);
        assert_int_equal(mkdirat(f->dir->fd, "ws/sub", 0755), 0);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "sub/Net_int.xmodel", 1, false);
        get(f, &before, "sub/Net_int.xmodel", NULL);
        path_in(path, sizeof(path), f->root, "sub/Net_int.xmodel");
        path_in(part, sizeof(part), f->root, "sub/new.part");
        path_in(moved, sizeof(moved), f->root, "moved_int.xmodel");

        fd = open(path, O_RDONLY | O_CLOEXEC);
        save_model(f, "sub/new.part", 2, false);
        assert_int_equal(rename(part, path), 0);
        get_passed(f, &passed, path, fd);
        assert_int_equal(passed.outcome, ASK_DONE);
        get(f, &after, "sub/Net_int.xmodel", NULL);
        assert_string_equal(passed.path, after.path);
        assert_string_not_equal(passed.path, before.path);

        fd = open(path, O_RDONLY | O_CLOEXEC);
        again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        assert_int_equal(rename(path, moved), 0);
        save_model(f, "moved_int.xmodel", 3, false); /* into the file that was passed */
        get_passed(f, &passed, path, fd);
        assert_int_equal(passed.outcome, ASK_NOT_FOUND);
        assert_non_null(strstr(passed.message, strerror(ENOENT)));
        save_model(f, "sub/Net_int.xmodel", 2, false);
        get_passed(f, &passed, path, again);
        assert_string_equal(passed.path, after.path);
}

/* The client's /.../Net_int.xmodel is another file than ours. */
static int count_unit(const UnitView *unit, void *userdata) {
        (void) unit;
        (*(int *) userdata)++;
        return 0;
}

static int n_units(Fixture *f) {
        int n = 0;

        assert_int_equal(engine_each_unit(f->engine, count_unit, &n), 0);
        return n;
}

static void get_without_wait(Fixture *f, Answer *answer, const char *name) {
        start_get(f, answer, name, NULL, false);
        WAIT_UNTIL(f, answer->done);
}

/* The watcher never hears of it: it does not look there. */
static void show_stray(Fixture *f) {
        Answer answer;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        assert_int_equal(mkdirat(f->dir->fd, "ws/.aside", 0755), 0);
        save_model(f, ".aside/Net_int.xmodel", 1, false);
        get_without_wait(f, &answer, ".aside/Net_int.xmodel");
        assert_int_equal(answer.outcome, ASK_NOT_READY);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_units(f), 1); /* it is compiled for whoever asks next */
        get_without_wait(f, &answer, ".aside/Net_int.xmodel");
        assert_int_equal(answer.outcome, ASK_DONE);
}

static void remove_stray(Fixture *f) {
        char path[512];

        path_in(path, sizeof(path), f->root, ".aside/Net_int.xmodel");
        assert_int_equal(unlink(path), 0);
}

static void what_only_an_ask_saw_is_gone_with_its_file(void **state) {
        Fixture *f = *state;

        show_stray(f);
        remove_stray(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_units(f), 0);
}

/* It goes by itself, too: nobody needs to wait. */
static void what_only_an_ask_saw_is_looked_after(void **state) {
        Fixture *f = *state;

        show_stray(f);
        remove_stray(f);
        WAIT_UNTIL(f, n_units(f) == 0);
}

static void a_source_from_elsewhere_is_not_in_the_workspace(void **state) {
        Fixture *f = *state;
        char path[512], elsewhere[512];
        Answer answer;
        int fd;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        path_in(path, sizeof(path), f->root, "none/Net_int.xmodel");
        path_in(elsewhere, sizeof(elsewhere), f->dir->path, "Net_int.xmodel");
        fd = open(elsewhere, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        write_model(fd, 1, false);

        get_passed(f, &answer, path, fd);
        assert_int_equal(answer.outcome, ASK_NOT_FOUND);
        assert_non_null(strstr(answer.message, "is in no watched workspace"));
}

static void a_get_sees_a_new_toolchain(void **state) {
        Fixture *f = *state;
        Answer before, after;
        int fd;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        get(f, &before, "Net_int.xmodel", NULL);

        fd = open(f->program, O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, "# newer\n", 8), 0);
        close(fd);
        get(f, &after, "Net_int.xmodel", NULL);
        assert_int_equal(after.outcome, ASK_DONE);
        assert_string_not_equal(before.path, after.path);
}

static void who_waits_is_told_of_a_pause(void **state) {
        Fixture *f = *state;
        Answer got, waited = {};
        Problem problem = {};

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        engine_pause(f->engine, true);
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &got, "Net_int.xmodel", NULL, true);
        assert_int_equal(engine_wait(f->engine, NULL, &engine_fixture_handlers, &waited,
                                     &waited.ask, &problem),
                         0);
        WAIT_UNTIL(f, strstr(got.phases, "paused") && strstr(waited.phases, "paused"));
        assert_false(got.done || waited.done);
        engine_pause(f->engine, false);
        WAIT_UNTIL(f, got.done && waited.done);
        assert_int_equal(got.outcome, ASK_DONE);
        assert_int_equal(waited.outcome, ASK_DONE);
        assert_string_equal(waited.phases, "waiting while compiling is paused waiting ");
}

static void without_wait_it_says_not_ready(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        make_gate(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        get_without_wait(f, &answer, "Net_int.xmodel");
        assert_int_equal(answer.outcome, ASK_NOT_READY);
        open_gate(f);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        get_without_wait(f, &answer, "Net_int.xmodel");
        assert_int_equal(answer.outcome, ASK_DONE);
        remove_gate(f);
}

static void several_targets_need_a_choice(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_arch(f, "arch-leopard.json", "0x101000056010402");
        save_arch(f, "antelope.arch.json", "0x101000016010407");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 2);

        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_USAGE);
        assert_int_equal(answer.n_hints, 2);
        get(f, &answer, "Net_int.xmodel", "leopard");
        assert_int_equal(answer.outcome, ASK_DONE);
        assert_true(answer.hit);
        get(f, &answer, "Net_int.xmodel", "0x101000016010407");
        assert_int_equal(answer.outcome, ASK_DONE);
        get(f, &answer, "Net_int.xmodel", "zebra");
        assert_int_equal(answer.outcome, ASK_USAGE);
}

static void what_is_no_source_is_told_apart(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT((size_t) 1 << 20);
        Graph *compiled = sample_graph_compiled();
        Problem problem = {};
        Answer answer;

        assert_int_equal(graph_write(compiled, true, &bytes, &problem), 0);
        (void) graph_free(compiled);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_file(f->root, "Done.xmodel", bytes.data, bytes.size);
        write_file(f->root, "Cut.xmodel", bytes.data, bytes.size / 2);
        write_text(f->root, "Text.xmodel", "this is no graph at all, whatever it is called");
        write_text(f->root, "Empty.xmodel", "");
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(n_started(f), 0);
        assert_true(is_in_state(f, "Done.xmodel", UNIT_NOT_SOURCE));
        assert_true(is_in_state(f, "Cut.xmodel", UNIT_NOT_SOURCE));
        assert_true(is_in_state(f, "Text.xmodel", UNIT_NOT_SOURCE));
        assert_true(is_in_state(f, "Empty.xmodel", UNIT_NOT_SOURCE));
        get(f, &answer, "Done.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_NOT_FOUND);
        assert_true(strlen(answer.message) > 0);
        get(f, &answer, "Missing.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_NOT_FOUND);
}

static void without_a_target_there_is_a_remedy(void **state) {
        Fixture *f = *state;
        Answer answer;

        watch_root(f);
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_NO_TARGET));
        get(f, &answer, "Net_int.xmodel", NULL);
        assert_int_equal(answer.outcome, ASK_NOT_FOUND);
        assert_non_null(strstr(answer.message, "arch.json"));

        save_arch(f, "arch.json", "0x101000056010402"); /* takes effect at once */
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_READY));
}

static int take_count(const RootView *root, void *userdata) {
        *(uint64_t *) userdata = root->n_sources;
        return 0;
}

static void a_root_counts_its_models_only(void **state) {
        Fixture *f = *state;
        char path[300];
        uint64_t n;

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        write_text(f->root, "dpucc.json",
                   "{\"models\": [{\"xmodel\": \"Net_int.xmodel\", \"output_dir\": \"out\"}]}");
        write_text(f->root, "Text.xmodel", "hello, world");
        write_text(f->root, "Lfs.xmodel", "version https://git-lfs.github.com/spec/v1\n");
        save_model(f, "Net_int.xmodel", 1, false);
        save_model(f, "Other_int.xmodel", 2, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(engine_each_root(f->engine, take_count, &n), 0);
        assert_int_equal(n, 2);
        path_in(path, sizeof(path), f->root, "Other_int.xmodel");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(engine_each_root(f->engine, take_count, &n), 0);
        assert_int_equal(n, 1);
}

static int take_detail(const RootView *root, void *userdata) {
        (void) snprintf(userdata, 512, "%s", root->detail ?: "");
        return 0;
}

/* Each slip in a file is told by wait, which says 0 only if everything is as the files say. */
static void wait_tells_what_is_not_as_the_files_say(void **state) {
        Fixture *f = *state;
        char path[300], detail[512];

        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);

        write_text(f->root, "dpucc.json", "{\"models\": [{\"xmodel\": \"Nte_int.xmodel\"}]}");
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_int_equal(engine_each_root(f->engine, take_detail, detail), 0);
        assert_non_null(strstr(detail, "models[0].xmodel"));
        assert_non_null(strstr(detail, "\"Nte_int.xmodel\""));
        save_model(f, "Nte_int.xmodel", 1, false);
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(engine_each_root(f->engine, take_detail, detail), 0);
        assert_string_equal(detail, "");

        write_text(f->root, "arch.json", "{ oh no");
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        path_in(path, sizeof(path), f->root, "arch.json");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(wait_for_all(f), ASK_COMPILE_FAILED);
        assert_true(is_in_state(f, "Net_int.xmodel", UNIT_NO_TARGET));
        save_arch(f, "arch.json", "0x101000056010402");
        assert_int_equal(wait_for_all(f), ASK_DONE);
}

static void a_cancelled_get_is_answered_once(void **state) {
        Fixture *f = *state;
        Answer answer;

        make_gate(f);
        watch_root(f);
        save_arch(f, "arch.json", "0x101000056010402");
        save_model(f, "Net_int.xmodel", 1, false);
        start_get(f, &answer, "Net_int.xmodel", NULL, true);
        WAIT_UNTIL(f, n_started(f) == 1 && statistic(f, "single_flight_joins") == 1);
        ask_cancel(answer.ask);
        ask_cancel(answer.ask);
        WAIT_UNTIL(f, answer.done);
        assert_int_equal(answer.outcome, ASK_FAILED);
        open_gate(f); /* the unit still wants it */
        assert_int_equal(wait_for_all(f), ASK_DONE);
        assert_int_equal(answer.n_done, 1);
        assert_int_equal(n_started(f), 1);
        remove_gate(f);
}

int main(void) {
#define TEST(name)                                                                                 \
        cmocka_unit_test_setup_teardown(name, engine_fixture_setup, engine_fixture_teardown)
        const struct CMUnitTest tests[] = {
                TEST(a_get_is_never_stale),
                TEST(a_project_that_changed_within_an_instant_is_read),
                TEST(a_project_that_can_be_read_again_is_good),
                TEST(a_source_that_is_replaced_meanwhile_is_looked_at_again),
                TEST(what_only_an_ask_saw_is_gone_with_its_file),
                TEST(what_only_an_ask_saw_is_looked_after),
                TEST(a_source_from_elsewhere_is_not_in_the_workspace),
                TEST(a_get_sees_a_new_toolchain),
                TEST(who_waits_is_told_of_a_pause),
                TEST(without_wait_it_says_not_ready),
                TEST(several_targets_need_a_choice),
                TEST(what_is_no_source_is_told_apart),
                TEST(without_a_target_there_is_a_remedy),
                TEST(wait_tells_what_is_not_as_the_files_say),
                TEST(a_root_counts_its_models_only),
                TEST(a_cancelled_get_is_answered_once),
        };
#undef TEST

        log_open(LOG_LEVEL_ERROR);
        (void) signal(SIGPIPE, SIG_IGN);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
