#include "unit.h"

#include <errno.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/path.h"
#include "base/random.h"
#include "daemon/watch.h"
#include "tests/support/fail_alloc.h"

/*
 * Real inotify in a directory of our own. What this process does to the tree is in the kernel's
 * queue when the system call returns, so there is nothing to wait for: drain() dispatches until
 * the watcher says that there is no more.
 */

/* like assert_true(), and works in a forked child too */
#define require(expression)                                                                        \
        do {                                                                                       \
                if (!(expression)) {                                                               \
                        (void) fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__,        \
                                       #expression);                                               \
                        abort();                                                                   \
                }                                                                                  \
        } while (0)

/* ---- what the events tell ------------------------------------------------------------------ */

typedef struct Seen {
        UT_hash_handle hh;
        StatId id;
        bool present;
        bool writing;
        unsigned n_changed;
        unsigned n_writing;
        unsigned n_gone;
        char path[];
} Seen;

typedef struct Fixture {
        UnitDir *dir;
        char top[PATH_MAX]; /* of the root */
        Watch *watch;
        WatchRoot *root;
        Seen *seen; /* all paths ever reported, of all roots */
        unsigned n_events;
        unsigned n_lost, n_scanned, n_gone, n_back, n_degraded, n_recovered;
        WatchTrouble trouble; /* of the last DEGRADED */
        char degraded[PATH_MAX];
} Fixture;

static Seen *seen(Fixture *f, const char *path) {
        Seen *s;

        HASH_FIND_STR(f->seen, path, s);
        if (!s) {
                s = calloc(1, sizeof(*s) + strlen(path) + 1);
                require(s);
                memcpy(s->path, path, strlen(path) + 1);
                HASH_ADD_STR(f->seen, path, s);
        }
        return s;
}

static void sink_file(Fixture *f, const WatchEvent *event) {
        Seen *s = seen(f, event->path);

        if (event->kind == WATCH_FILE_GONE) {
                require(s->present);
                s->present = s->writing = false;
                s->n_gone++;
                return;
        }
        s->present = true;
        s->writing = event->kind == WATCH_FILE_WRITING;
        if (s->writing)
                s->n_writing++;
        else {
                s->n_changed++;
                s->id = event->id;
        }
}

static void sink(const WatchEvent *event, void *userdata) {
        Fixture *f = userdata;

        f->n_events++;
        switch (event->kind) {
        case WATCH_FILE_CHANGED:
        case WATCH_FILE_WRITING:
        case WATCH_FILE_GONE:
                sink_file(f, event);
                break;
        case WATCH_ROOT_GONE:
                f->n_gone++;
                break;
        case WATCH_ROOT_BACK:
                f->n_back++;
                break;
        case WATCH_LOST:
                f->n_lost++;
                break;
        case WATCH_SCANNED:
                f->n_scanned++;
                break;
        case WATCH_DEGRADED:
                f->n_degraded++;
                f->trouble = event->trouble;
                (void) snprintf(f->degraded, sizeof(f->degraded), "%s", event->path);
                break;
        case WATCH_RECOVERED:
                f->n_recovered++;
                break;
        }
}

static void drain(Fixture *f) {
        int r;

        do
                r = watch_dispatch(f->watch, sink, f, WATCH_BUDGET);
        while (r == 1);
        require(r == 0);
        require(!watch_is_busy(f->watch));
}

/* ---- the tree ------------------------------------------------------------------------------- */

/* Absolute path of something below the root. A few results stay valid at a time. */
static const char *at(const Fixture *f, const char *name) {
        static char paths[4][PATH_MAX * 2];
        static unsigned next;
        char *path = paths[next++ % 4];

        (void) snprintf(path, PATH_MAX * 2, "%s/%s", f->top, name);
        return path;
}

/* beside the root, not in it */
static const char *outside(const Fixture *f, const char *name) {
        static char path[PATH_MAX * 2];

        (void) snprintf(path, sizeof(path), "%s/%s", f->dir->path, name);
        return path;
}

static int open_new(const char *path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

        require(fd >= 0);
        return fd;
}

