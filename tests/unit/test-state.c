#include "cache_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cache/costs.h"
#include "cache/database.h"

typedef struct Fixture {
        UnitDir *dir;
        State *state;
        Problem problem;
} Fixture;

static int open_state(Fixture *f) {
        f->problem.text[0] = '\0';
        return state_open(&f->state, below(f->dir, "state/dpucc"), &f->problem);
}

static int reopen(Fixture *f) {
        f->state = state_close(f->state);
        return open_state(f);
}

static int setup(void **state) {
        static Fixture f;

        *state = &f;
        return unit_dir_setup((void **) &f.dir) < 0 ? -1 : open_state(&f);
}

static int teardown(void **state) {
        Fixture *f = *state;

        f->state = state_close(f->state);
        return unit_dir_teardown((void **) &f->dir);
}

static int list_root(const char *path, bool trusted, void *userdata) {
        return bytes_printf(userdata, "%s%s ", path, trusted ? "!" : "");
}

static void expect_roots(Fixture *f, const char *expected) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(4096);

        assert_int_equal(state_each_root(f->state, list_root, &text), 0);
        assert_true(slice_is(bytes_slice(&text), expected));
}

static void keeps_roots(void **state) {
        Fixture *f = *state;

        expect_roots(f, "");
        assert_int_equal(state_add_root(f->state, "/b", false), 0);
        assert_int_equal(state_add_root(f->state, "/a\xff", true), 0);
        assert_int_equal(reopen(f), 0);
        expect_roots(f, "/b /a\xff! ");
        assert_int_equal(state_add_root(f->state, "/b", true), 0);
        expect_roots(f, "/b! /a\xff! ");
        assert_int_equal(state_remove_root(f->state, "/b"), 0);
        assert_int_equal(state_remove_root(f->state, "/b"), -ENOENT);
        expect_roots(f, "/a\xff! ");
}

static void keeps_toolchains(void **state) {
        Fixture *f = *state;
        _cleanup_(freep) char *found = NULL;

        assert_int_equal(state_get_toolchain(f->state, "/a", &found), -ENOENT);
        assert_int_equal(state_set_toolchain(f->state, "/a", "dpucc"), 0);
        assert_int_equal(state_set_toolchain(f->state, "/a", "vitis-3.5"), 0);
        assert_int_equal(reopen(f), 0);
        assert_int_equal(state_get_toolchain(f->state, "/a", &found), 0);
        assert_string_equal(found, "vitis-3.5");
        assert_int_equal(state_set_toolchain(f->state, "/a", NULL), 0);
        assert_int_equal(state_get_toolchain(f->state, "/a", &found), -ENOENT);
}

static int set_delivery(State *state, const char *path, const Digest *content, const Digest *key) {
        const StateDelivery file = { .path = path, .content = *content };

        return state_set_deliveries(state, key, &file, 1);
}

static void keeps_deliveries(void **state) {
        Fixture *f = *state;
        const Digest a = digest_of("a", 1), b = digest_of("b", 1);
        Digest content, key;

        assert_int_equal(state_get_delivery(f->state, "/x", &content, &key), -ENOENT);
        assert_int_equal(set_delivery(f->state, "/x", &b, &b), 0);
        assert_int_equal(set_delivery(f->state, "/x", &a, &b), 0);
        assert_int_equal(reopen(f), 0);
        assert_int_equal(state_get_delivery(f->state, "/x", &content, &key), 0);
        assert_memory_equal(&content, &a, sizeof(a));
        assert_memory_equal(&key, &b, sizeof(b));
        assert_int_equal(state_remove_delivery(f->state, "/x"), 0);
        assert_int_equal(state_remove_delivery(f->state, "/x"), 0);
        assert_int_equal(state_get_delivery(f->state, "/x", &content, &key), -ENOENT);
}

