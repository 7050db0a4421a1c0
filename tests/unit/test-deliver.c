#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "daemon/deliver.h"
#include "tests/support/fail_io.h"

typedef struct Fixture {
        UnitDir *dir;
        State *state;
        char root[128], view[128];
        Digest key;
} Fixture;

static void write_in(Fixture *f, const char *name, const char *text) {
        _cleanup_(freep) char *folder = path_dirname(name);
        _cleanup_(closep) int folder_fd = file_make_dirs(f->dir->fd, folder, 0755);
        _cleanup_(closep) int fd = -1;

        assert_true(folder_fd >= 0);
        fd = openat(f->dir->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, text, strlen(text)), 0);
}

static void set_artifact(Fixture *f, const char *content) {
        write_in(f, "view/net.xmodel", content);
        write_in(f, "view/meta.json", "{}");
        write_in(f, "view/md5sum.txt", content);
}

static int setup(void **state) {
        static Fixture f;

        if (unit_dir_setup(state) < 0)
                return -1;
        f = (Fixture){ .dir = *state };
        (void) snprintf(f.root, sizeof(f.root), "%s/ws", f.dir->path);
        (void) snprintf(f.view, sizeof(f.view), "%s/view", f.dir->path);
        if (mkdir(f.root, 0755) < 0)
                return -1;
        *state = &f;
        return state_open(&f.state, NULL, NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        (void) state_close(f->state);
        *state = f->dir;
        return unit_dir_teardown(state);
}

static DeliverSpec to(Fixture *f, const char *output_dir) {
        return (DeliverSpec){
                .root = f->root,
                .output_dir = output_dir,
                .directory_fd = -1,
                .net_name = "net",
                .view = f->view,
                .key = &f->key,
                .state = f->state,
        };
}

static bool holds(Fixture *f, const char *name, const char *text) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(4096);

        return file_read(f->dir->fd, name, &bytes) == 0 && slice_is(bytes_slice(&bytes), text);
}