static void save(const char *path, const char *content) {
        int fd = open_new(path);

        require(file_write_all(fd, content, strlen(content)) == 0);
        require(close(fd) == 0);
}

static void make_dirs(const char *path) {
        int fd = file_make_dirs(AT_FDCWD, path, 0777);

        require(fd >= 0);
        close(fd);
}

static void move(const char *from, const char *to) {
        require(rename(from, to) == 0);
}

static bool wanted(const char *name, void *userdata) {
        (void) userdata;
        return path_ends_with(name, ".xmodel") || path_ends_with(name, ".json");
}

static bool ignored(const char *relative, bool is_directory, void *userdata) {
        const char *name = path_basename(relative);

        (void) userdata;
        require(relative[0] != '/' && relative[0] != '\0');
        return is_directory && (name[0] == '.' || strcmp(name, "node_modules") == 0);
}

static const WatchFilter filter = { .wanted = wanted, .ignored = ignored };

/* ---- a fresh look, to compare with --------------------------------------------------------- */

static Fixture *walked; /* nftw() has no userdata */
static unsigned n_walked;

static int walk_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        const char *name = path + ftw->base;
        struct stat target;
        Seen *s;

        if (type == FTW_D && ftw->level > 0 && ignored(name, true, NULL))
                return FTW_SKIP_SUBTREE;
        if (type == FTW_D || !wanted(name, NULL) || stat(path, &target) < 0 ||
            !S_ISREG(target.st_mode))
                return FTW_CONTINUE;

        s = seen(walked, path);
        if (!s->present)
                (void) fprintf(stderr, "never heard of: %s\n", path);
        require(s->present);
        /* linked and unlinked within a tick: see watch.h */
        require(!s->writing || name[0] == 'l');
        require(s->id.ino == target.st_ino);
        if (!S_ISLNK(st->st_mode)) {
                StatId id = stat_id_of(st);

                require(s->id.size == id.size && s->id.mtime_ns == id.mtime_ns);
        }
        n_walked++;
        return FTW_CONTINUE;
}

static void count_file(const char *path, const StatId *id, bool writing, void *userdata) {
        unsigned *n = userdata;

        (void) path;
        (void) id;
        (void) writing;
        ++*n;
}

/* what the events said, what the watcher says, and what is there are the same */
static void compare_with_disk(Fixture *f) {
        unsigned n_present = 0, n_known = 0;

        walked = f;
        n_walked = 0;
        require(nftw(f->top, walk_entry, 64, FTW_PHYS | FTW_ACTIONRETVAL) == 0);
        for (Seen *s = f->seen; s; s = s->hh.next)
                n_present += s->present;
        watch_for_each_file(f->watch, f->root, count_file, &n_known);
        require(n_present == n_walked);
        require(n_known == n_walked);
        require(watch_root_info(f->root).n_files == n_walked);
}

/* ---- fixture -------------------------------------------------------------------------------- */

static int setup_bare(void **state) {
        static Fixture f;
        void *dir;

        memset(&f, 0, sizeof(f));
        if (unit_dir_setup(&dir) < 0)
                return -1;
        f.dir = dir;
        (void) snprintf(f.top, sizeof(f.top), "%s/root", f.dir->path);
        if (mkdir(f.top, 0777) < 0 || chmod(f.dir->path, 0777) < 0)
                return -1;
        *state = &f;
        return 0;
}

static void start(Fixture *f) {
        require(watch_new(&f->watch, WATCH_NODES_MAX) == 0);
        require(watch_add_root(f->watch, f->top, &filter, f, &f->root) == 0);
        drain(f);
}

static int setup(void **state) {
        Fixture *f;

        if (setup_bare(state) < 0)
                return -1;
        f = *state;
        start(f);
        return f->n_scanned == 1 ? 0 : -1;
}

static int teardown(void **state) {
        Fixture *f = *state;
        void *dir = f->dir;
        Seen *s, *next;

        f->watch = watch_free(f->watch);
        HASH_ITER(hh, f->seen, s, next) {
                HASH_DEL(f->seen, s);
                free(s);
        }
        return unit_dir_teardown(&dir);
}

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
        require(watch_add_root(f->watch, f->top, &filter, f, &f->root) == 0);
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

