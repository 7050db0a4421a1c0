/*
 * Whoever may write where we write leaves links and worse under the names that we use, and exchanges
 * directories for links while we work, thousands of times. Nothing outside is read, written or
 * removed.
 */

#include "cache_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <uv.h>

#include "cache/cache.h"
#include "daemon/deliver.h"
#include "daemon/jobdir.h"
#include "daemon/listener.h"

#define SECRET "precious"
#define OURS   "what we write"

typedef struct Fixture {
        UnitDir *dir;
        char base[64];
        int outside; /* the directory `outside`, with `secret` in it */
        struct stat before;
} Fixture;

static void in(const Fixture *f, char ret[256], const char *name) {
        (void) snprintf(ret, 256, "%s/%s", f->base, name);
}

static void make_secret(Fixture *f) {
        char path[256];

        in(f, path, "outside/secret");
        write_file(path, SECRET, strlen(SECRET));
        assert_int_equal(fstatat(f->outside, "secret", &f->before, AT_SYMLINK_NOFOLLOW), 0);
}

static int setup(void **state) {
        static Fixture f;

        if (unit_dir_setup((void **) &f.dir) < 0 || mkdirat(f.dir->fd, "outside", 0755) < 0)
                return -1;
        (void) snprintf(f.base, sizeof(f.base), "%s", f.dir->path);
        f.outside = openat(f.dir->fd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        make_secret(&f);
        *state = &f;
        return f.outside >= 0 ? 0 : -1;
}

static int teardown(void **state) {
        Fixture *f = *state;

        closep(&f->outside);
        return unit_dir_teardown((void **) &f->dir);
}

static void expect_outside_is_safe(Fixture *f) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(4096);
        int copy = fcntl(f->outside, F_DUPFD_CLOEXEC, 0);
        DIR *dir = fdopendir(copy);
        struct dirent *entry;
        struct stat st;
        unsigned n = 0;

        assert_non_null(dir);
        rewinddir(dir);
        while ((entry = readdir(dir)))
                n++;
        closedir(dir);
        assert_int_equal(n, 3); /* with . and .. */
        assert_int_equal(file_read(f->outside, "secret", &bytes), 0);
        assert_true(slice_is(bytes_slice(&bytes), SECRET));
        assert_int_equal(fstatat(f->outside, "secret", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode, f->before.st_mode);
        assert_int_equal(st.st_ino, f->before.st_ino);
}

/* --- what is in the way ------------------------------------------------------------------------- */

typedef enum Trap {
        TRAP_LINK,
        TRAP_DANGLING, /* to a name in `outside` that is not there */
        TRAP_HARD_LINK,
        TRAP_FIFO,
        TRAP_SOCKET,
        TRAP_DIRECTORY,
        TRAP_DEVICE, /* a link to one: making one takes root */
        N_TRAPS,
} Trap;

static void make_socket(Fixture *f, const char *name) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", f->base, name);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        close(fd);
}

static void set_trap(Fixture *f, Trap trap, const char *name) {
        char secret[256], missing[256];
        int r = 0;

        in(f, secret, "outside/secret");
        in(f, missing, "outside/missing");
        assert_int_equal(file_remove_tree(f->dir->fd, name), 0);
        switch (trap) {
        case TRAP_LINK:
                r = symlinkat(secret, f->dir->fd, name);
                break;
        case TRAP_DANGLING:
                r = symlinkat(missing, f->dir->fd, name);
                break;
        case TRAP_HARD_LINK:
                r = linkat(AT_FDCWD, secret, f->dir->fd, name, 0);
                break;
        case TRAP_FIFO:
                r = mkfifoat(f->dir->fd, name, 0600);
                break;
        case TRAP_SOCKET:
                make_socket(f, name);
                break;
        case TRAP_DIRECTORY:
                r = mkdirat(f->dir->fd, name, 0700);
                break;
        case TRAP_DEVICE:
                r = symlinkat("/dev/null", f->dir->fd, name);
                break;
        case N_TRAPS:
                break;
        }
        assert_int_equal(r, 0);
}

