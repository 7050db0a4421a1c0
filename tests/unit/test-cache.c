#include "cache_fixture.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/path.h"
#include "cache/cache.h"
#include "cache/index.h"
#include "collision.h"

#define MODEL "the compiled model"
#define LOG   "a log"

typedef struct Fixture {
        UnitDir *dir;
        State *state;
        Cache *cache;
        Sample sample;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){};
        if (unit_dir_setup((void **) &f.dir) < 0)
                return -1;
        f.state = memory_state();
        sample_init(&f.sample, 1);
        *state = &f;
        return cache_open(&f.cache, below(f.dir, "c"), f.state, CACHE_NORMAL, NULL);
}

static int teardown(void **state) {
        Fixture *f = *state;

        (void) cache_close(f->cache);
        (void) state_close(f->state);
        sample_deinit(&f->sample);
        return unit_dir_teardown((void **) &f->dir);
}

static int publish(Fixture *f, Record **ret) {
        const CacheFile files[] = {
                { .role = RECORD_ROLE_XMODEL,
                  .mode = 0644,
                  .fd = -1,
                  .data = { (const uint8_t *) MODEL, strlen(MODEL) } },
                { .role = RECORD_ROLE_LOG,
                  .mode = 0644,
                  .fd = -1,
                  .data = { (const uint8_t *) LOG, strlen(LOG) } },
        };

        return cache_publish(f->cache, &f->sample.record, files, 2, ret);
}

static void publish_ok(Fixture *f) {
        _cleanup_(record_freep) Record *record = NULL;

        assert_int_equal(publish(f, &record), 0);
        assert_int_equal(record->n_objects, 2);
        assert_int_equal(record->objects[0].size, strlen(MODEL));
}

static int lookup(Fixture *f) {
        _cleanup_(record_freep) Record *record = NULL;

        return cache_lookup(f->cache, &f->sample.record.key, &record);
}

static const char *object_path(Fixture *f, const char *content) {
        const Digest digest = digest_of(content, strlen(content));

        return shard_path(f->dir, "c/objects", &digest);
}

static CacheCounters counters(Fixture *f) {
        CacheCounters c;

        cache_counters(f->cache, &c);
        return c;
}

static void reopen(Fixture *f) {
        f->cache = cache_close(f->cache);
        assert_int_equal(cache_open(&f->cache, below(f->dir, "c"), f->state, CACHE_NORMAL, NULL),
                         0);
}