static bool is_there(Fixture *f, const char *name) {
        return faccessat(f->dir->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void delivers_replaces_and_withdraws(void **state) {
        Fixture *f = *state;
        const DeliverSpec spec = to(f, "out/deep/er");
        Problem problem = {};

        set_artifact(f, "one");
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(holds(f, "ws/out/deep/er/net.xmodel", "one"));
        assert_true(holds(f, "ws/out/deep/er/md5sum.txt", "one"));
        assert_int_equal(deliver(&spec, &problem), DELIVER_UNCHANGED);

        set_artifact(f, "two");
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(holds(f, "ws/out/deep/er/net.xmodel", "two"));

        assert_int_equal(deliver_withdraw(&spec, &problem), 0);
        assert_false(is_there(f, "ws/out/deep/er/net.xmodel"));
        assert_false(is_there(f, "ws/out/deep/er/meta.json"));
        assert_int_equal(deliver_withdraw(&spec, &problem), 0);
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(is_there(f, "ws/out/deep/er/net.xmodel"));
}

static mode_t mode_of(Fixture *f, const char *name) {
        struct stat st;

        assert_int_equal(fstatat(f->dir->fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
        return st.st_mode & 07777;
}

/* our own is private, what others are to read is not */
static void follows_the_umask_it_is_given(void **state) {
        static const mode_t masks[] = { 0022, 0002, 0077 };
        Fixture *f = *state;
        DeliverSpec spec = to(f, "out/deep");
        mode_t saved = umask(0077);
        Problem problem = {};

        set_artifact(f, "one");
        for (size_t i = 0; i < ARRAY_SIZE(masks) * 2; i++) {
                spec.umask = masks[i / 2];
                spec.trusted = i % 2;
                assert_int_equal(deliver(&spec, &problem), 0);
                assert_int_equal(mode_of(f, "ws/out/deep/net.xmodel"), 0666 & ~spec.umask);
                assert_int_equal(mode_of(f, "ws/out/deep/meta.json"), 0666 & ~spec.umask);
                assert_int_equal(mode_of(f, "ws/out/deep"), 0777 & ~spec.umask);
                assert_int_equal(mode_of(f, "ws/out"), 0777 & ~spec.umask);
                assert_int_equal(file_remove_tree(f->dir->fd, "ws/out"), 0);
        }
        (void) umask(saved);
}

static void restores_what_was_deleted(void **state) {
        Fixture *f = *state;
        const DeliverSpec spec = to(f, "out");
        Problem problem = {};

        set_artifact(f, "one");
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_int_equal(unlinkat(f->dir->fd, "ws/out/net.xmodel", 0), 0);
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(holds(f, "ws/out/net.xmodel", "one"));
}

static void foreign_files_stay(void **state) {
        Fixture *f = *state;
        const DeliverSpec spec = to(f, "out");
        Problem problem = {};

        set_artifact(f, "one");
        write_in(f, "ws/out/net.xmodel", "mine");
        assert_int_equal(deliver(&spec, &problem), -EEXIST);
        assert_non_null(strstr(problem.text, "move it away"));
        assert_true(holds(f, "ws/out/net.xmodel", "mine"));
        assert_false(is_there(f, "ws/out/meta.json")); /* nothing was begun */

        assert_int_equal(deliver_withdraw(&spec, &problem), 0);
        assert_true(holds(f, "ws/out/net.xmodel", "mine"));
}

static void what_somebody_edited_is_foreign(void **state) {
        Fixture *f = *state;
        const DeliverSpec spec = to(f, "out");
        Problem problem = {};

        set_artifact(f, "one");
        assert_int_equal(deliver(&spec, &problem), 0);
        write_in(f, "ws/out/net.xmodel", "edited");
        set_artifact(f, "two");
        assert_int_equal(deliver(&spec, &problem), -EEXIST);
        assert_true(holds(f, "ws/out/net.xmodel", "edited"));
        assert_int_equal(deliver_withdraw(&spec, &problem), 0);
        assert_true(holds(f, "ws/out/net.xmodel", "edited"));
}

static void equal_content_becomes_ours(void **state) {
        Fixture *f = *state;
        const DeliverSpec spec = to(f, "out");
        Problem problem = {};

        /* as after a crash between rename and note */
        set_artifact(f, "one");
        write_in(f, "ws/out/net.xmodel", "one");
        assert_int_equal(deliver(&spec, &problem), 0);
        set_artifact(f, "two");
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(holds(f, "ws/out/net.xmodel", "two"));
}

static void never_through_a_symbolic_link(void **state) {
        Fixture *f = *state;
        DeliverSpec spec = to(f, "out");
        Problem problem = {};

        set_artifact(f, "one");
        assert_int_equal(mkdirat(f->dir->fd, "elsewhere", 0755), 0);
        write_in(f, "elsewhere/net.xmodel", "precious");

        /* the directory is a link out */
        assert_int_equal(symlinkat("../elsewhere", f->dir->fd, "ws/out"), 0);
        assert_int_equal(deliver(&spec, &problem), -EXDEV);
        assert_non_null(strstr(problem.text, "--trust"));
        assert_true(holds(f, "elsewhere/net.xmodel", "precious"));

        /* so is one on the way */
        spec.output_dir = "out/sub";
        assert_int_equal(deliver(&spec, &problem), -EXDEV);
        assert_false(is_there(f, "elsewhere/sub"));

        /* the file itself is a link */
        spec.output_dir = "inside";
        assert_int_equal(mkdirat(f->dir->fd, "ws/inside", 0755), 0);
        assert_int_equal(
                symlinkat("../../elsewhere/net.xmodel", f->dir->fd, "ws/inside/net.xmodel"), 0);
        assert_int_equal(deliver(&spec, &problem), -EEXIST);
        assert_true(holds(f, "elsewhere/net.xmodel", "precious"));
}

static void never_upwards(void **state) {
        static const char *const ways_out[] = { "..", "../x", "a/../../x", "/tmp/x" };
        Fixture *f = *state;
        Problem problem = {};

        set_artifact(f, "one");
        for (size_t i = 0; i < ARRAY_SIZE(ways_out); i++) {
                const DeliverSpec spec = to(f, ways_out[i]);

                assert_int_equal(deliver(&spec, &problem), -EXDEV);
        }
        assert_false(is_there(f, "x"));
}

static void a_trusted_root_may_lead_out(void **state) {
        Fixture *f = *state;
        DeliverSpec spec = to(f, "../elsewhere");
        _cleanup_(freep) char *path = NULL;
        Problem problem = {};

        spec.trusted = true;
        set_artifact(f, "one");
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(holds(f, "elsewhere/net.xmodel", "one"));
        path = deliver_path(&spec);
        assert_true(path_ends_with(path, "/elsewhere/net.xmodel"));
        assert_null(strstr(path, ".."));
}

static void a_caller_may_give_its_files_away(void **state) {
        Fixture *f = *state;
        DeliverSpec spec = to(f, "out");
        Problem problem = {};

        set_artifact(f, "one");
        write_in(f, "ws/out/net.xmodel", "mine");
        write_in(f, "elsewhere", "elsewhere");
        assert_int_equal(symlinkat("../../elsewhere", f->dir->fd, "ws/out/meta.json"), 0);
        assert_int_equal(deliver(&spec, &problem), -EEXIST);
        assert_true(holds(f, "ws/out/net.xmodel", "mine"));

        spec.overwrite = true;
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(holds(f, "ws/out/net.xmodel", "one"));
        assert_true(holds(f, "ws/out/meta.json", "{}"));
        assert_true(holds(f, "elsewhere", "elsewhere"));

        /* what stands for something else than a file is nobody's to give */
        assert_int_equal(unlinkat(f->dir->fd, "ws/out/md5sum.txt", 0), 0);
        assert_int_equal(mkdirat(f->dir->fd, "ws/out/md5sum.txt", 0755), 0);
        assert_int_equal(deliver(&spec, &problem), -EEXIST);
        assert_non_null(strstr(problem.text, "out/md5sum.txt"));
}

/* the path means another directory here than to whoever passed the descriptor */
static void a_descriptor_says_where(void **state) {
        Fixture *f = *state;
        DeliverSpec spec = to(f, "out");
        _cleanup_(closep) int elsewhere = file_make_dirs(f->dir->fd, "elsewhere", 0755);
        _cleanup_(freep) char *path = deliver_path(&spec);
        Problem problem = {};
        Digest content, key;

        set_artifact(f, "one");
        spec.directory_fd = elsewhere;
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(holds(f, "elsewhere/net.xmodel", "one"));
        assert_false(is_there(f, "ws/out"));
        assert_int_equal(state_get_delivery(f->state, path, &content, &key), -ENOENT);
        assert_int_equal(deliver(&spec, &problem), DELIVER_UNCHANGED);
        set_artifact(f, "two");
        assert_int_equal(deliver(&spec, &problem), -EEXIST); /* nothing says that it is ours */
        spec.overwrite = true;
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(holds(f, "elsewhere/net.xmodel", "two"));
}

static void a_descriptor_of_the_same_directory_is_remembered(void **state) {
        Fixture *f = *state;
        DeliverSpec spec = to(f, "out");
        _cleanup_(closep) int same = file_make_dirs(f->dir->fd, "ws/out", 0755);
        Problem problem = {};

        set_artifact(f, "one");
        spec.directory_fd = same;
        assert_int_equal(deliver(&spec, &problem), 0);
        set_artifact(f, "two");
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(holds(f, "ws/out/net.xmodel", "two"));
}

static void the_root_itself_is_a_directory_too(void **state) {
        Fixture *f = *state;
        const DeliverSpec spec = to(f, ".");
        Problem problem = {};

        set_artifact(f, "one");
        assert_int_equal(deliver(&spec, &problem), 0);
        assert_true(holds(f, "ws/net.xmodel", "one"));
}

/* --- kill -9 ---------------------------------------------------------------------------------- */

#define CALLS_MAX 200

/* the child's status: 0 if it got through all its calls, FAIL_IO_STATUS if it died */
static int deliver_and_die(DeliverSpec spec, const char *state_directory, long nth) {
        Problem problem = {};
        pid_t pid = fork();
        int status;

        assert_true(pid >= 0);
        if (pid == 0) {
                if (state_directory && state_open(&spec.state, state_directory, NULL) < 0)
                        _exit(2);
                fail_io_arm(nth, FAIL_IO_DIE);
                _exit(deliver(&spec, &problem) < 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static unsigned count_temporary_names(Fixture *f, const char *name) {
        _cleanup_(closedirp) DIR *dir = NULL;
        int fd = openat(f->dir->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent *entry;
        unsigned n = 0;

        if (fd < 0)
                return 0; /* not made yet */
        dir = fdopendir(fd);
        assert_non_null(dir);
        while ((entry = readdir(dir)))
                n += file_is_temp_name(entry->d_name);
        return n;
}

/* Nobody would ever look for them: the source may be gone by then. */
static void a_kill_leaves_no_temporary_files(void **state) {
        Fixture *f = *state;
        const DeliverSpec spec = to(f, "out");
        int status = FAIL_IO_STATUS, unnamed;
        long nth;

        unnamed = openat(f->dir->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (unnamed < 0)
                skip(); /* files must have names here */
        close(unnamed);

        set_artifact(f, "one");
        for (nth = 0; nth < CALLS_MAX && status == FAIL_IO_STATUS; nth++) {
                status = deliver_and_die(spec, NULL, nth);
                assert_int_equal(count_temporary_names(f, "ws/out"), 0);
        }
        assert_int_equal(status, 0);
        assert_in_range(nth, 10, CALLS_MAX);
        assert_true(holds(f, "ws/out/net.xmodel", "one"));
}

static void deliver_with(Fixture *f, State *state, const char *content) {
        DeliverSpec spec = to(f, "out");
        Problem problem = {};

        spec.state = state;
        set_artifact(f, content);
        write_in(f, "view/meta.json", content); /* another with each artifact */
        assert_true(deliver(&spec, &problem) >= 0);
        assert_true(holds(f, "ws/out/net.xmodel", content));
        assert_true(holds(f, "ws/out/meta.json", content));
}

/* What a killed daemon has put in place is replaced by the next, whatever it knows of it; twice, for
 * what the first of two kills leaves is to be known after the second. */
static void a_kill_leaves_no_foreign_files(void **state) {
        Fixture *f = *state;
        const DeliverSpec spec = to(f, "out");
        int status = FAIL_IO_STATUS;
        char where[256];
        long nth;

        (void) snprintf(where, sizeof(where), "%s/state", f->dir->path);
        assert_int_equal(mkdir(where, 0700), 0);
        for (nth = 0; nth < CALLS_MAX && status == FAIL_IO_STATUS; nth++) {
                State *before, *after;

                assert_int_equal(state_open(&before, where, NULL), 0);
                deliver_with(f, before, "one");
                (void) state_close(before);
                for (unsigned i = 0; i < 2; i++) {
                        set_artifact(f, i == 0 ? "two" : "three");
                        write_in(f, "view/meta.json", i == 0 ? "two" : "three");
                        status = deliver_and_die(spec, where, nth);
                }
                assert_int_equal(state_open(&after, where, NULL), 0);
                deliver_with(f, after, "four");
                (void) state_close(after);
        }
        assert_int_equal(status, 0);
        assert_in_range(nth, 10, CALLS_MAX);
}

/* --- file systems that rename in one way only --------------------------------------------------- */

typedef enum Renames {
        RENAMES_ALL,
        RENAMES_PLAIN,    /* NFS: no flags */
        RENAMES_NO_LINKS, /* nor links */
        RENAMES_RACE,     /* no flags, and somebody is faster */
} Renames;

static Renames renames;
static Fixture *renames_in;

int __real_renameat2(int a, const char *from, int b, const char *to, unsigned flags);
int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags);

int __wrap_renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
        if (renames == RENAMES_ALL || flags == 0)
                return __real_renameat2(a, from, b, to, flags);
        if (renames == RENAMES_RACE && strcmp(to, "net.xmodel") == 0)
                write_in(renames_in, "ws/out/net.xmodel", "mine");
        if (renames == RENAMES_NO_LINKS)
                fail_io_arm(0, EPERM); /* the next call, which is linkat() */
        errno = EINVAL;
        return -1;
}

static void delivers_where_a_rename_always_replaces(void **state) {
        Fixture *f = *state;
        const DeliverSpec spec = to(f, "out");
        Problem problem = {};

        renames_in = f;
        for (renames = RENAMES_PLAIN; renames <= RENAMES_NO_LINKS; renames++) {
                set_artifact(f, "one");
                assert_int_equal(deliver(&spec, &problem), 0);
                assert_int_equal(fail_io_disarm(), renames == RENAMES_NO_LINKS);
                assert_true(holds(f, "ws/out/net.xmodel", "one"));
                assert_true(holds(f, "ws/out/meta.json", "{}"));
                set_artifact(f, "two");
                assert_int_equal(deliver(&spec, &problem), 0);
                assert_true(holds(f, "ws/out/net.xmodel", "two"));
                assert_int_equal(count_temporary_names(f, "ws/out"), 0);
                assert_int_equal(deliver_withdraw(&spec, &problem), 0);
        }
        renames = RENAMES_RACE;
        assert_int_equal(deliver(&spec, &problem), -EEXIST);
        renames = RENAMES_ALL;
        assert_true(holds(f, "ws/out/net.xmodel", "mine"));
        assert_int_equal(count_temporary_names(f, "ws/out"), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(delivers_replaces_and_withdraws),
                TEST(follows_the_umask_it_is_given),
                TEST(restores_what_was_deleted),
                TEST(foreign_files_stay),
                TEST(what_somebody_edited_is_foreign),
                TEST(equal_content_becomes_ours),
                TEST(never_through_a_symbolic_link),
                TEST(never_upwards),
                TEST(a_trusted_root_may_lead_out),
                TEST(the_root_itself_is_a_directory_too),
                TEST(a_caller_may_give_its_files_away),
                TEST(a_descriptor_says_where),
                TEST(a_descriptor_of_the_same_directory_is_remembered),
                TEST(a_kill_leaves_no_temporary_files),
                TEST(a_kill_leaves_no_foreign_files),
                TEST(delivers_where_a_rename_always_replaces),
        };
#undef TEST

        return cmocka_run_group_tests(tests, NULL, NULL);
}