/* inotify says nothing of it, only looking does */
static void an_ancestor_renamed_is_found_by_polling(void **state) {
        Fixture *f = *state;
        char top[PATH_MAX + 16];

        make_dirs(at(f, "deep/root"));
        save(at(f, "deep/root/x.xmodel"), "1");
        (void) snprintf(top, sizeof(top), "%s/deep/root", f->top);
        require(watch_new(&f->watch, WATCH_NODES_MAX) == 0);
        require(watch_add_root(f->watch, top, &filter, f, &f->root) == 0);
        drain(f);
        move(at(f, "deep"), at(f, "other"));
        drain(f);
        assert_int_equal(f->n_gone, 0);
        watch_poll(f->watch);
        drain(f);
        assert_int_equal(f->n_gone, 1);
        move(at(f, "other"), at(f, "deep"));
        watch_poll(f->watch);
        drain(f);
        assert_int_equal(f->n_back, 1);
        assert_true(seen(f, at(f, "deep/root/x.xmodel"))->present);
}

static void a_root_that_is_not_there_yet(void **state) {
        Fixture *f = *state;
        WatchRoot *later, *twice;

        require(watch_add_root(f->watch, outside(f, "later"), &filter, NULL, &later) == 0);
        assert_int_equal(watch_add_root(f->watch, f->top, &filter, NULL, &twice), -EEXIST);
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
        require(watch_add_root(f->watch, outside(f, "later"), &filter, NULL, &later) == 0);
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
        require(watch_add_root(f->watch, at(f, "a"), &filter, NULL, &inner) == 0);
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

/* ---- loss and slices ------------------------------------------------------------------------ */

static unsigned read_limit(const char *path) {
        FILE *file = fopen(path, "re");
        unsigned limit = 0;

        require(file && fscanf(file, "%u", &limit) == 1);
        (void) fclose(file);
        return limit;
}

static void overflow_loses_nothing(void **state) {
        unsigned limit = read_limit("/proc/sys/fs/inotify/max_queued_events");
        Fixture *f = *state;
        char name[64];

        if (limit > 100000) {
                print_message("fs.inotify.max_queued_events is %u: too many to overflow\n", limit);
                skip();
        }
        make_dirs(at(f, "d"));
        save(at(f, "d/doomed.xmodel"), "1");
        save(at(f, "kept.xmodel"), "1");
        drain(f);
        for (unsigned i = 0; i < limit / 2 + 100; i++) {
                (void) snprintf(name, sizeof(name), "%u.xmodel", i);
                save(at(f, name), "1");
        }
        /* all of this is lost */
        assert_int_equal(unlink(at(f, "d/doomed.xmodel")), 0);
        save(at(f, "kept.xmodel"), "2");
        make_dirs(at(f, "late"));
        save(at(f, "late/last.xmodel"), "1");
        drain(f);
        assert_int_equal(f->n_lost, 1);
        assert_int_equal(f->n_scanned, 2);
        assert_int_equal(watch_root_info(f->root).epoch, 2);
        assert_true(seen(f, at(f, "late/last.xmodel"))->present);
        assert_int_equal(seen(f, at(f, "d/doomed.xmodel"))->n_gone, 1);
        assert_int_equal(seen(f, at(f, "kept.xmodel"))->n_changed, 2);
        compare_with_disk(f);

        /* and it goes on */
        save(at(f, "late/last.xmodel"), "22");
        drain(f);
        assert_int_equal(seen(f, at(f, "late/last.xmodel"))->n_changed, 2);
}

static void work_comes_in_slices(void **state) {
        Fixture *f = *state;
        unsigned n_calls = 0;
        char name[64];
        int r;

        for (unsigned i = 0; i < 3000; i++) {
                (void) snprintf(name, sizeof(name), "%u.xmodel", i);
                save(at(f, name), "1");
        }
        for (unsigned i = 0; i < 100; i++) {
                (void) snprintf(name, sizeof(name), "d%u/e", i);
                make_dirs(at(f, name));
        }
        do {
                unsigned before = f->n_events;

                r = watch_dispatch(f->watch, sink, f, 10);
                require(f->n_events - before <= 20); /* an event and an entry each */
                n_calls++;
        } while (r == 1);
        assert_int_equal(r, 0);
        assert_true(n_calls > 300);
        compare_with_disk(f);

        /* a directory with everything in it moves out: in slices too */
        move(f->top, outside(f, "aside"));
        n_calls = 0;
        do {
                unsigned before = f->n_events;

                r = watch_dispatch(f->watch, sink, f, 10);
                require(f->n_events - before <= 20);
                n_calls++;
        } while (r == 1);
        assert_true(n_calls > 300);
        assert_int_equal(f->n_gone, 1);
}

static bool nothing_wanted(const char *name, void *userdata) {
        (void) name;
        return *(const bool *) userdata;
}

static void a_changed_filter_takes_effect_with_a_rescan(void **state) {
        Fixture *f = *state;
        bool all = true;
        const WatchFilter switched = { .wanted = nothing_wanted,
                                       .ignored = ignored,
                                       .userdata = &all };

        require(watch_new(&f->watch, WATCH_NODES_MAX) == 0);
        require(watch_add_root(f->watch, f->top, &switched, f, &f->root) == 0);
        save(at(f, "x.xmodel"), "1");
        drain(f);
        all = false;
        watch_rescan(f->watch, f->root);
        drain(f);
        assert_int_equal(seen(f, at(f, "x.xmodel"))->n_gone, 1);
        all = true;
        watch_rescan(f->watch, f->root);
        drain(f);
        compare_with_disk(f);
}

/* ---- no events ------------------------------------------------------------------------------ */

/* a directory whose path has this in it is on NFS, as far as fstatfs(2) says */
#define REMOTE_NAME "remote-nfs"

int __real_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs);

