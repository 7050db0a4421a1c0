/* Directories and roots that come, go and move. */

#include "watch_fixture.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>

/* ---- directories ---------------------------------------------------------------------------- */

static void a_file_in_directories_just_made_is_not_missed(void **state) {
        Fixture *f = *state;
        char name[64];

        for (unsigned i = 0; i < 200; i++) {
                (void) snprintf(name, sizeof(name), "%u/a/b/c", i);
                make_dirs(at(f, name));
                (void) snprintf(name, sizeof(name), "%u/a/b/c/x.xmodel", i);
                save(at(f, name), "1");
                /* sometimes in the middle, sometimes all at once */
                if (i % 3 == 0)
                        (void) watch_dispatch(f->watch, sink, f, 1 + i % 7);
        }
        drain(f);
        assert_int_equal(watch_root_info(f->root).n_files, 200);
        compare_with_disk(f);
}

static void a_directory_moved_in_brings_its_contents(void **state) {
        Fixture *f = *state;

        make_dirs(outside(f, "made/a/b"));
        save(outside(f, "made/x.xmodel"), "1");
        save(outside(f, "made/a/b/y.xmodel"), "1");
        move(outside(f, "made"), at(f, "in"));
        drain(f);
        assert_true(seen(f, at(f, "in/a/b/y.xmodel"))->present);
        compare_with_disk(f);
        save(at(f, "in/a/b/y.xmodel"), "22");
        drain(f);
        assert_int_equal(seen(f, at(f, "in/a/b/y.xmodel"))->n_changed, 2);
}

static void a_directory_moved_out_is_forgotten(void **state) {
        Fixture *f = *state;
        unsigned events;

        make_dirs(at(f, "d/a/b"));
        save(at(f, "d/x.xmodel"), "1");
        save(at(f, "d/a/b/y.xmodel"), "1");
        drain(f);
        move(at(f, "d"), outside(f, "out"));
        drain(f);
        assert_int_equal(seen(f, at(f, "d/a/b/y.xmodel"))->n_gone, 1);
        assert_int_equal(watch_root_info(f->root).n_directories, 1);
        compare_with_disk(f);

        events = f->n_events;
        save(outside(f, "out/a/b/y.xmodel"), "2");
        make_dirs(outside(f, "out/a/c"));
        drain(f);
        assert_int_equal(f->n_events, events);
}

static void a_directory_renamed_within_changes_its_paths(void **state) {
        Fixture *f = *state;

        make_dirs(at(f, "d/a"));
        make_dirs(at(f, "e"));
        save(at(f, "d/a/x.xmodel"), "1");
        drain(f);
        move(at(f, "d"), at(f, "e/d"));
        drain(f);
        assert_false(seen(f, at(f, "d/a/x.xmodel"))->present);
        assert_true(seen(f, at(f, "e/d/a/x.xmodel"))->present);
        save(at(f, "e/d/a/x.xmodel"), "22");
        drain(f);
        assert_int_equal(seen(f, at(f, "e/d/a/x.xmodel"))->n_changed, 2);

        /* there and back again, and two that change places, seen only afterwards */
        move(at(f, "e/d"), at(f, "d"));
        move(at(f, "d"), at(f, "e/d"));
        make_dirs(at(f, "one/sub"));
        make_dirs(at(f, "two/sub"));
        save(at(f, "one/sub/x.xmodel"), "1");
        save(at(f, "two/sub/x.xmodel"), "22");
        drain(f);
        move(at(f, "one"), at(f, "three"));
        move(at(f, "two"), at(f, "one"));
        move(at(f, "three"), at(f, "two"));
        drain(f);
        assert_int_equal(seen(f, at(f, "one/sub/x.xmodel"))->id.size, 2);
        compare_with_disk(f);
        save(at(f, "two/sub/x.xmodel"), "4444");
        drain(f);
        compare_with_disk(f);
}

static void a_directory_deleted_and_made_again(void **state) {
        Fixture *f = *state;

        for (unsigned i = 0; i < 20; i++) {
                make_dirs(at(f, "d/a"));
                save(at(f, "d/a/x.xmodel"), "1");
                if (i % 2 == 0)
                        drain(f);
                if (i % 4 < 2)
                        assert_int_equal(file_remove_tree(AT_FDCWD, at(f, "d")), 0);
                if (i % 3 == 0)
                        drain(f);
        }
        drain(f);
        compare_with_disk(f);
        save(at(f, "d/a/x.xmodel"), "22");
        drain(f);
        compare_with_disk(f);
}