static bool is_regular(Fixture *f, const char *name) {
        struct stat st;

        return fstatat(f->dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
               st.st_ino != f->before.st_ino;
}

/* copies, depfiles, pages, compiled models, project files */
static void files_replace_and_never_follow(void **state) {
        Fixture *f = *state;

        for (Trap trap = 0; trap < N_TRAPS; trap++) {
                bool file = trap == TRAP_LINK || trap == TRAP_DANGLING || trap == TRAP_HARD_LINK;
                int r;

                set_trap(f, trap, "target");
                r = file_write_durable(f->dir->fd, "target", OURS, strlen(OURS), 0644);
                expect_outside_is_safe(f);
                assert_int_equal(r == 0, file);
                assert_int_equal(is_regular(f, "target"), file);
        }
}

/* in a job's directory */
static void plain_files_are_made_anew(void **state) {
        Fixture *f = *state;

        for (Trap trap = 0; trap < N_TRAPS; trap++) {
                _cleanup_(closep) int fd = -1;

                set_trap(f, trap, "target");
                assert_true(trap == TRAP_HARD_LINK ||
                            file_open_plain_regular(f->dir->fd, "target") < 0);
                fd = file_create_plain(f->dir->fd, "target", 0600);
                assert_true(fd >= 0);
                assert_int_equal(file_write_all(fd, OURS, strlen(OURS)), 0);
                expect_outside_is_safe(f);
                assert_true(is_regular(f, "target"));
        }

        /* nor by way of a directory that is none */
        assert_int_equal(file_remove_tree(f->dir->fd, "target"), 0);
        assert_int_equal(symlinkat("outside", f->dir->fd, "way"), 0);
        assert_int_equal(file_open_plain_regular(f->dir->fd, "way/secret"), -ELOOP);
        assert_int_equal(file_create_plain(f->dir->fd, "way/secret", 0600), -ELOOP);
        assert_int_equal(file_open_plain_regular(f->dir->fd, "../secret"), -EXDEV);
        expect_outside_is_safe(f);
}

static void sockets_and_their_locks_are_not_followed(void **state) {
        Fixture *f = *state;
        char path[256];

        in(f, path, "d.sock");
        for (Trap trap = 0; trap < N_TRAPS; trap++) {
                Listener listener = LISTENER_NONE;
                Problem problem;
                int r;

                set_trap(f, trap, "d.sock.lock");
                r = listener_bind(&listener, path, &problem);
                expect_outside_is_safe(f);
                if (trap == TRAP_HARD_LINK || trap == TRAP_FIFO) /* locked, not written */
                        assert_int_equal(r, 0);
                else
                        assert_true(r < 0);
                listener_deinit(&listener);
                assert_int_equal(file_remove_tree(f->dir->fd, "d.sock.lock"), 0);

                set_trap(f, trap, "d.sock");
                r = listener_bind(&listener, path, &problem);
                expect_outside_is_safe(f);
                assert_int_equal(r == 0, trap == TRAP_SOCKET); /* a dead one is replaced */
                listener_deinit(&listener);
                assert_int_equal(file_remove_tree(f->dir->fd, "d.sock"), 0);
        }
}

/* --- what changes while we work ------------------------------------------------------------------ */

#define FLIPS 2000

/* While it runs, @name is a directory and a link to `outside` in turn, without a gap. */
typedef struct Flipper {
        pthread_t thread;
        int dirfd;
        const char *name;
        atomic_bool over;
        atomic_ulong n_flips;
} Flipper;

static void *flip(void *userdata) {
        Flipper *flipper = userdata;

        while (!atomic_load(&flipper->over)) {
                if (renameat2(flipper->dirfd, "trap", flipper->dirfd, flipper->name,
                              RENAME_EXCHANGE) == 0)
                        atomic_fetch_add(&flipper->n_flips, 1);
        }
        return NULL;
}

static void flipper_start(Flipper *flipper, Fixture *f, int dirfd, const char *name) {
        char outside[256];

        in(f, outside, "outside");
        *flipper = (Flipper){ .dirfd = dirfd, .name = name };
        assert_int_equal(symlinkat(outside, dirfd, "trap"), 0);
        if (renameat2(dirfd, "trap", dirfd, name, RENAME_EXCHANGE) < 0) {
                print_message("this file system cannot exchange two names\n");
                skip();
        }
        assert_int_equal(pthread_create(&flipper->thread, NULL, flip, flipper), 0);
}

static void flipper_stop(Flipper *flipper) {
        while (atomic_load(&flipper->n_flips) < 10)
                (void) usleep(1000); /* a busy machine may not have let it run yet */
        atomic_store(&flipper->over, true);
        assert_int_equal(pthread_join(flipper->thread, NULL), 0);
        (void) unlinkat(flipper->dirfd, "trap", 0);
        (void) file_remove_tree(flipper->dirfd, "trap");
}

static void deliveries_stay_in_the_workspace(void **state) {
        static const char *const outputs[] = { "out", "out/sub" };
        Fixture *f = *state;
        _cleanup_(state_closep) State *memory = NULL;
        _cleanup_(closep) int root_fd = -1;
        char root[256], view[256], path[300];
        unsigned n_done = 0;
        Digest key = {};
        Flipper flipper;

        in(f, root, "ws");
        in(f, view, "view");
        assert_int_equal(mkdir(root, 0755) | mkdir(view, 0755), 0);
        root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(mkdirat(root_fd, "out", 0755), 0);
        assert_int_equal(state_open(&memory, NULL, NULL), 0);
        flipper_start(&flipper, f, root_fd, "out");
        for (unsigned i = 0; i < FLIPS; i++) {
                const DeliverSpec spec = {
                        .root = root,
                        .output_dir = outputs[i % 2],
                        .directory_fd = -1,
                        .net_name = "net",
                        .view = view,
                        .key = &key,
                        .state = memory,
                        .umask = 022,
                };
                Problem problem = {};
                int r;

                (void) snprintf(path, sizeof(path), "%s/net.xmodel", view);
                write_file(path, &i, sizeof(i));
                (void) snprintf(path, sizeof(path), "%s/meta.json", view);
                write_file(path, &i, sizeof(i));
                (void) snprintf(path, sizeof(path), "%s/md5sum.txt", view);
                write_file(path, &i, sizeof(i));
                r = deliver(&spec, &problem);
                assert_true(r >= 0 || problem.text[0]);
                n_done += r == 0;
                r = deliver_withdraw(&spec, &problem);
                assert_true(r >= 0 || problem.text[0]);
                if (i % 100 == 0)
                        expect_outside_is_safe(f);
        }
        flipper_stop(&flipper);
        expect_outside_is_safe(f);
        assert_true(n_done > 0);
}

static void a_cache_stays_in_its_directory(void **state) {
        static const char *const folders[] = { "objects", "records", "views", "quarantine" };
        Fixture *f = *state;
        char root[256];

        in(f, root, "cache");
        for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
                _cleanup_(closep) int root_fd = -1;
                Flipper flipper;

                assert_int_equal(mkdir(root, 0700), 0);
                root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                assert_int_equal(mkdirat(root_fd, folders[i], 0700), 0);
                flipper_start(&flipper, f, root_fd, folders[i]);
                for (unsigned k = 0; k < FLIPS / 20; k++) {
                        _cleanup_(state_closep) State *memory = NULL;
                        _cleanup_(cache_closep) Cache *cache = NULL;
                        _cleanup_(record_freep) Record *record = NULL;
                        _cleanup_(sample_deinit) Sample sample;
                        const CacheFile file = { .role = RECORD_ROLE_XMODEL,
                                                 .mode = 0644,
                                                 .fd = -1,
                                                 .data = slice_of(&k, sizeof(k)) };

                        sample_init(&sample, k);
                        assert_int_equal(state_open(&memory, NULL, NULL), 0);
                        if (cache_open(&cache, root, memory, CACHE_NORMAL, NULL) < 0)
                                continue;
                        (void) cache_publish(cache, &sample.record, &file, 1, &record);
                        expect_outside_is_safe(f);
                }
                flipper_stop(&flipper);
                expect_outside_is_safe(f);
                assert_int_equal(file_remove_tree(f->dir->fd, "cache"), 0);
        }
}

