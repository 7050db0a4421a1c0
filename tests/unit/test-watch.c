/* Saves, and what else happens to files. */

#include "watch_fixture.h"

#include <poll.h>
#include <sys/stat.h>

/* ---- saves ---------------------------------------------------------------------------------- */

static void finds_what_was_there(void **state) {
        Fixture *f = *state;

        make_dirs(at(f, "a/b/c"));
        save(at(f, "a/b/c/x.xmodel"), "1");
        save(at(f, "a/arch.json"), "{}");
        save(at(f, "a/noise.txt"), "");
        start(f);
        assert_int_equal(seen(f, at(f, "a/b/c/x.xmodel"))->n_changed, 1);
        assert_int_equal(seen(f, at(f, "a/arch.json"))->n_changed, 1);
        assert_int_equal(f->n_events, 3); /* and SCANNED */
        assert_int_equal(watch_root_info(f->root).n_directories, 4);
        assert_false(watch_wants_poll(f->watch));
        compare_with_disk(f);
}

static void a_save_wakes_poll_and_is_reported_once(void **state) {
        Fixture *f = *state;
        struct pollfd pfd = { .fd = watch_fd(f->watch), .events = POLLIN };
        Seen *s = seen(f, at(f, "x.xmodel"));

        assert_int_equal(poll(&pfd, 1, 0), 0);
        save(at(f, "x.xmodel"), "1");
        assert_int_equal(poll(&pfd, 1, 10000), 1);
        drain(f);
        assert_int_equal(s->n_changed, 1);
        assert_int_equal(poll(&pfd, 1, 0), 0);

        save(at(f, "x.xmodel"), "22"); /* in place */
        drain(f);
        assert_int_equal(s->n_changed, 2);
        assert_int_equal(s->id.size, 2);
        compare_with_disk(f);
}

static void rename_over_is_a_save(void **state) {
        Fixture *f = *state;

        save(at(f, "x.xmodel"), "1");
        drain(f);
        save(at(f, "x.xmodel.tmp"), "new");
        move(at(f, "x.xmodel.tmp"), at(f, "x.xmodel"));
        drain(f);
        assert_int_equal(seen(f, at(f, "x.xmodel"))->n_changed, 2);
        assert_int_equal(seen(f, at(f, "x.xmodel"))->n_gone, 0);
        compare_with_disk(f);
}

static void backup_and_rename_ends_with_the_new_file(void **state) {
        Fixture *f = *state;
        Seen *s;

        save(at(f, "x.xmodel"), "1");
        drain(f);
        s = seen(f, at(f, "x.xmodel"));

        /* as vim does it: the old one aside, a new one in its place, the old one away */
        move(at(f, "x.xmodel"), at(f, "x.xmodel~"));
        drain(f);
        assert_false(s->present);
        save(at(f, "x.xmodel"), "new");
        assert_int_equal(unlink(at(f, "x.xmodel~")), 0);
        drain(f);
        assert_true(s->present);
        assert_int_equal(s->n_changed, 2);

        /* the same, seen only afterwards */
        move(at(f, "x.xmodel"), at(f, "x.xmodel~"));
        save(at(f, "x.xmodel"), "newer");
        drain(f);
        assert_int_equal(s->n_changed, 3);
        compare_with_disk(f);
}

static void a_slow_writer_gives_one_change(void **state) {
        Fixture *f = *state;
        Seen *s = seen(f, at(f, "x.xmodel"));
        int fd = open_new(s->path);

        for (unsigned i = 0; i < 20; i++) {
                assert_int_equal(file_write_all(fd, "chunk", 5), 0);
                drain(f);
                assert_int_equal(s->n_changed, 0);
                assert_true(s->writing);
                assert_true(s->n_writing >= i);
        }
        close(fd);
        drain(f);
        assert_int_equal(s->n_changed, 1);
        assert_int_equal(s->id.size, 100);
        compare_with_disk(f);

        /* written again in place: first emptied, and not a change before it is closed */
        fd = open_new(s->path);
        drain(f);
        assert_true(s->writing);
        assert_int_equal(s->n_changed, 1);
        assert_int_equal(file_write_all(fd, "x", 1), 0);
        close(fd);
        drain(f);
        assert_int_equal(s->n_changed, 2);
}

static void links_are_complete_at_once(void **state) {
        Fixture *f = *state;

        save(outside(f, "kept"), "model");
        assert_int_equal(link(outside(f, "kept"), at(f, "hard.xmodel")), 0);
        assert_int_equal(symlink(outside(f, "kept"), at(f, "soft.xmodel")), 0);
        assert_int_equal(symlink("nowhere", at(f, "dangling.xmodel")), 0);
        drain(f);
        assert_int_equal(seen(f, at(f, "hard.xmodel"))->n_changed, 1);
        assert_int_equal(seen(f, at(f, "soft.xmodel"))->n_changed, 1);
        assert_int_equal(seen(f, at(f, "soft.xmodel"))->id.size, 5);
        assert_false(seen(f, at(f, "dangling.xmodel"))->present);
        compare_with_disk(f);

        /* the first name is gone before we look */
        const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

        save(at(f, "temporary"), "model");
        assert_int_equal(utimensat(AT_FDCWD, at(f, "temporary"), old, 0), 0);
        assert_int_equal(link(at(f, "temporary"), at(f, "only.xmodel")), 0);
        assert_int_equal(unlink(at(f, "temporary")), 0);
        drain(f);
        assert_int_equal(seen(f, at(f, "only.xmodel"))->n_changed, 1);
        compare_with_disk(f);
}