/* A path that is delivered to again and again does not push out the others. */
static void forgets_deliveries_only_when_there_are_too_many(void **state) {
        Fixture *f = *state;
        const Digest d = digest_of("a", 1);
        Digest content, key;

        assert_int_equal(set_delivery(f->state, "/quiet", &d, &d), 0);
        assert_int_equal(set_delivery(f->state, "/busy", &d, &d), 0);
        assert_int_equal(database_run(state_database(f->state), NULL, NULL,
                                      "UPDATE deliveries SET seq = ? WHERE seq = 2", "i",
                                      (int64_t) 10 * STATE_DELIVERIES_MAX),
                         0);
        assert_int_equal(set_delivery(f->state, "/busy", &d, &d), 0);
        assert_int_equal(state_get_delivery(f->state, "/quiet", &content, &key), 0);

        assert_int_equal(state_trim(f->state, "deliveries", 1), 0);
        assert_int_equal(state_get_delivery(f->state, "/quiet", &content, &key), -ENOENT);
        assert_int_equal(state_get_delivery(f->state, "/busy", &content, &key), 0);
}

static int list_build(const StateBuild *build, void *userdata) {
        return bytes_printf(userdata, "%s@%s %s %d %s;", build->net_name, build->target,
                            build->source, build->outcome, build->detail ? build->detail : "-");
}

static void keeps_history(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(4096);
        StateBuild build = {
                .source = "/w/a.xmodel",
                .net_name = "a",
                .target = "b1024",
                .toolchain = "dpucc",
                .build_ms = 7,
        };

        assert_int_equal(state_add_build(f->state, &build), 0);
        build.source = "/w/b.xmodel";
        build.outcome = 4;
        build.detail = "no";
        assert_int_equal(state_add_build(f->state, &build), 0);
        build.source = "/w/a.xmodel";
        build.outcome = 2;
        assert_int_equal(state_add_build(f->state, &build), 0);
        assert_int_equal(state_each_build(f->state, "/w/a.xmodel", 10, list_build, &text), 0);
        assert_true(
                slice_is(bytes_slice(&text), "a@b1024 /w/a.xmodel 2 no;a@b1024 /w/a.xmodel 0 -;"));
        text.size = 0;
        assert_int_equal(state_each_build(f->state, NULL, 2, list_build, &text), 0);
        assert_true(
                slice_is(bytes_slice(&text), "a@b1024 /w/a.xmodel 2 no;a@b1024 /w/b.xmodel 4 no;"));
}

static const char *db(Fixture *f) {
        return below(f->dir, "state/dpucc/state.db");
}

