/* Events that are lost, do not come or cannot be had; memory that runs out. */

#include "watch_fixture.h"

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/path.h"
#include "tests/support/fail_alloc.h"

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

/* whom modes concern, below a root of its own */
static void become_nobody(Fixture *f) {
        if (getuid() == 0)
                require(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
        (void) snprintf(f->top + strlen(f->top), sizeof(f->top) - strlen(f->top), "/mine");
}

static void run_without_permission(Fixture *f) {
        become_nobody(f);
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

/* Its names can be read, and nothing about them. */
static void run_without_search(Fixture *f) {
        become_nobody(f);
        make_dirs(at(f, "d/sub"));
        save(at(f, "d/x.xmodel"), "1");
        save(at(f, "d/sub/y.xmodel"), "1");
        require(chmod(at(f, "d"), 0644) == 0);
        start(f);
        require(f->n_degraded == 1 && f->trouble == WATCH_TROUBLE_PERMISSION);
        require(strcmp(f->degraded, at(f, "d")) == 0);

        require(chmod(at(f, "d"), 0755) == 0);
        drain(f);
        require(f->n_recovered == 1);
        require(seen(f, at(f, "d/x.xmodel"))->present);
        compare_with_disk(f);
}

/* What is above the root may not be read: nobody tells of its renaming, and nobody polls. */
static void run_with_a_closed_way(Fixture *f) {
        become_nobody(f);
        make_dirs(at(f, "d"));
        require(chmod(f->top, 0311) == 0);
        (void) snprintf(f->top + strlen(f->top), sizeof(f->top) - strlen(f->top), "/d");
        start(f);
        require(f->n_degraded == 0 && !watch_wants_poll(f->watch));
}

static void a_way_that_may_not_be_read_is_let_be(void **state) {
        Fixture *f = *state;

        require(chmod(f->top, 0777) == 0);
        in_child(f, run_with_a_closed_way);
}

/* The root's own directories come first; what is above them is looked after by polling. */
static void run_without_watches_for_the_way(Fixture *f) {
        char up[PATH_MAX + 8];

        enter_namespace(0);
        require(write_to("/proc/sys/user/max_inotify_watches", "1"));
        make_dirs(at(f, "up/root"));
        (void) snprintf(up, sizeof(up), "%s/up", f->top);
        (void) snprintf(f->top + strlen(f->top), sizeof(f->top) - strlen(f->top), "/up/root");
        save(at(f, "x.xmodel"), "1");
        start(f);
        require(f->n_degraded == 0 && watch_wants_poll(f->watch));
        move(up, outside(f, "elsewhere"));
        make_dirs(f->top);
        save(at(f, "y.xmodel"), "1");
        watch_poll(f->watch);
        drain(f);
        require(f->n_lost == 1 && !seen(f, at(f, "x.xmodel"))->present);

        require(write_to("/proc/sys/user/max_inotify_watches", "1000"));
        watch_poll(f->watch);
        drain(f);
        require(!watch_wants_poll(f->watch));
        compare_with_disk(f);
}

static void a_way_without_watches_is_polled(void **state) {
        in_child(*state, run_without_watches_for_the_way);
}

static void a_directory_that_cannot_be_searched_is_left_out(void **state) {
        Fixture *f = *state;

        require(chmod(f->top, 0777) == 0);
        in_child(f, run_without_search);
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
                r = watch_add_root(sweep.watch, f->top, &watch_fixture_filter, NULL, &root);
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

int main(void) {
        const struct CMUnitTest tests[] = {
                on_started(overflow_loses_nothing),
                on_started(work_comes_in_slices),
                on_bare(a_changed_filter_takes_effect_with_a_rescan),
                on_bare(a_filesystem_without_events_is_polled),
                on_bare(a_watch_limit_degrades_to_polling),
                on_bare(an_instance_limit_degrades_to_polling),
                on_bare(mounts_and_unmounts),
                on_bare(a_directory_without_permission_is_left_out),
                on_bare(a_directory_that_cannot_be_searched_is_left_out),
                on_bare(a_way_that_may_not_be_read_is_let_be),
                on_bare(a_way_without_watches_is_polled),
                on_bare(survives_without_memory),
        };

        return watch_fixture_run(tests);
}