static void serves_what_was_published(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(100);
        _cleanup_(closep) int fd = -1;
        struct stat st;

        assert_int_equal(lookup(f), CACHE_MISS);
        publish_ok(f);
        reopen(f);
        assert_int_equal(cache_lookup(f->cache, &f->sample.record.key, &record), 0);
        assert_true(record->created_ns > f->sample.record.created_ns);
        assert_int_equal(
                cache_open_object(f->cache, record_object(record, RECORD_ROLE_XMODEL), &fd), 0);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
        assert_int_equal(file_read_fd(fd, &content), 0);
        assert_true(slice_is(bytes_slice(&content), MODEL));
        assert_int_equal(stat(object_path(f, MODEL), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0444);
        assert_int_equal(st.st_nlink, 1);
        assert_int_equal(stat(below(f->dir, "c"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_int_equal(counters(f).hits, 1);
        assert_int_equal(counters(f).verified, 0); /* known from publishing */
}

static void answers_with_failures(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL, *found = NULL;
        Record draft = f->sample.record;

        draft.kind = RECORD_FAILURE;
        draft.failure_class = "unsupported-op";
        draft.failure = "op x";
        assert_int_equal(cache_publish(f->cache, &draft, NULL, 0, &record), 0);
        assert_int_equal(cache_lookup(f->cache, &draft.key, &found), 0);
        assert_int_equal(found->kind, RECORD_FAILURE);
        assert_int_equal(counters(f).failure_hits, 1);
        publish_ok(f); /* a later success replaces it */
        found = record_free(found);
        assert_int_equal(cache_lookup(f->cache, &draft.key, &found), 0);
        assert_int_equal(found->kind, RECORD_SUCCESS);
}

static void verifies_after_a_daemon_start(void **state) {
        Fixture *f = *state;
        _cleanup_(closep) int lock = -1;
        pid_t holder = 0;
        int other;

        publish_ok(f);
        assert_int_equal(lookup(f), 0);
        assert_int_equal(counters(f).verified, 0);
        assert_int_equal(cache_lock_daemon(f->cache, &lock, &holder), 0);
        assert_int_equal(lookup(f), 0);
        assert_int_equal(lookup(f), 0);
        assert_int_equal(counters(f).verified, 2); /* two objects, once each */
        assert_int_equal(cache_lock_daemon(f->cache, &other, &holder), CACHE_BUSY);
        assert_int_equal(holder, getpid());
}

static void flip_a_bit(const char *path, size_t at) {
        _cleanup_(closep) int fd = -1;
        uint8_t byte;

        assert_int_equal(chmod(path, 0600), 0);
        fd = open(path, O_RDWR | O_CLOEXEC);
        assert_int_equal(pread(fd, &byte, 1, (off_t) at), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, (off_t) at), 1);
}

static void cut(const char *path, size_t size) {
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(truncate(path, (off_t) size), 0);
}

static void expect_healed(Fixture *f) {
        assert_int_equal(lookup(f), CACHE_MISS);
        publish_ok(f);
        assert_int_equal(lookup(f), 0);
}

static void damaged_objects_are_misses(void **state) {
        Fixture *f = *state;

        publish_ok(f);
        flip_a_bit(object_path(f, MODEL), 3);
        assert_int_equal(lookup(f), CACHE_MISS);
        assert_int_equal(counters(f).quarantined, 1);
        assert_int_equal(counters(f).incomplete, 1);
        assert_false(exists(object_path(f, MODEL)));
        expect_healed(f);

        cut(object_path(f, LOG), 2);
        expect_healed(f);
        assert_int_equal(counters(f).quarantined, 2);

        assert_int_equal(unlink(object_path(f, MODEL)), 0);
        expect_healed(f);

        assert_int_equal(unlink(object_path(f, MODEL)), 0);
        assert_int_equal(symlink("/etc/passwd", object_path(f, MODEL)), 0);
        expect_healed(f);

        assert_int_equal(unlink(object_path(f, MODEL)), 0);
        assert_int_equal(mkdir(object_path(f, MODEL), 0700), 0);
        expect_healed(f);
}

/* a damaged object that nobody looked at is mended by publishing it again */
static void publishing_heals(void **state) {
        Fixture *f = *state;

        publish_ok(f);
        flip_a_bit(object_path(f, MODEL), 0);
        publish_ok(f);
        assert_int_equal(lookup(f), 0);
        assert_int_equal(counters(f).quarantined, 1);
        assert_int_equal(counters(f).deduplicated, 1);
}

static void damaged_records_are_misses(void **state) {
        Fixture *f = *state;
        const char *path = shard_path(f->dir, "c/records", &f->sample.record.key);
        struct stat st;

        publish_ok(f);
        assert_int_equal(stat(path, &st), 0);
        for (size_t at = 0; at < (size_t) st.st_size; at += 7) {
                flip_a_bit(path, at);
                expect_healed(f);
                cut(path, at);
                expect_healed(f);
        }
}

static void replaces_a_removed_directory(void **state) {
        Fixture *f = *state;

        publish_ok(f);
        assert_int_equal(file_remove_tree(f->dir->fd, "c"), 0);
        expect_healed(f);
}

static void publishes_from_descriptors(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(closep) int fd = -1;
        CacheFile file = { .role = RECORD_ROLE_XMODEL, .mode = 0644 };
        static uint8_t large[1 << 20];
        Md5 md5;

        memset(large, 7, sizeof(large));
        write_file(below(f->dir, "source"), large, sizeof(large));
        fd = open(below(f->dir, "source"), O_RDONLY | O_CLOEXEC);
        assert_int_equal(lseek(fd, 100, SEEK_SET), 100); /* wherever it stands */
        file.fd = fd;
        assert_int_equal(cache_publish(f->cache, &f->sample.record, &file, 1, &record), 0);
        assert_int_equal(record->objects[0].size, sizeof(large));
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        assert_int_equal(digest_fd(fd, NULL, NULL, &md5, NULL), 0);
        assert_memory_equal(&md5, &record->objects[0].md5, MD5_SIZE);
        assert_int_equal(lookup(f), 0);
}

static void removes_what_dead_writers_left(void **state) {
        Fixture *f = *state;

        publish_ok(f);
        write_file(below(f->dir, "c/objects/.dpucc.0123456789abcdef.tmp"), "x", 1);
        write_file(below(f->dir, "c/records/.dpucc.0123456789abcdef.tmp"), "x", 1);
        assert_int_equal(mkdir(below(f->dir, "c/views"), 0700), 0);
        assert_int_equal(mkdir(below(f->dir, "c/views/.dpucc.0123456789abcdef.tmp"), 0700), 0);
        write_file(below(f->dir, "c/views/.dpucc.0123456789abcdef.tmp/x"), "x", 1);
        reopen(f);
        assert_false(exists(below(f->dir, "c/objects/.dpucc.0123456789abcdef.tmp")));
        assert_false(exists(below(f->dir, "c/records/.dpucc.0123456789abcdef.tmp")));
        assert_false(exists(below(f->dir, "c/views/.dpucc.0123456789abcdef.tmp")));
        assert_int_equal(lookup(f), 0);
}

static void finds_keys_by_prefix(void **state) {
        Fixture *f = *state;
        char hex[DIGEST_HEX], upper[DIGEST_HEX];
        Digest found;

        digest_to_hex(&f->sample.record.key, hex);
        assert_int_equal(cache_find(f->cache, hex, &found), CACHE_MISS);
        publish_ok(f);
        assert_int_equal(cache_find(f->cache, hex, &found), 0);
        assert_memory_equal(&found, &f->sample.record.key, sizeof(found));
        for (size_t i = 0; i < DIGEST_HEX; i++)
                upper[i] = (char) (hex[i] >= 'a' ? hex[i] - 'a' + 'A' : hex[i]);
        assert_int_equal(cache_find(f->cache, upper, &found), 0);
        hex[8] = '\0';
        assert_int_equal(cache_find(f->cache, hex, &found), 0);
        hex[7] = '\0';
        assert_int_equal(cache_find(f->cache, hex, &found), -EINVAL);
        assert_int_equal(cache_find(f->cache, "not hex at all", &found), -EINVAL);
        assert_int_equal(cache_find(f->cache, "000000000000000000000000000000000", &found),
                         -EINVAL);

        digest_to_hex(&f->sample.record.key, hex); /* a neighbour with the same first digits */
        hex[31] = hex[31] == '0' ? '1' : '0';
        assert_int_equal(digest_from_hex(hex, &found), 0);
        write_file(shard_path(f->dir, "c/records", &found), "", 0);
        hex[12] = '\0';
        assert_int_equal(cache_find(f->cache, hex, &found), CACHE_AMBIGUOUS);
}

static int count(const Digest *key, void *userdata) {
        unsigned *n = userdata;

        return ++*n == 3 ? 42 : 0;
}

static void visits_records(void **state) {
        Fixture *f = *state;
        unsigned n = 0;

        for (unsigned i = 0; i < 4; i++) {
                sample_deinit(&f->sample);
                sample_init(&f->sample, i);
                publish_ok(f);
        }
        assert_int_equal(cache_each(f->cache, 2, count, &n), 0);
        assert_int_equal(n, 2);
        n = 0;
        assert_int_equal(cache_each(f->cache, 100, count, &n), 42);
        assert_int_equal(n, 3);
}

static void makes_views(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(100);
        _cleanup_(freep) char *path = NULL;
        char name[512];

        assert_int_equal(publish(f, &record), 0);
        const ViewFile files[] = {
                { .name = "unet.xmodel", .object = &record->objects[0].digest },
                { .name = "meta.json", .data = slice_of_string("{}") },
        };
        assert_int_equal(cache_view(f->cache, &record->key, "unet", files, 2, &path), 0);
        (void) snprintf(name, sizeof(name), "%s/unet.xmodel", path);
        assert_int_equal(file_read(AT_FDCWD, name, &content), 0);
        assert_true(slice_is(bytes_slice(&content), MODEL));
}

/* Asks until the view is old enough to be known by its looks. */
static void await_known(Fixture *f, const Digest *key, const ViewFile *files) {
        int r;

        do {
                _cleanup_(freep) char *path = NULL, *again = NULL;

                assert_int_equal(cache_view(f->cache, key, "unet", files, 2, &path), 0);
                r = cache_view_again(f->cache, key, "unet", files, 2, &again);
                if (r == 0)
                        assert_string_equal(path, again);
        } while (r == CACHE_MISS);
        assert_int_equal(r, 0);
}

static int ask_again(Fixture *f, const Digest *key, const ViewFile *files) {
        _cleanup_(freep) char *path = NULL;

        return cache_view_again(f->cache, key, "unet", files, 2, &path);
}

/* whatever is done to a view that is known by its looks is seen, and mended */
static void sees_changes_of_known_views(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(freep) char *path = NULL;
        _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(100);
        struct timespec times[2];
        const Digest other = digest_of("other", 5);
        char name[512];

        assert_int_equal(publish(f, &record), 0);
        const Digest *key = &record->key;
        const ViewFile files[] = {
                { .name = "unet.xmodel", .object = &record->objects[0].digest },
                { .name = "meta.json", .rendered_from = &other, .data = slice_of_string("{}") },
        };
        assert_int_equal(ask_again(f, key, files), CACHE_MISS);
        await_known(f, key, files);

        assert_int_equal(cache_view(f->cache, key, "unet", files, 2, &path), 0);
        (void) snprintf(name, sizeof(name), "%s/meta.json", path);
        assert_int_equal(chmod(name, 0600), 0);
        assert_int_equal(ask_again(f, key, files), CACHE_MISS);
        write_file(name, "[]", 2);
        await_known(f, key, files);
        assert_int_equal(file_read(AT_FDCWD, name, &content), 0);
        assert_true(slice_is(bytes_slice(&content), "{}"));

        (void) snprintf(name, sizeof(name), "%s/unet.xmodel", path);
        assert_int_equal(unlink(name), 0);
        assert_int_equal(ask_again(f, key, files), CACHE_MISS);
        assert_int_equal(symlink("nowhere", name), 0);
        assert_int_equal(ask_again(f, key, files), CACHE_MISS);
        await_known(f, key, files);

        /* other contents under these names were never shown */
        const ViewFile others[] = { files[0],
                                    { .name = "meta.json", .rendered_from = &record->key } };
        assert_int_equal(ask_again(f, key, others), CACHE_MISS);

        /* the end of the lease is near: it is made longer under the lock */
        times[0] = times[1] = (struct timespec){ .tv_sec = time(NULL) - VIEW_LEASE_S / 2 - 1 };
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
        assert_int_equal(ask_again(f, key, files), CACHE_MISS);
        await_known(f, key, files);
}

static void off_does_nothing(void **state) {
        Fixture *f = *state;
        _cleanup_(cache_closep) Cache *off = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        const char *path = below(f->dir, "off");
        Digest found;
        int fd = 0;

        assert_int_equal(cache_open(&off, path, f->state, CACHE_OFF, NULL), 0);
        assert_int_equal(cache_lookup(off, &f->sample.record.key, &record), CACHE_MISS);
        assert_int_equal(cache_publish(off, &f->sample.record, NULL, 0, &record), -EROFS);
        assert_int_equal(cache_lock_key(off, &f->sample.record.key, true, &fd), 0);
        assert_int_equal(fd, -1);
        assert_int_equal(cache_find(off, "0123456789", &found), CACHE_MISS);
        assert_false(exists(path));
}

static void read_only_mode_serves(void **state) {
        Fixture *f = *state;
        _cleanup_(cache_closep) Cache *cache = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        Problem problem = { .text = "" };

        publish_ok(f);
        assert_int_equal(
                cache_open(&cache, below(f->dir, "c"), f->state, CACHE_READ_ONLY, &problem), 0);
        assert_string_equal(problem.text, "");
        assert_int_equal(cache_publish(cache, &f->sample.record, NULL, 0, &record), -EROFS);
        assert_int_equal(cache_lookup(cache, &f->sample.record.key, &record), 0);
}

#define NOBODY 65534

/* in a child without privileges: 0 if all is as it should be */
static int use_unwritable(Fixture *f) {
        _cleanup_(cache_closep) Cache *cache = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        Problem problem = { .text = "" };
        int lock = 0;

        if (cache_open(&cache, below(f->dir, "c"), f->state, CACHE_NORMAL, &problem) != 0)
                return 1;
        if (cache_mode(cache) != CACHE_READ_ONLY || !strstr(problem.text, "cannot be written"))
                return 2;
        if (cache_lock_key(cache, &f->sample.record.key, true, &lock) != 0 || lock != -1)
                return 3;
        if (cache_publish(cache, &f->sample.record, NULL, 0, &record) != -EROFS)
                return 4;
        return cache_lookup(cache, &f->sample.record.key, &record) == 0 ? 0 : 5;
}

static void run_as_nobody(Fixture *f, int (*fn)(Fixture *f)) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0 ? 99 : fn(f));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* the walk of nftw(3) has no user data: one function for each direction */
static int lock_up(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        if (path_ends_with(path, ".lock"))
                return unlink(path);
        if (geteuid() == 0 && chown(path, NOBODY, NOBODY) < 0)
                return -1;
        return chmod(path, st->st_mode & 07555);
}

static int unlock(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return chmod(path, (st->st_mode & 07777) | 0200);
}

static void unwritable_directories_serve(void **state) {
        Fixture *f = *state;
        const char *path = below(f->dir, "c");

        publish_ok(f);
        assert_int_equal(chmod(f->dir->path, 0755), 0);
        assert_int_equal(nftw(path, lock_up, 8, FTW_PHYS | FTW_DEPTH), 0);
        run_as_nobody(f, use_unwritable);
        assert_int_equal(nftw(path, unlock, 8, FTW_PHYS), 0);
}

/* as lock_up(), but only one place cannot be written to */
static int hand_over(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return geteuid() == 0 ? chown(path, NOBODY, NOBODY) : 0;
}

static int use_littered(Fixture *f) {
        _cleanup_(cache_closep) Cache *cache = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        Problem problem = { .text = "" };
        const CacheFile file = { .role = RECORD_ROLE_XMODEL, .fd = -1, .data = slice_of("x", 1) };

        if (cache_open(&cache, below(f->dir, "c"), f->state, CACHE_NORMAL, &problem) != 0)
                return 1;
        if (cache_mode(cache) != CACHE_NORMAL || problem.text[0] != '\0')
                return 2;
        if (cache_publish(cache, &f->sample.record, &file, 1, &record) != 0)
                return 3;
        return exists(below(f->dir, "c/views/.dpucc.0123456789abcdef.tmp/x")) ? 0 : 4;
}

static void litter_that_stays_is_no_obstacle(void **state) {
        Fixture *f = *state;
        const char *stuck = below(f->dir, "c/views/.dpucc.0123456789abcdef.tmp");

        publish_ok(f);
        assert_true(mkdir(below(f->dir, "c/views"), 0700) == 0 || errno == EEXIST);
        assert_int_equal(mkdir(stuck, 0700), 0);
        write_file(below(f->dir, "c/views/.dpucc.0123456789abcdef.tmp/x"), "x", 1);
        write_file(below(f->dir, "c/views/.dpucc.0000000000000000.tmp"), "x", 1);
        write_file(below(f->dir, "c/views/.dpucc.ffffffffffffffff.tmp"), "x", 1);
        assert_int_equal(chmod(f->dir->path, 0755), 0);
        assert_int_equal(nftw(below(f->dir, "c"), hand_over, 8, FTW_PHYS), 0);
        assert_int_equal(chmod(stuck, 0500), 0);
        run_as_nobody(f, use_littered);
        assert_false(exists(below(f->dir, "c/views/.dpucc.0000000000000000.tmp")));
        assert_false(exists(below(f->dir, "c/views/.dpucc.ffffffffffffffff.tmp")));
        assert_int_equal(chmod(stuck, 0700), 0);
}

static int open_foreign(Fixture *f) {
        _cleanup_(cache_closep) Cache *cache = NULL;
        Problem problem = { .text = "" };

        if (cache_open(&cache, below(f->dir, "c"), f->state, CACHE_NORMAL, &problem) != -EPERM)
                return 1;
        return strstr(problem.text, "belongs to user id 0") ? 0 : 2;
}

static void refuses_the_directory_of_another_user(void **state) {
        Fixture *f = *state;

        if (geteuid() != 0) {
                (void) fprintf(stderr, "skipped: needs another user's directory\n");
                skip();
        }
        assert_int_equal(chmod(f->dir->path, 0755), 0);
        assert_int_equal(chmod(below(f->dir, "c"), 0755), 0);
        run_as_nobody(f, open_foreign);
}

#define PUBLISHERS 4
#define ROUNDS     20

static int publish_many(Cache *cache) {
        for (unsigned i = 0; i < ROUNDS; i++) {
                _cleanup_(record_freep) Record *record = NULL;
                Sample s;
                const CacheFile file = { .role = RECORD_ROLE_XMODEL,
                                         .mode = 0644,
                                         .fd = -1,
                                         .data = slice_of(&i, sizeof(i)) };

                sample_init(&s, i);
                if (cache_publish(cache, &s.record, &file, 1, &record) != 0)
                        return 1;
                record = record_free(record);
                if (cache_lookup(cache, &s.record.key, &record) != 0)
                        return 2;
                sample_deinit(&s);
        }
        return 0;
}

static int publish_in_process(Fixture *f) {
        _cleanup_(cache_closep) Cache *cache = NULL;

        if (cache_open(&cache, below(f->dir, "c"), f->state, CACHE_NORMAL, NULL) != 0)
                return 9;
        return publish_many(cache);
}

/* SQLite does not go through a fork: each has a cache of its own, and the parent none meanwhile */
static void processes_publish_the_same(void **state) {
        Fixture *f = *state;
        pid_t pids[PUBLISHERS];
        CacheCounters c;
        int status;

        f->cache = cache_close(f->cache);
        for (unsigned i = 0; i < PUBLISHERS; i++) {
                pids[i] = fork();
                assert_true(pids[i] >= 0);
                if (pids[i] == 0)
                        _exit(publish_in_process(f));
        }
        for (unsigned i = 0; i < PUBLISHERS; i++) {
                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_int_equal(status, 0);
        }
        assert_int_equal(cache_open(&f->cache, below(f->dir, "c"), f->state, CACHE_NORMAL, NULL),
                         0);
        assert_int_equal(publish_many(f->cache), 0);
        assert_int_equal(index_totals(cache_index(f->cache)).entries, ROUNDS);
        c = counters(f);
        assert_int_equal(c.deduplicated, ROUNDS);
        assert_int_equal(c.quarantined, 0);
}

static void *publish_in_thread(void *userdata) {
        Fixture *f = userdata;

        return publish_many(f->cache) == 0 ? NULL : f;
}

/* as on pool threads: one Cache, one State */
static void threads_publish_the_same(void **state) {
        Fixture *f = *state;
        pthread_t threads[PUBLISHERS];
        CacheCounters c;
        void *result;

        for (unsigned i = 0; i < PUBLISHERS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, publish_in_thread, f), 0);
        for (unsigned i = 0; i < PUBLISHERS; i++) {
                assert_int_equal(pthread_join(threads[i], &result), 0);
                assert_null(result);
        }
        c = counters(f);
        assert_int_equal(c.published, PUBLISHERS * ROUNDS);
        assert_int_equal(c.hits, PUBLISHERS * ROUNDS);
        assert_int_equal(c.deduplicated, (PUBLISHERS - 1) * ROUNDS);
        assert_int_equal(c.quarantined, 0);
}

/* --- from a shared cache ----------------------------------------------------------------- */

static RecordObject object_of(const void *content, size_t n) {
        _cleanup_(hasher_freep) Hasher *hasher = NULL;
        RecordObject object = { .role = RECORD_ROLE_XMODEL, .mode = 0644, .size = n };

        assert_int_equal(hasher_new(&hasher, HASHER_XXH3 | HASHER_SHA256 | HASHER_MD5), 0);
        assert_int_equal(hasher_update(hasher, content, n), 0);
        hasher_xxh3(hasher, &object.digest);
        assert_int_equal(hasher_sha256(hasher, &object.sha256), 0);
        assert_int_equal(hasher_md5(hasher, &object.md5), 0);
        return object;
}

/* what is sent fits into a pipe */
static int receive(Fixture *f, const RecordObject *object, const void *content, size_t n) {
        _cleanup_(closep) int from = -1;
        int fds[2];

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        from = fds[0];
        assert_int_equal(file_write_all(fds[1], content, n), 0);
        close(fds[1]);
        return cache_receive_object(f->cache, object, from);
}

static void imports_what_is_right(void **state) {
        Fixture *f = *state;
        const RecordObject object = object_of(MODEL, strlen(MODEL));
        Record record = f->sample.record;
        _cleanup_(record_freep) Record *found = NULL;

        record.objects = &object;
        record.n_objects = 1;
        assert_int_equal(cache_check_object(f->cache, &object), CACHE_MISS);
        assert_int_equal(receive(f, &object, MODEL, strlen(MODEL)), 0);
        assert_int_equal(cache_check_object(f->cache, &object), 0);
        assert_int_equal(lookup(f), CACHE_MISS); /* a record makes an artifact */
        assert_int_equal(cache_import(f->cache, &record), 0);
        assert_int_equal(cache_lookup(f->cache, &record.key, &found), 0);
        assert_int_equal(found->created_ns, record.created_ns);
        assert_int_equal(receive(f, &object, MODEL, strlen(MODEL)), 0); /* again is no harm */
}

static void refuses_what_is_not_the_object(void **state) {
        Fixture *f = *state;
        const RecordObject object = object_of(MODEL, strlen(MODEL));
        char other[] = MODEL "!";

        assert_int_equal(receive(f, &object, MODEL, strlen(MODEL) - 1), CACHE_REFUSED);
        assert_int_equal(receive(f, &object, "", 0), CACHE_REFUSED);
        assert_int_equal(receive(f, &object, other, strlen(other)), CACHE_REFUSED);
        other[3] ^= 1;
        assert_int_equal(receive(f, &object, other, strlen(MODEL)), CACHE_REFUSED);
        assert_int_equal(cache_check_object(f->cache, &object), CACHE_MISS);
        assert_false(exists(object_path(f, MODEL)));
}

/* equal XXH3, another SHA-256: refused whichever of the two came first */
static void refuses_a_crafted_object(void **state) {
        Fixture *f = *state;
        uint8_t good[COLLISION_SIZE], crafted[COLLISION_SIZE];
        RecordObject object, other;

        collision_make(good, crafted);
        object = object_of(good, sizeof(good));
        other = object_of(crafted, sizeof(crafted));
        assert_memory_not_equal(good, crafted, sizeof(good));
        assert_true(digest_equal(&object.digest, &other.digest)); /* a collision, really */
        assert_memory_not_equal(&object.sha256, &other.sha256, sizeof(Sha256));

        assert_int_equal(receive(f, &object, crafted, sizeof(crafted)), CACHE_REFUSED);
        assert_int_equal(cache_check_object(f->cache, &object), CACHE_MISS);
        assert_int_equal(receive(f, &object, good, sizeof(good)), 0);
        assert_int_equal(cache_check_object(f->cache, &object), 0);
        assert_int_equal(cache_check_object(f->cache, &other), CACHE_REFUSED);
        assert_int_equal(receive(f, &other, crafted, sizeof(crafted)), CACHE_REFUSED);
        assert_int_equal(cache_check_object(f->cache, &object), 0);
}

static void imports_nothing_when_it_must_not_write(void **state) {
        Fixture *f = *state;
        const RecordObject object = object_of(MODEL, strlen(MODEL));

        f->cache = cache_close(f->cache);
        assert_int_equal(cache_open(&f->cache, below(f->dir, "c"), f->state, CACHE_READ_ONLY, NULL),
                         0);
        assert_int_equal(receive(f, &object, MODEL, strlen(MODEL)), -EROFS);
        assert_int_equal(cache_import(f->cache, &f->sample.record), -EROFS);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(imports_what_is_right, setup, teardown),
                cmocka_unit_test_setup_teardown(refuses_what_is_not_the_object, setup, teardown),
                cmocka_unit_test_setup_teardown(refuses_a_crafted_object, setup, teardown),
                cmocka_unit_test_setup_teardown(imports_nothing_when_it_must_not_write, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(serves_what_was_published, setup, teardown),
                cmocka_unit_test_setup_teardown(answers_with_failures, setup, teardown),
                cmocka_unit_test_setup_teardown(verifies_after_a_daemon_start, setup, teardown),
                cmocka_unit_test_setup_teardown(damaged_objects_are_misses, setup, teardown),
                cmocka_unit_test_setup_teardown(publishing_heals, setup, teardown),
                cmocka_unit_test_setup_teardown(damaged_records_are_misses, setup, teardown),
                cmocka_unit_test_setup_teardown(replaces_a_removed_directory, setup, teardown),
                cmocka_unit_test_setup_teardown(publishes_from_descriptors, setup, teardown),
                cmocka_unit_test_setup_teardown(removes_what_dead_writers_left, setup, teardown),
                cmocka_unit_test_setup_teardown(finds_keys_by_prefix, setup, teardown),
                cmocka_unit_test_setup_teardown(visits_records, setup, teardown),
                cmocka_unit_test_setup_teardown(makes_views, setup, teardown),
                cmocka_unit_test_setup_teardown(sees_changes_of_known_views, setup, teardown),
                cmocka_unit_test_setup_teardown(off_does_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(read_only_mode_serves, setup, teardown),
                cmocka_unit_test_setup_teardown(unwritable_directories_serve, setup, teardown),
                cmocka_unit_test_setup_teardown(litter_that_stays_is_no_obstacle, setup, teardown),
                cmocka_unit_test_setup_teardown(refuses_the_directory_of_another_user, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(processes_publish_the_same, setup, teardown),
                cmocka_unit_test_setup_teardown(threads_publish_the_same, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