static void removing_a_tree_stays_in_it(void **state) {
        Fixture *f = *state;
        _cleanup_(closep) int tree = -1;
        Flipper flipper;

        assert_int_equal(mkdirat(f->dir->fd, "tree", 0755), 0);
        tree = openat(f->dir->fd, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(mkdirat(tree, "way", 0755), 0);
        flipper_start(&flipper, f, tree, "way");
        for (unsigned i = 0; i < 20 * FLIPS; i++) {
                (void) file_remove_tree(tree, "way");
                if (i % 2)
                        (void) mkdirat(tree, "way", 0755);
                else
                        (void) symlinkat("../outside", tree, "way");
        }
        flipper_stop(&flipper);
        expect_outside_is_safe(f);
}

static void plain_files_stay_in_their_directory(void **state) {
        Fixture *f = *state;
        _cleanup_(closep) int job = -1;
        unsigned n_made = 0;
        Flipper flipper;

        assert_int_equal(mkdirat(f->dir->fd, "job", 0755), 0);
        job = openat(f->dir->fd, "job", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(mkdirat(job, "out", 0755), 0);
        flipper_start(&flipper, f, job, "out");
        for (unsigned i = 0; i < 10 * FLIPS; i++) {
                int fd = file_create_plain(job, i % 2 ? "out/secret" : "out/new", 0600);

                n_made += fd >= 0;
                closep(&fd);
                fd = file_open_beneath(job, "out/secret", O_RDWR | O_CREAT, 0600);
                closep(&fd);
        }
        flipper_stop(&flipper);
        expect_outside_is_safe(f);
        assert_true(n_made > 0);
}

int main(void) {
#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(files_replace_and_never_follow),
                TEST(plain_files_are_made_anew),
                TEST(sockets_and_their_locks_are_not_followed),
                TEST(deliveries_stay_in_the_workspace),
                TEST(a_cache_stays_in_its_directory),
                TEST(removing_a_tree_stays_in_it),
                TEST(plain_files_stay_in_their_directory),
        };

        /* thousands of syncs, which cost nothing in memory */
        if (access("/dev/shm", W_OK) == 0)
                (void) setenv("TMPDIR", "/dev/shm", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