static void is_private(void **state) {
        Fixture *f = *state;
        struct stat st;

        assert_int_equal(stat(below(f->dir, "state/dpucc"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(chmod(below(f->dir, "state/dpucc"), 0755), 0);
        assert_int_equal(reopen(f), 0);
        assert_int_equal(stat(below(f->dir, "state/dpucc"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
}

static unsigned count_moved_aside(Fixture *f) {
        _cleanup_(closep) int fd =
                open(below(f->dir, "state/dpucc"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fdopendir(TAKE_FD(fd));
        struct dirent *entry;
        unsigned n = 0;

        while ((entry = readdir(dir)))
                n += strstr(entry->d_name, ".corrupt-") && !strstr(entry->d_name, "-wal") &&
                     !strstr(entry->d_name, "-shm");
        closedir(dir);
        return n;
}

static void recreates_garbage(void **state) {
        Fixture *f = *state;
        static char garbage[8192];

        f->state = state_close(f->state);
        memset(garbage, 'x', sizeof(garbage));
        write_file(db(f), garbage, sizeof(garbage));
        assert_int_equal(open_state(f), STATE_RECREATED);
        assert_non_null(strstr(f->problem.text, "moved aside"));
        assert_int_equal(count_moved_aside(f), 1);
        assert_int_equal(state_recreated(f->state), 1);
        assert_int_equal(state_add_root(f->state, "/a", false), 0);
        assert_int_equal(reopen(f), 0);
        expect_roots(f, "/a ");
}

static void takes_an_empty_file_for_a_new_one(void **state) {
        Fixture *f = *state;

        f->state = state_close(f->state);
        write_file(db(f), "", 0);
        assert_int_equal(open_state(f), 0);
        expect_roots(f, "");
}

/* Pages are overwritten in a file whose header is right: it is found out in the middle of work,
 * or not at all, but never harms. */
static void survives_corruption_anywhere(void **state) {
        Fixture *f = *state;
        static const char junk[4096] = { 1, 2, 3 };
        struct stat st;

        for (unsigned page = 0; page < 24; page++) {
                _cleanup_(closep) int fd = -1;
                _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(4096);
                int r;

                assert_int_equal(state_add_root(f->state, "/a", false), 0);
                f->state = state_close(f->state);
                assert_int_equal(stat(db(f), &st), 0);
                fd = open(db(f), O_RDWR | O_CLOEXEC);
                if ((off_t) (page + 1) * 4096 <= st.st_size)
                        assert_int_equal(pwrite(fd, junk, sizeof(junk), (off_t) page * 4096),
                                         sizeof(junk));

                r = open_state(f);
                assert_in_range(r, 0, STATE_RECREATED);
                r = state_each_root(f->state, list_root, &text);
                assert_true(r == 0 || r == -EIO);
                assert_int_equal(state_add_root(f->state, "/b", false), 0);
        }
        assert_true(count_moved_aside(f) > 0);
}

static void leaves_a_later_version_alone(void **state) {
        Fixture *f = *state;

        assert_int_equal(state_add_root(f->state, "/a", false), 0);
        assert_int_equal(
                database_run(state_database(f->state), NULL, NULL, "PRAGMA user_version = 2", ""),
                0);
        assert_int_equal(reopen(f), STATE_IN_MEMORY);
        assert_non_null(strstr(f->problem.text, "later version"));
        expect_roots(f, "/a "); /* from the backup */
        assert_int_equal(state_add_root(f->state, "/b", false), 0);
        expect_roots(f, "/a /b ");
        assert_int_equal(count_moved_aside(f), 0);
        assert_int_equal(reopen(f), STATE_IN_MEMORY);
        expect_roots(f, "/a "); /* which is not written then */
}

/* --- pins and the backup ---------------------------------------------------------------------- */

static Digest pin_of(unsigned i) {
        return digest_of(&i, sizeof(i));
}

static int list_pin(const Digest *key, void *userdata) {
        char hex[DIGEST_HEX];

        digest_to_hex(key, hex);
        return bytes_printf(userdata, "%.4s ", hex);
}

static void expect_pins(Fixture *f, unsigned n) {
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(4096), wanted = BYTES_INIT(4096);

        for (unsigned i = 0; i < n; i++) {
                Digest key = pin_of(i);

                assert_int_equal(list_pin(&key, &wanted), 0);
                assert_true(state_is_pinned(f->state, &key));
        }
        assert_int_equal(state_each_pin(f->state, list_pin, &text), 0);
        assert_true(slice_equal(bytes_slice(&text), bytes_slice(&wanted)));
}

static void pin(Fixture *f, unsigned i) {
        Digest key = pin_of(i);

        assert_int_equal(state_pin(f->state, &key), 0);
}

static void keeps_pins(void **state) {
        Fixture *f = *state;
        Digest other = pin_of(99), second = pin_of(1);

        expect_pins(f, 0);
        pin(f, 0);
        pin(f, 1);
        pin(f, 0);
        assert_int_equal(reopen(f), 0);
        expect_pins(f, 2);
        assert_false(state_is_pinned(f->state, &other));
        assert_int_equal(state_unpin(f->state, &other), -ENOENT);
        assert_int_equal(state_unpin(f->state, &second), 0);
        expect_pins(f, 1);
}

/* What is pinned already is no new pin. */
static void too_many_pins_are_refused(void **state) {
        Fixture *f = *state;
        Digest one_more = pin_of(STATE_PINS_MAX);

        pin(f, 7);
        assert_int_equal(database_run(state_database(f->state), NULL, NULL,
                                      "WITH RECURSIVE more (i) AS (SELECT 1 UNION ALL"
                                      " SELECT i + 1 FROM more WHERE i < ?)"
                                      " INSERT INTO pins SELECT randomblob(16), i FROM more",
                                      "i", (int64_t) STATE_PINS_MAX - 1),
                         0);
        assert_int_equal(state_pin(f->state, &one_more), -ENOSPC);
        pin(f, 7);
}

static void fill(Fixture *f) {
        assert_int_equal(state_add_root(f->state, "/b", false), 0);
        assert_int_equal(state_add_root(f->state, "/a\xff %\n", true), 0);
        pin(f, 0);
        pin(f, 1);
}

static void expect_filled(Fixture *f) {
        expect_roots(f, "/b /a\xff %\n! ");
        expect_pins(f, 2);
}

static void spoil(Fixture *f) {
        static char garbage[8192];

        memset(garbage, 'x', sizeof(garbage));
        write_file(db(f), garbage, sizeof(garbage));
}

static void roots_and_pins_come_back(void **state) {
        Fixture *f = *state;

        fill(f);
        f->state = state_close(f->state);
        spoil(f);
        assert_int_equal(open_state(f), STATE_RECREATED);
        expect_filled(f);
        f->state = state_close(f->state);
        assert_int_equal(unlink(db(f)), 0); /* and when it is not there at all */
        assert_int_equal(open_state(f), 0);
        expect_filled(f);
}

/* the file breaks under a daemon, and the next thing that happens is a change */
static void changes_are_made_on_what_came_back(void **state) {
        Fixture *f = *state;
        Digest first = pin_of(0);

        fill(f);
        assert_int_equal(state_remove_root(f->state, "/b"), 0);
        spoil(f);
        assert_int_equal(truncate(below(f->dir, "state/dpucc/state.db-wal"), 0), 0);
        assert_int_equal(state_unpin(f->state, &first), 0);
        assert_in_range(reopen(f), 0, STATE_RECREATED); /* found out then or now */
        expect_roots(f, "/a\xff %\n! ");
        assert_false(state_is_pinned(f->state, &first));
        pin(f, 0);
        spoil(f);
        (void) unlink(below(f->dir, "state/dpucc/state.db-wal"));
        assert_in_range(reopen(f), 0, STATE_RECREATED);
        expect_roots(f, "/a\xff %\n! ");
        assert_true(state_is_pinned(f->state, &first));
}

/* A daemon that lives long outlives its files: what it says is kept is found by the next one. */
static void what_is_removed_meanwhile_is_made_again(void **state) {
        Fixture *f = *state;
        const Digest content = pin_of(3), key = pin_of(4);
        _cleanup_(freep) char *toolchain = NULL;

        fill(f);
        assert_int_equal(state_set_toolchain(f->state, "/b", "vitis"), 0);
        assert_int_equal(set_delivery(f->state, "/b/out/net.xmodel", &content, &key), 0);
        assert_int_equal(file_remove_tree(AT_FDCWD, below(f->dir, "state")), 0);
        assert_int_equal(state_add_root(f->state, "/c", false), 0);
        assert_int_equal(state_recreated(f->state), 0); /* nothing was lost */
        assert_int_equal(reopen(f), 0);
        expect_roots(f, "/b /a\xff %\n! /c ");
        expect_pins(f, 2);
        assert_int_equal(state_get_toolchain(f->state, "/b", &toolchain), 0);
        assert_string_equal(toolchain, "vitis");
        assert_int_equal(state_has_delivered(f->state, "/b/out/net.xmodel", &content), 1);

        assert_int_equal(unlink(db(f)), 0);
        assert_int_equal(set_delivery(f->state, "/c/out/net.xmodel", &key, &key), 0);
        assert_int_equal(reopen(f), 0);
        expect_roots(f, "/b /a\xff %\n! /c ");
        assert_int_equal(state_has_delivered(f->state, "/b/out/net.xmodel", &content), 1);
        assert_int_equal(state_has_delivered(f->state, "/c/out/net.xmodel", &key), 1);
}

/* ... and of what another process made in that place nothing is lost. */
static void what_is_replaced_meanwhile_is_gone_on_with(void **state) {
        Fixture *f = *state;
        State *beside = NULL;

        fill(f);
        assert_int_equal(unlink(db(f)), 0);
        assert_int_equal(state_open(&beside, below(f->dir, "state/dpucc"), &f->problem), 0);
        assert_int_equal(state_add_root(beside, "/beside", false), 0);
        assert_int_equal(state_add_root(f->state, "/c", false), 0);
        (void) state_close(beside);
        assert_int_equal(reopen(f), 0);
        expect_roots(f, "/b /a\xff %\n! /beside /c ");
}

static void run(Fixture *f, const char *sql) {
        assert_int_equal(database_run(state_database(f->state), NULL, NULL, sql, ""), 0);
}

/* ... nor is anything missing that came after the first version. */
static void deliveries_go_on_with_a_new_file(void **state) {
        Fixture *f = *state;
        const Cost cost = { .build_ms = 7 };
        const Digest content = pin_of(3), key = pin_of(4);
        const StateDelivery file = { .path = "/w/out/net.xmodel", .content = content };
        Cost found = {};

        fill(f);
        run(f, "PRAGMA wal_checkpoint(TRUNCATE)"); /* all of it is in the file, */
        run(f, "PRAGMA shrink_memory");            /* and nowhere else */
        spoil(f);
        (void) state_intend_deliveries(f->state, &file, 1);
        assert_int_equal(state_recreated(f->state), 1);
        assert_int_equal(state_intend_deliveries(f->state, &file, 1), 0);
        assert_int_equal(state_has_delivered(f->state, file.path, &content), 1);
        assert_int_equal(state_set_deliveries(f->state, &key, &file, 1), 0);
        assert_int_equal(state_remove_delivery(f->state, file.path), 0);
        assert_int_equal(state_has_delivered(f->state, file.path, &content), 0);
        assert_int_equal(costs_learn(f->state, "/w/a", "t", "vitis", &cost), 0);
        assert_int_equal(costs_find(f->state, "/w/a", "t", "vitis", 0, &found), 0);
}

/* A damaged file can be a file all the same: rows that nobody wrote are nobody's, and what is saved
 * beside them can be read. */
static void damaged_rows_spoil_no_backup(void **state) {
        static const char *const damages[] = {
                "INSERT INTO roots VALUES (x'', 1, 0)",
                "INSERT INTO roots VALUES ('below', 1, 0)",
                "INSERT INTO roots VALUES (x'2f610062', 1, 0)",
                "INSERT INTO roots VALUES ('/' || hex(zeroblob(4096)), 1, 0)",
                "INSERT INTO pins VALUES (x'00', 0)",
                "INSERT INTO pins VALUES ('', 0)",
        };
        Fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(damages); i++)
                run(f, damages[i]);
        fill(f);
        expect_filled(f);
        f->state = state_close(f->state);
        spoil(f);
        assert_int_equal(open_state(f), STATE_RECREATED);
        expect_filled(f);
}

/* Who was killed while he wrote one leaves a name that nobody would ever remove. */
static void a_backup_that_was_cut_leaves_nothing(void **state) {
        Fixture *f = *state;
        const char *left = below(f->dir, "state/dpucc/.dpucc.0123456789abcdef.tmp");

        write_file(left, "root", 4);
        fill(f);
        assert_false(exists(left));
        assert_true(exists(below(f->dir, "state/dpucc/state.backup")));
}

static void a_backup_is_believed_whole_or_not(void **state) {
        Fixture *f = *state;
        _cleanup_(freep) char *path = strdup(below(f->dir, "state/dpucc/state.backup"));
        _cleanup_(bytes_cleanup) Bytes text = BYTES_INIT(4096);

        assert_non_null(path);
        fill(f);
        assert_int_equal(file_read(AT_FDCWD, path, &text), 0);
        for (size_t i = 0; i < text.size; i++) {
                f->state = state_close(f->state);
                (void) unlink(db(f));
                text.data[i] ^= 1;
                write_file(path, text.data, text.size);
                text.data[i] ^= 1;
                assert_int_equal(open_state(f), 0);
                expect_roots(f, "");
                f->state = state_close(f->state);
                (void) unlink(db(f));
                write_file(path, text.data, i);
                assert_int_equal(open_state(f), 0);
                expect_roots(f, "");
        }
        f->state = state_close(f->state);
        (void) unlink(db(f));
        write_file(path, text.data, text.size);
        assert_int_equal(open_state(f), 0);
        expect_filled(f);
}

static void goes_on_in_memory(void **state) {
        Fixture *f = *state;

        f->state = state_close(f->state);
        assert_int_equal(file_remove_tree(f->dir->fd, "state"), 0);
        write_file(below(f->dir, "state"), "", 0); /* a file where the directory should be */
        assert_int_equal(open_state(f), STATE_IN_MEMORY);
        assert_non_null(strstr(f->problem.text, "nothing is remembered"));
        assert_int_equal(state_add_root(f->state, "/a", false), 0);
        expect_roots(f, "/a ");
}

/* As a home does that was full when the daemon was started, and is not any more. */
static void comes_back_from_memory(void **state) {
        Fixture *f = *state;
        const Digest content = pin_of(3), key = pin_of(4);
        const char *real = below(f->dir, "state/dpucc/real.db");

        fill(f);
        assert_int_equal(set_delivery(f->state, "/b/out/net.xmodel", &content, &key), 0);
        f->state = state_close(f->state);
        assert_int_equal(rename(db(f), real), 0);
        assert_int_equal(mkdir(db(f), 0700), 0); /* what cannot be opened */
        assert_int_equal(open_state(f), STATE_IN_MEMORY);
        expect_roots(f, "/b /a\xff %\n! "); /* of the backup */
        assert_int_equal(state_has_delivered(f->state, "/b/out/net.xmodel", &content), 0);
        assert_int_equal(set_delivery(f->state, "/c/out/net.xmodel", &key, &key), 0);
        assert_true(state_is_in_memory(f->state));

        assert_int_equal(rmdir(db(f)), 0);
        assert_int_equal(rename(real, db(f)), 0);
        assert_int_equal(state_has_delivered(f->state, "/b/out/net.xmodel", &content), 1);
        assert_false(state_is_in_memory(f->state));
        assert_int_equal(state_add_root(f->state, "/c", false), 0);
        assert_int_equal(reopen(f), 0);
        expect_roots(f, "/b /a\xff %\n! /c ");
        expect_pins(f, 2);
        assert_int_equal(state_has_delivered(f->state, "/c/out/net.xmodel", &key), 1);
}

static void as_nobody(Fixture *f, int (*fn)(Fixture *f)) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(geteuid() == 0 && setresuid(65534, 65534, 65534) < 0 ? 99 : fn(f));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static int open_unwritable(Fixture *f) {
        if (open_state(f) != STATE_IN_MEMORY || !strstr(f->problem.text, "nothing is remembered"))
                return 1;
        return state_add_root(f->state, "/a", false) == 0 ? 0 : 2;
}

/* it is said at once, not when the first thing cannot be kept */
static void tells_of_an_unwritable_file(void **state) {
        Fixture *f = *state;
        const char *directory = below(f->dir, "state/dpucc");

        f->state = state_close(f->state);
        assert_int_equal(chmod(f->dir->path, 0755), 0);
        assert_int_equal(chmod(below(f->dir, "state"), 0755), 0);
        if (geteuid() == 0) {
                assert_int_equal(chown(directory, 65534, 65534), 0);
                assert_int_equal(chown(db(f), 65534, 65534), 0);
        }
        assert_int_equal(chmod(db(f), 0444), 0);
        as_nobody(f, open_unwritable);

        assert_int_equal(chmod(db(f), 0644), 0);
        assert_int_equal(chmod(directory, 0500), 0);
        as_nobody(f, open_unwritable);
        assert_int_equal(chmod(directory, 0700), 0);
}

#define WRITERS 4
#define WRITES  50

static void *write_some(void *userdata) {
        State *state = userdata;
        const Digest d = digest_of("x", 1);
        char path[32];

        for (unsigned i = 0; i < WRITES; i++) {
                (void) snprintf(path, sizeof(path), "/%u", i);
                if (set_delivery(state, path, &d, &d) != 0)
                        return state;
        }
        return NULL;
}

static void threads_share_it(void **state) {
        Fixture *f = *state;
        pthread_t threads[WRITERS];
        void *result;

        for (unsigned i = 0; i < WRITERS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, write_some, f->state), 0);
        for (unsigned i = 0; i < WRITERS; i++) {
                assert_int_equal(pthread_join(threads[i], &result), 0);
                assert_null(result);
        }
}

/* Runs @work in @n processes that begin as one. */
static void run_in_processes(Fixture *f, unsigned n, bool (*work)(Fixture *f)) {
        int gate[2], status;
        char closed;

        assert_int_equal(pipe(gate), 0);
        for (unsigned i = 0; i < n; i++) {
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0) {
                        (void) close(gate[1]);
                        (void) !read(gate[0], &closed, 1); /* until nobody holds the other end */
                        _exit(work(f) ? 0 : 1);
                }
        }
        (void) close(gate[0]);
        (void) close(gate[1]);
        for (unsigned i = 0; i < n; i++) {
                assert_true(wait(&status) > 0);
                assert_int_equal(status, 0);
        }
}

static bool open_and_write(Fixture *f) {
        return open_state(f) == 0 && write_some(f->state) == NULL;
}

/* several open a new file at the same time, and write to it */
static void processes_share_it(void **state) {
        Fixture *f = *state;

        f->state = state_close(f->state);
        assert_int_equal(file_remove_tree(f->dir->fd, "state"), 0);
        run_in_processes(f, WRITERS, open_and_write);
        assert_int_equal(open_state(f), 0);
}

#define OPENERS 12
#define ROUNDS  40

static bool open_and_close(Fixture *f) {
        int r = open_state(f);

        f->state = state_close(f->state);
        return r == 0;
}

/* Whoever opens the new file at the wrong moment must not do without it for the rest of its life:
 * a daemon would forget its roots. */
static void nobody_is_locked_out_at_the_start(void **state) {
        Fixture *f = *state;

        for (unsigned i = 0; i < ROUNDS; i++) {
                f->state = state_close(f->state);
                assert_int_equal(file_remove_tree(f->dir->fd, "state"), 0);
                run_in_processes(f, OPENERS, open_and_close);
        }
        assert_int_equal(open_state(f), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(keeps_roots, setup, teardown),
                cmocka_unit_test_setup_teardown(keeps_toolchains, setup, teardown),
                cmocka_unit_test_setup_teardown(keeps_deliveries, setup, teardown),
                cmocka_unit_test_setup_teardown(forgets_deliveries_only_when_there_are_too_many,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(keeps_history, setup, teardown),
                cmocka_unit_test_setup_teardown(is_private, setup, teardown),
                cmocka_unit_test_setup_teardown(recreates_garbage, setup, teardown),
                cmocka_unit_test_setup_teardown(takes_an_empty_file_for_a_new_one, setup, teardown),
                cmocka_unit_test_setup_teardown(survives_corruption_anywhere, setup, teardown),
                cmocka_unit_test_setup_teardown(leaves_a_later_version_alone, setup, teardown),
                cmocka_unit_test_setup_teardown(keeps_pins, setup, teardown),
                cmocka_unit_test_setup_teardown(too_many_pins_are_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(roots_and_pins_come_back, setup, teardown),
                cmocka_unit_test_setup_teardown(changes_are_made_on_what_came_back, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_is_removed_meanwhile_is_made_again, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_is_replaced_meanwhile_is_gone_on_with, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(deliveries_go_on_with_a_new_file, setup, teardown),
                cmocka_unit_test_setup_teardown(damaged_rows_spoil_no_backup, setup, teardown),
                cmocka_unit_test_setup_teardown(a_backup_that_was_cut_leaves_nothing, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_backup_is_believed_whole_or_not, setup, teardown),
                cmocka_unit_test_setup_teardown(goes_on_in_memory, setup, teardown),
                cmocka_unit_test_setup_teardown(comes_back_from_memory, setup, teardown),
                cmocka_unit_test_setup_teardown(tells_of_an_unwritable_file, setup, teardown),
                cmocka_unit_test_setup_teardown(threads_share_it, setup, teardown),
                cmocka_unit_test_setup_teardown(processes_share_it, setup, teardown),
                cmocka_unit_test_setup_teardown(nobody_is_locked_out_at_the_start, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