static void too_deep_is_left_out_and_said(void **state) {
        Fixture *f = *state;
        char path[PATH_MAX * 2];
        size_t n;

        n = (size_t) snprintf(path, sizeof(path), "%s", f->top);
        for (unsigned i = 0; i < WATCH_DEPTH_MAX + 5; i++) {
                n += (size_t) snprintf(path + n, sizeof(path) - n, "/d");
                require(mkdir(path, 0777) == 0);
        }
        drain(f);
        assert_int_equal(f->n_degraded, 1);
        assert_int_equal(f->trouble, WATCH_TROUBLE_TOO_DEEP);
        assert_int_equal(watch_root_info(f->root).n_directories, WATCH_DEPTH_MAX + 1);
        assert_false(watch_wants_poll(f->watch));

        /* renamed to something shallow, it is seen */
        path[strlen(f->top) + 2 * (WATCH_DEPTH_MAX - 2)] = '\0';
        move(path, at(f, "top"));
        drain(f);
        watch_rescan(f->watch, f->root);
        drain(f);
        assert_int_equal(f->n_recovered, 1);
        assert_int_equal(watch_root_info(f->root).n_degraded, 0);
}

/* goes down by descriptors, as the paths get longer than PATH_MAX */
static void a_path_beyond_path_max_is_left_out(void **state) {
        Fixture *f = *state;
        char name[NAME_MAX + 1];
        int fd = open(f->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        memset(name, 'd', NAME_MAX);
        name[NAME_MAX] = '\0';
        for (unsigned i = 0; i < 20; i++) {
                int next;

                require(mkdirat(fd, name, 0777) == 0);
                next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                require(next >= 0);
                close(fd);
                fd = next;
        }
        close(fd);
        drain(f);
        assert_int_equal(f->trouble, WATCH_TROUBLE_TOO_DEEP);
        assert_true(watch_root_info(f->root).n_directories >= 15);
}

static void nodes_are_capped(void **state) {
        Fixture *f = *state;
        char name[32];

        require(watch_new(&f->watch, 10) == 0);
        require(watch_add_root(f->watch, f->top, &watch_fixture_filter, f, &f->root) == 0);
        for (unsigned i = 0; i < 20; i++) {
                (void) snprintf(name, sizeof(name), "%u.xmodel", i);
                save(at(f, name), "1");
        }
        drain(f);
        assert_int_equal(f->n_degraded, 1);
        assert_int_equal(f->trouble, WATCH_TROUBLE_TOO_MANY);
        assert_int_equal(watch_root_info(f->root).n_files, 9);
        for (unsigned i = 5; i < 20; i++) {
                (void) snprintf(name, sizeof(name), "%u.xmodel", i);
                assert_int_equal(unlink(at(f, name)), 0);
        }
        drain(f);
        watch_rescan(f->watch, f->root);
        drain(f);
        assert_int_equal(f->n_recovered, 1);
        compare_with_disk(f);
}

/* ---- roots ---------------------------------------------------------------------------------- */

static void a_root_that_goes_is_awaited(void **state) {
        Fixture *f = *state;

        make_dirs(at(f, "d"));
        save(at(f, "d/x.xmodel"), "1");
        drain(f);
        assert_int_equal(file_remove_tree(AT_FDCWD, f->top), 0);
        drain(f);
        assert_int_equal(f->n_gone, 1);
        assert_false(seen(f, at(f, "d/x.xmodel"))->present);
        assert_true(watch_root_info(f->root).gone);
        assert_true(watch_wants_poll(f->watch));

        watch_poll(f->watch);
        drain(f);
        assert_int_equal(f->n_back, 0);
        make_dirs(at(f, "d"));
        save(at(f, "d/x.xmodel"), "1");
        watch_poll(f->watch);
        drain(f);
        assert_int_equal(f->n_back, 1);
        assert_int_equal(f->n_scanned, 2);
        assert_false(watch_wants_poll(f->watch));
        compare_with_disk(f);
}

static void a_root_moved_away_or_replaced(void **state) {
        Fixture *f = *state;

        save(at(f, "x.xmodel"), "1");
        drain(f);
        move(f->top, outside(f, "aside"));
        drain(f);
        assert_int_equal(f->n_gone, 1);

        make_dirs(f->top);
        watch_poll(f->watch);
        drain(f);
        compare_with_disk(f);

        /* replaced before anybody looked: known by its inode */
        make_dirs(outside(f, "other/sub"));
        save(outside(f, "other/sub/y.xmodel"), "1");
        move(f->top, outside(f, "aside2"));
        move(outside(f, "other"), f->top);
        drain(f);
        assert_int_equal(f->n_gone, 1);
        assert_int_equal(f->n_lost, 1);
        assert_int_equal(watch_root_info(f->root).epoch, 2);
        compare_with_disk(f);
}

/* The root is @name, some way below the directory that would be it. */
static void start_below(Fixture *f, const char *name) {
        char top[PATH_MAX + 16];

        (void) snprintf(top, sizeof(top), "%s/%s", f->top, name);
        require(watch_new(&f->watch, WATCH_NODES_MAX) == 0);
        require(watch_add_root(f->watch, top, &watch_fixture_filter, f, &f->root) == 0);
        drain(f);
}

static void what_is_above_a_root_is_renamed(void **state) {
        Fixture *f = *state;

        make_dirs(at(f, "deep/est/root"));
        save(at(f, "deep/est/root/x.xmodel"), "1");
        start_below(f, "deep/est/root");
        assert_false(watch_wants_poll(f->watch));
        move(at(f, "deep"), at(f, "other"));
        drain(f);
        assert_int_equal(f->n_gone, 1);
        assert_false(seen(f, at(f, "deep/est/root/x.xmodel"))->present);

        move(at(f, "other"), at(f, "deep"));
        watch_poll(f->watch);
        drain(f);
        assert_int_equal(f->n_back, 1);
        assert_true(seen(f, at(f, "deep/est/root/x.xmodel"))->present);
        move(at(f, "deep/est"), at(f, "deep/west"));
        drain(f);
        assert_int_equal(f->n_gone, 2);
}

/* each time there is another way, which has to be watched */
static void what_is_above_a_root_is_replaced(void **state) {
        Fixture *f = *state;
        char name[64];

        make_dirs(at(f, "p/sub/root"));
        save(at(f, "p/sub/root/x.xmodel"), "1");
        start_below(f, "p/sub/root");
        for (unsigned i = 1; i <= 4; i++) {
                make_dirs(at(f, "new/sub/root"));
                save(at(f, "new/sub/root/x.xmodel"), "22");
                (void) snprintf(name, sizeof(name), "old%u", i);
                if (i % 2 == 0) {
                        move(at(f, "p"), at(f, name));
                        move(at(f, "new"), at(f, "p"));
                } else {
                        move(at(f, "p/sub"), at(f, name));
                        move(at(f, "new/sub"), at(f, "p/sub"));
                        assert_int_equal(rmdir(at(f, "new")), 0);
                }
                drain(f);
                assert_int_equal(f->n_lost, i);
                assert_int_equal(f->n_gone, 0);
                assert_false(watch_wants_poll(f->watch));
                (void) snprintf(name, sizeof(name), "p/sub/root/%u.xmodel", i);
                save(at(f, name), "1");
                drain(f);
                assert_true(seen(f, at(f, name))->present);
                assert_int_equal(watch_root_info(f->root).n_files, 2);
        }
}

static void a_root_that_is_not_there_yet(void **state) {
        Fixture *f = *state;
        WatchRoot *later, *twice;

        require(watch_add_root(f->watch, outside(f, "later"), &watch_fixture_filter, NULL,
                               &later) == 0);
        assert_int_equal(watch_add_root(f->watch, f->top, &watch_fixture_filter, NULL, &twice),
                         -EEXIST);
        drain(f);
        assert_int_equal(f->n_gone, 1);
        make_dirs(outside(f, "later"));
        save(outside(f, "later/x.xmodel"), "1");
        watch_poll(f->watch);
        drain(f);
        assert_int_equal(f->n_back, 1);
        assert_true(seen(f, outside(f, "later/x.xmodel"))->present);
        watch_remove_root(f->watch, later);
        drain(f);
        assert_true(seen(f, outside(f, "later/x.xmodel"))->present); /* nothing was said */
        require(watch_add_root(f->watch, outside(f, "later"), &watch_fixture_filter, NULL,
                               &later) == 0);
        drain(f);
        assert_int_equal(seen(f, outside(f, "later/x.xmodel"))->n_changed, 2);
}

typedef struct Roots {
        const WatchRoot *expected[2];
        unsigned n[2];
} Roots;

static void count_by_root(const WatchEvent *event, void *userdata) {
        Roots *roots = userdata;

        for (unsigned i = 0; i < 2; i++)
                if (event->root == roots->expected[i] && event->kind == WATCH_FILE_CHANGED)
                        roots->n[i]++;
}

static void roots_may_lie_within_one_another(void **state) {
        Fixture *f = *state;
        Roots roots = { 0 };
        WatchRoot *inner;

        make_dirs(at(f, "a/b"));
        drain(f);
        require(watch_add_root(f->watch, at(f, "a"), &watch_fixture_filter, NULL, &inner) == 0);
        drain(f);
        save(at(f, "a/b/x.xmodel"), "1");
        roots.expected[0] = f->root;
        roots.expected[1] = inner;
        while (watch_dispatch(f->watch, count_by_root, &roots, 3) == 1)
                continue;
        assert_int_equal(roots.n[0], 1);
        assert_int_equal(roots.n[1], 1);

        /* the one goes, the other keeps its watches */
        watch_remove_root(f->watch, inner);
        save(at(f, "a/b/x.xmodel"), "22");
        while (watch_dispatch(f->watch, count_by_root, &roots, 3) == 1)
                continue;
        assert_int_equal(roots.n[0], 2);
        assert_int_equal(roots.n[1], 1);
}

static unsigned count_watches(Fixture *f) {
        char path[64], line[256];
        unsigned n = 0;
        FILE *file;

        (void) snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", watch_fd(f->watch));
        file = fopen(path, "re");
        require(file);
        while (fgets(line, sizeof(line), file))
                n += strncmp(line, "inotify wd:", 11) == 0;
        (void) fclose(file);
        return n;
}

static bool has_events(Fixture *f) {
        struct pollfd poll_fd = { .fd = watch_fd(f->watch), .events = POLLIN };

        return poll(&poll_fd, 1, 0) == 1;
}

/* What is above the one is in the other, and is watched for the one when the other is no more. */
static void the_way_to_a_root_may_lie_within_another(void **state) {
        Fixture *f = *state;
        WatchRoot *inner;

        make_dirs(at(f, "a/b/c"));
        save(at(f, "a/b/c/x.xmodel"), "1");
        drain(f);
        require(watch_add_root(f->watch, at(f, "a/b/c"), &watch_fixture_filter, NULL, &inner) == 0);
        drain(f);
        watch_remove_root(f->watch, f->root);
        drain(f);
        assert_false(has_events(f));
        make_dirs(at(f, "a/d"));
        save(at(f, "a/y.xmodel"), "1");
        assert_false(has_events(f)); /* which it is not watched for */

        move(at(f, "a/b"), at(f, "a/e"));
        drain(f);
        assert_int_equal(f->n_gone, 1);
        assert_int_equal(count_watches(f), 0);
        move(at(f, "a/e"), at(f, "a/b"));
        watch_poll(f->watch);
        drain(f);
        assert_true(count_watches(f) > 1);
        watch_remove_root(f->watch, inner);
        drain(f);
        assert_int_equal(count_watches(f), 0);
        f->root = NULL;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                on_started(a_file_in_directories_just_made_is_not_missed),
                on_started(a_directory_moved_in_brings_its_contents),
                on_started(a_directory_moved_out_is_forgotten),
                on_started(a_directory_renamed_within_changes_its_paths),
                on_started(a_directory_deleted_and_made_again),
                on_started(too_deep_is_left_out_and_said),
                on_started(a_path_beyond_path_max_is_left_out),
                on_bare(nodes_are_capped),
                on_started(a_root_that_goes_is_awaited),
                on_started(a_root_moved_away_or_replaced),
                on_bare(what_is_above_a_root_is_renamed),
                on_bare(what_is_above_a_root_is_replaced),
                on_started(a_root_that_is_not_there_yet),
                on_started(roots_may_lie_within_one_another),
                on_started(the_way_to_a_root_may_lie_within_another),
        };

        return watch_fixture_run(tests);
}