static void directory_links_are_not_followed(void **state) {
        Fixture *f = *state;

        make_dirs(outside(f, "elsewhere"));
        save(outside(f, "elsewhere/x.xmodel"), "1");
        assert_int_equal(symlink("..", at(f, "loop")), 0);
        assert_int_equal(symlink("self.xmodel", at(f, "self.xmodel")), 0);
        assert_int_equal(symlink(outside(f, "elsewhere"), at(f, "link")), 0);
        assert_int_equal(symlink(outside(f, "elsewhere"), at(f, "link.xmodel")), 0);
        drain(f);
        watch_rescan(f->watch, f->root);
        drain(f);
        assert_int_equal(watch_root_info(f->root).n_directories, 1);
        assert_int_equal(watch_root_info(f->root).n_files, 0);
}

static void only_regular_files_count(void **state) {
        Fixture *f = *state;
        Seen *s = seen(f, at(f, "x.xmodel"));

        assert_int_equal(mkfifo(at(f, "fifo.xmodel"), 0666), 0);
        drain(f);
        assert_false(seen(f, at(f, "fifo.xmodel"))->present);

        /* a model, replaced by a FIFO, a directory, a model */
        save(s->path, "1");
        drain(f);
        assert_true(s->present);
        move(at(f, "fifo.xmodel"), s->path);
        drain(f);
        assert_false(s->present);
        assert_int_equal(unlink(s->path), 0);
        make_dirs(at(f, "x.xmodel/y.xmodel"));
        save(at(f, "x.xmodel/y.xmodel/z.xmodel"), "1");
        drain(f);
        compare_with_disk(f);
        assert_int_equal(file_remove_tree(AT_FDCWD, s->path), 0);
        save(s->path, "2");
        drain(f);
        assert_true(s->present);
        compare_with_disk(f);
}

/* the scan is ahead of the events, which wait behind a lot of noise */
static void a_scan_may_find_another_kind_of_thing(void **state) {
        Fixture *f = *state;
        Seen *s = seen(f, at(f, "x.xmodel"));

        make_dirs(at(f, "x.xmodel/sub"));
        save(at(f, "x.xmodel/sub/y.xmodel"), "1");
        save(at(f, "y.xmodel"), "1");
        drain(f);
        for (unsigned i = 0; i < 500; i++)
                save(at(f, i % 2 == 0 ? "noise" : "more noise"), "");
        assert_int_equal(file_remove_tree(AT_FDCWD, s->path), 0);
        save(s->path, "1");
        assert_int_equal(unlink(at(f, "y.xmodel")), 0);
        make_dirs(at(f, "y.xmodel/sub"));
        watch_rescan(f->watch, f->root);
        while (watch_root_info(f->root).scanning)
                require(watch_dispatch(f->watch, sink, f, 1) == 1);
        assert_true(s->present);
        assert_false(seen(f, at(f, "y.xmodel"))->present);
        drain(f);
        compare_with_disk(f);
}

static void odd_names_are_bytes(void **state) {
        Fixture *f = *state;
        char longest[NAME_MAX + 1];

        memset(longest, 'n', sizeof(longest));
        memcpy(longest + NAME_MAX - 7, ".xmodel", 8);
        make_dirs(at(f, "new\nline/\xff\xfe"));
        save(at(f, "new\nline/\xff\xfe/\x80 \t.xmodel"), "1");
        save(at(f, longest), "1");
        save(at(f, "*?[.xmodel"), "1");
        save(at(f, " .xmodel"), "1");
        drain(f);
        compare_with_disk(f);
        assert_int_equal(watch_root_info(f->root).n_files, 4);
        move(at(f, "new\nline"), at(f, "\xc3"));
        drain(f);
        compare_with_disk(f);
}

static void a_mode_change_is_a_reason_to_look_again(void **state) {
        Fixture *f = *state;

        save(at(f, "x.xmodel"), "1");
        drain(f);
        assert_int_equal(chmod(at(f, "x.xmodel"), 0600), 0);
        drain(f);
        assert_int_equal(seen(f, at(f, "x.xmodel"))->n_changed, 2);
}

static void noise_is_not_reported(void **state) {
        Fixture *f = *state;
        unsigned before = f->n_events;

        make_dirs(at(f, ".git/objects"));
        make_dirs(at(f, "node_modules/a"));
        save(at(f, ".git/x.xmodel"), "1");
        save(at(f, "node_modules/package.json"), "1");
        for (unsigned i = 0; i < 100; i++)
                save(at(f, "train.log"), "epoch");
        drain(f);
        assert_int_equal(f->n_events, before);
        assert_int_equal(watch_root_info(f->root).n_directories, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                on_bare(finds_what_was_there),
                on_started(a_save_wakes_poll_and_is_reported_once),
                on_started(rename_over_is_a_save),
                on_started(backup_and_rename_ends_with_the_new_file),
                on_started(a_slow_writer_gives_one_change),
                on_started(links_are_complete_at_once),
                on_started(directory_links_are_not_followed),
                on_started(only_regular_files_count),
                on_started(a_scan_may_find_another_kind_of_thing),
                on_started(odd_names_are_bytes),
                on_started(a_mode_change_is_a_reason_to_look_again),
                on_started(noise_is_not_reported),
        };

        return watch_fixture_run(tests);
}