int __wrap_fstatfs64(int fd, struct statfs *fs) {
        int r = __real_fstatfs64(fd, fs);
        char link[32], path[PATH_MAX] = "";

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (r == 0 && readlink(link, path, sizeof(path) - 1) > 0 && strstr(path, REMOTE_NAME))
                fs->f_type = 0x6969;
        return r;
}

static void a_filesystem_without_events_is_polled(void **state) {
        Fixture *f = *state;

        (void) snprintf(f->top, sizeof(f->top), "%s/" REMOTE_NAME, f->dir->path);
        make_dirs(at(f, "a/b"));
        start(f);
        assert_int_equal(f->n_degraded, 1);
        assert_int_equal(f->trouble, WATCH_TROUBLE_FILESYSTEM);
        assert_string_equal(f->degraded, f->top);
        assert_int_equal(watch_root_info(f->root).n_degraded, 3);
        assert_true(watch_wants_poll(f->watch));
        watch_poll(f->watch);
        drain(f);
        assert_int_equal(f->n_degraded, 1);
}

/* Runs @run in a child and expects it to return. */
static void in_child(Fixture *f, void (*run)(Fixture *f)) {
        pid_t pid;
        int status;

        (void) fflush(NULL);
        pid = fork();
        require(pid >= 0);
        if (pid == 0) {
                (void) signal(SIGABRT, SIG_DFL);
                run(f);
                _exit(0);
        }
        require(waitpid(pid, &status, 0) == pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                skip();
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static bool write_to(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC), r;

        if (fd < 0)
                return false;
        r = file_write_all(fd, text, strlen(text));
        close(fd);
        return r == 0;
}

/* root in a user namespace of its own, with limits of its own */
static void enter_namespace(int flags) {
        char map[64];
        uid_t uid = getuid();
        gid_t gid = getgid();

        if (unshare(CLONE_NEWUSER | flags) < 0) {
                (void) fprintf(stderr, "skipped: no user namespaces here (%s)\n", strerror(errno));
                _exit(77);
        }
        (void) write_to("/proc/self/setgroups", "deny");
        (void) snprintf(map, sizeof(map), "0 %u 1", (unsigned) uid);
        require(write_to("/proc/self/uid_map", map));
        (void) snprintf(map, sizeof(map), "0 %u 1", (unsigned) gid);
        require(write_to("/proc/self/gid_map", map));
}

static void run_without_watches(Fixture *f) {
        enter_namespace(0);
        require(write_to("/proc/sys/user/max_inotify_watches", "3"));
        make_dirs(at(f, "a/b/c/d"));
        save(at(f, "a/b/c/d/x.xmodel"), "1");
        start(f);

        /* found all the same, and said once, with the remedy */
        require(watch_root_info(f->root).n_directories == 5);
        require(watch_root_info(f->root).n_degraded == 2);
        require(f->n_degraded == 1 && f->trouble == WATCH_TROUBLE_WATCHES);
        require(strcmp(f->degraded, at(f, "a/b/c")) == 0);
        require(strstr(watch_trouble_text(f->trouble), "fs.inotify.max_user_watches"));
        require(seen(f, at(f, "a/b/c/d/x.xmodel"))->present);
        require(watch_wants_poll(f->watch));

        /* what changed a moment ago has to look the same at the next poll */
        watch_poll(f->watch);
        drain(f);
        require(seen(f, at(f, "a/b/c/d/x.xmodel"))->n_changed == 1);
        require(!seen(f, at(f, "a/b/c/d/x.xmodel"))->writing);
        save(at(f, "a/b/c/d/x.xmodel"), "22");
        make_dirs(at(f, "a/b/c/d/e"));
        save(at(f, "a/b/c/d/e/y.xmodel"), "1");
        watch_poll(f->watch);
        drain(f);
        require(seen(f, at(f, "a/b/c/d/x.xmodel"))->writing);
        watch_poll(f->watch);
        drain(f);
        require(seen(f, at(f, "a/b/c/d/x.xmodel"))->n_changed == 2);
        compare_with_disk(f);
        require(unlink(at(f, "a/b/c/d/x.xmodel")) == 0);
        watch_poll(f->watch);
        drain(f);
        require(seen(f, at(f, "a/b/c/d/x.xmodel"))->n_gone == 1);
        require(f->n_degraded == 1);

        /* the rest goes on with events */
        save(at(f, "a/b/z.xmodel"), "1");
        drain(f);
        require(seen(f, at(f, "a/b/z.xmodel"))->n_changed == 1);

        /* the limit was raised */
        require(write_to("/proc/sys/user/max_inotify_watches", "1000"));
        watch_poll(f->watch);
        drain(f);
        require(f->n_recovered == 1 && !watch_wants_poll(f->watch));
        save(at(f, "a/b/c/d/e/y.xmodel"), "22");
        drain(f);
        compare_with_disk(f);
}

static void a_watch_limit_degrades_to_polling(void **state) {
        in_child(*state, run_without_watches);
}

static void run_without_instances(Fixture *f) {
        enter_namespace(0);
        require(write_to("/proc/sys/user/max_inotify_instances", "0"));
        make_dirs(at(f, "a/b"));
        start(f);
        require(watch_fd(f->watch) == -1);
        require(f->n_degraded == 1 && f->trouble == WATCH_TROUBLE_INSTANCES);
        require(strstr(watch_trouble_text(f->trouble), "fs.inotify.max_user_instances"));
        save(at(f, "a/b/x.xmodel"), "1");
        watch_poll(f->watch);
        drain(f);
        watch_poll(f->watch);
        drain(f);
        compare_with_disk(f);

        require(write_to("/proc/sys/user/max_inotify_instances", "10"));
        watch_poll(f->watch);
        drain(f);
        require(watch_fd(f->watch) >= 0);
        require(f->n_recovered == 1 && !watch_wants_poll(f->watch));
        save(at(f, "a/b/x.xmodel"), "22");
        drain(f);
        compare_with_disk(f);
}

static void an_instance_limit_degrades_to_polling(void **state) {
        in_child(*state, run_without_instances);
}

static void run_mounts(Fixture *f) {
        enter_namespace(CLONE_NEWNS);
        make_dirs(at(f, "disk"));
        make_dirs(at(f, "bound"));
        make_dirs(at(f, "one/sub"));
        require(mount("tmpfs", at(f, "disk"), "tmpfs", 0, NULL) == 0);
        make_dirs(at(f, "disk/d"));
        save(at(f, "disk/d/x.xmodel"), "1");
        require(mount(at(f, "one"), at(f, "bound"), NULL, MS_BIND, NULL) == 0);
        start(f);
        compare_with_disk(f);

        /* one directory under two paths */
        save(at(f, "one/sub/x.xmodel"), "1");
        drain(f);
        require(seen(f, at(f, "one/sub/x.xmodel"))->n_changed == 1);
        require(seen(f, at(f, "bound/sub/x.xmodel"))->n_changed == 1);

        require(umount(at(f, "disk")) == 0);
        drain(f);
        require(!seen(f, at(f, "disk/d/x.xmodel"))->present);
        save(at(f, "disk/y.xmodel"), "1"); /* in the directory beneath */
        drain(f);
        compare_with_disk(f);
        watch_free(f->watch);

        /* the same for a whole root */
        HASH_CLEAR(hh, f->seen);
        (void) snprintf(f->top + strlen(f->top), sizeof(f->top) - strlen(f->top), "/disk");
        require(mount("tmpfs", f->top, "tmpfs", 0, NULL) == 0);
        save(at(f, "z.xmodel"), "1");
        start(f);
        require(seen(f, at(f, "z.xmodel"))->present);
        require(umount(f->top) == 0);
        drain(f);
        require(f->n_gone == 1 && !seen(f, at(f, "z.xmodel"))->present);
        watch_poll(f->watch);
        drain(f);
        require(f->n_back == 0); /* what was beneath the mount is not the root */
        require(mount("tmpfs", f->top, "tmpfs", 0, NULL) == 0);
        save(at(f, "new.xmodel"), "1");
        watch_poll(f->watch);
        drain(f);
        require(f->n_back == 1);
        compare_with_disk(f);
}

static void mounts_and_unmounts(void **state) {
        in_child(*state, run_mounts);
}

static void run_without_permission(Fixture *f) {
        if (getuid() == 0)
                require(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
        (void) snprintf(f->top + strlen(f->top), sizeof(f->top) - strlen(f->top), "/mine");
        make_dirs(at(f, "d/sub"));
        save(at(f, "d/sub/x.xmodel"), "1");
        require(chmod(at(f, "d"), 0) == 0);
        start(f);
        require(f->n_degraded == 1 && f->trouble == WATCH_TROUBLE_PERMISSION);
        require(!watch_wants_poll(f->watch));

        require(chmod(at(f, "d"), 0777) == 0);
        drain(f);
        require(f->n_recovered == 1);
        compare_with_disk(f);

        /* for a root nobody tells */
        require(chmod(f->top, 0) == 0);
        watch_rescan(f->watch, f->root);
        drain(f);
        require(f->n_degraded == 2 && watch_wants_poll(f->watch));
        require(!seen(f, at(f, "d/sub/x.xmodel"))->present);
        require(chmod(f->top, 0777) == 0);
        watch_poll(f->watch);
        drain(f);
        require(f->n_recovered == 2);
        compare_with_disk(f);
}

static void a_directory_without_permission_is_left_out(void **state) {
        Fixture *f = *state;

        require(chmod(f->top, 0777) == 0);
        in_child(f, run_without_permission);
}

/* ---- memory --------------------------------------------------------------------------------- */

typedef struct Sweep {
        Watch *watch;
        bool found[4]; /* by the first character of the name */
} Sweep;

static void sweep_sink(const WatchEvent *event, void *userdata) {
        Sweep *sweep = userdata;

        if (event->kind == WATCH_FILE_CHANGED)
                sweep->found[path_basename(event->path)[0] - '0'] = true;
        else if (event->kind == WATCH_FILE_GONE)
                sweep->found[path_basename(event->path)[0] - '0'] = false;
}

static void sweep_drain(Sweep *sweep) {
        int r;

        while ((r = watch_dispatch(sweep->watch, sweep_sink, sweep, 5)) != 0)
                require(r == 1 || r == -ENOMEM);
}

/* Either it cannot start, or nothing that failed is forgotten: it is done at the next try. */
static void watch_everything(Fixture *f) {
        Sweep sweep = { 0 };
        WatchRoot *root;
        int r;

        r = watch_new(&sweep.watch, WATCH_NODES_MAX);
        if (r == 0)
                r = watch_add_root(sweep.watch, f->top, &filter, NULL, &root);
        if (r < 0) {
                require(r == -ENOMEM);
                watch_free(sweep.watch);
                return;
        }

        sweep_drain(&sweep);
        require(sweep.found[0] && sweep.found[1] && !sweep.found[2] && !sweep.found[3]);
        require(mkdir(at(f, "new"), 0777) == 0 && mkdir(at(f, "new/d"), 0777) == 0);
        require(link(at(f, "0.xmodel"), at(f, "new/d/2.xmodel")) == 0);
        move(at(f, "d"), at(f, "moved"));
        require(link(at(f, "0.xmodel"), at(f, "new/3.xmodel")) == 0);
        sweep_drain(&sweep);
        require(sweep.found[0] && sweep.found[1] && sweep.found[2] && sweep.found[3]);
        require(watch_root_info(root).n_files == 4);
        watch_free(sweep.watch);
}

static void survives_without_memory(void **state) {
        Fixture *f = *state;
        long nth = -1;

        save(at(f, "0.xmodel"), "1");
        make_dirs(at(f, "d/e"));
        save(at(f, "d/e/1.xmodel"), "1");
        do {
                (void) file_remove_tree(AT_FDCWD, at(f, "new"));
                (void) rename(at(f, "moved"), at(f, "d"));
                fail_alloc_arm(++nth);
                watch_everything(f);
        } while (fail_alloc_disarm());
        assert_true(nth > 20);
}

/* ---- anything ------------------------------------------------------------------------------- */

typedef struct Chaos {
        Fixture *f;
        Random random;
        int open[4]; /* files being written */
} Chaos;

static unsigned chaos_below(Chaos *c, unsigned bound) {
        return (unsigned) random_below(&c->random, bound);
}

/* a path of one to four components out of few names, so that operations meet */
static const char *chaos_path(Chaos *c, char kind) {
        unsigned depth = chaos_below(c, 3);
        char path[64] = "";

        for (unsigned i = 0; i < depth; i++) {
                size_t n = strlen(path);

                (void) snprintf(path + n, sizeof(path) - n, "d%u/", chaos_below(c, 3));
        }
        (void) snprintf(path + strlen(path), sizeof(path) - strlen(path), "%c%u%s", kind,
                        chaos_below(c, 3), kind == 'd' ? "" : ".xmodel");
        return chaos_below(c, 8) == 0 ? outside(c->f, path) : at(c->f, path);
}

static void chaos_write(Chaos *c) {
        const char *path = chaos_path(c, 'f');
        unsigned slot = chaos_below(c, 4);
        struct stat st;

        /* writing through one name of several does not concern the others' directories */
        if (lstat(path, &st) == 0 && (st.st_nlink > 1 || !S_ISREG(st.st_mode)))
                (void) unlink(path);
        if (c->open[slot] >= 0)
                close(c->open[slot]);
        c->open[slot] = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
        if (c->open[slot] >= 0)
                (void) !write(c->open[slot], "12345678", 1 + chaos_below(c, 8));
        if (chaos_below(c, 2) == 0) {
                close(c->open[slot]);
                c->open[slot] = -1;
        }
}

static void chaos_move(Chaos *c, char kind) {
        char from[PATH_MAX * 2];

        (void) snprintf(from, sizeof(from), "%s", chaos_path(c, kind));
        (void) rename(from, chaos_path(c, kind));
}

static void chaos_link(Chaos *c) {
        char from[PATH_MAX * 2];

        (void) snprintf(from, sizeof(from), "%s", chaos_path(c, 'f'));
        if (chaos_below(c, 2) == 0)
                (void) link(from, chaos_path(c, 'l'));
        else
                (void) symlink(from, chaos_path(c, 's'));
}

static void chaos_step(Chaos *c) {
        char path[PATH_MAX * 2];

        switch (chaos_below(c, 12)) {
        case 0:
        case 1:
                (void) mkdir(chaos_path(c, 'd'), 0777);
                break;
        case 2: /* now and then one with the name of a model */
                (void) mkdir(chaos_path(c, chaos_below(c, 8) == 0 ? 'f' : 'd'), 0777);
                break;
        case 3:
        case 4:
        case 5:
                chaos_write(c);
                break;
        case 6:
                chaos_move(c, 'f');
                break;
        case 7:
        case 8:
                chaos_move(c, 'd');
                break;
        case 9:
                (void) snprintf(path, sizeof(path), "%s",
                                chaos_path(c, chaos_below(c, 3) == 0 ? 'd' : 'f'));
                (void) file_remove_tree(AT_FDCWD, path);
                break;
        case 10:
                chaos_link(c);
                break;
        default:
                (void) chmod(chaos_path(c, 'f'), 0600 + chaos_below(c, 2) * 0044);
                break;
        }
}

/* A symbolic link is as good as its target, of which no event tells: look at links afresh. */
static void settle_links(Fixture *f) {
        watch_rescan(f->watch, f->root);
        drain(f);
}

static void chaos_run(Fixture *f, uint64_t seed, unsigned n_steps) {
        Chaos c = { .f = f, .random = RANDOM_INIT(seed), .open = { -1, -1, -1, -1 } };

        for (unsigned i = 0; i < n_steps; i++) {
                chaos_step(&c);
                if (chaos_below(&c, 3) == 0)
                        require(watch_dispatch(f->watch, sink, f, 1 + chaos_below(&c, 20)) >= 0);
                if (chaos_below(&c, 500) == 0)
                        watch_rescan(f->watch, f->root);
                if (chaos_below(&c, 200) == 0)
                        watch_poll(f->watch);
        }
        for (unsigned i = 0; i < ARRAY_SIZE(c.open); i++)
                if (c.open[i] >= 0)
                        close(c.open[i]);
        drain(f);
        settle_links(f);
        compare_with_disk(f);
}

/* DPUCC_SEED=n runs that history alone. */
static void agrees_with_the_disk_after_anything(void **state) {
        const char *seed = getenv("DPUCC_SEED");
        Fixture *f = *state;
        uint64_t first = seed ? strtoull(seed, NULL, 10) : 1;

        for (uint64_t i = first; i < first + (seed ? 1 : 20); i++) {
                print_message("seed %llu\n", (unsigned long long) i);
                chaos_run(f, i, 1000);
        }
        assert_int_equal(f->n_lost, 0);
}

/* overlayfs and some container file systems have an inotify that says nothing */
static bool inotify_works(void) {
        void *state;
        UnitDir *dir;
        struct pollfd pfd = { .fd = inotify_init1(IN_CLOEXEC), .events = POLLIN };
        bool works;
        char path[128];

        if (pfd.fd < 0 || unit_dir_setup(&state) < 0)
                return false;
        dir = state;
        (void) snprintf(path, sizeof(path), "%s/probe", dir->path);
        works = inotify_add_watch(pfd.fd, dir->path, IN_CLOSE_WRITE) >= 0;
        if (works) {
                save(path, "1");
                works = poll(&pfd, 1, 1000) == 1;
        }
        (void) unit_dir_teardown(&state);
        close(pfd.fd);
        return works;
}

#define on_started(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define on_bare(test)    cmocka_unit_test_setup_teardown(test, setup_bare, teardown)

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
                on_bare(an_ancestor_renamed_is_found_by_polling),
                on_started(a_root_that_is_not_there_yet),
                on_started(roots_may_lie_within_one_another),
                on_started(overflow_loses_nothing),
                on_started(work_comes_in_slices),
                on_bare(a_changed_filter_takes_effect_with_a_rescan),
                on_bare(a_filesystem_without_events_is_polled),
                on_bare(a_watch_limit_degrades_to_polling),
                on_bare(an_instance_limit_degrades_to_polling),
                on_bare(mounts_and_unmounts),
                on_bare(a_directory_without_permission_is_left_out),
                on_bare(survives_without_memory),
                on_started(agrees_with_the_disk_after_anything),
        };

        if (!inotify_works()) {
                (void) fprintf(stderr, "skipped: inotify reports nothing in this file system; set "
                                       "TMPDIR to another one\n");
                return 77;
        }
        if (getenv("DPUCC_SEED"))
                cmocka_set_test_filter("agrees_*");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
