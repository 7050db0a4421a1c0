#include "cache_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "cache/cache.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fail_io.h"

/*
 * Opening a cache, publishing an artifact of two objects (one from a descriptor), making its
 * view: the operation under test. Each of its calls fails in turn, or ends the process. After
 * that, whoever looks finds the whole artifact or none of it, and publishing works.
 */

#define CONTENT   "the compiled model"
#define LOG       "its log"
#define CALLS_MAX 1000 /* more than there are: a sweep that does not end is a failure */

typedef struct Fixture {
        UnitDir *dir;
        char root[256];
        Sample sample;
        int source;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        if (unit_dir_setup((void **) &f.dir) < 0)
                return -1;
        (void) snprintf(f.root, sizeof(f.root), "%s/c", f.dir->path);
        sample_init(&f.sample, 1);
        write_file(below(f.dir, "source"), CONTENT, strlen(CONTENT));
        f.source = open(below(f.dir, "source"), O_RDONLY | O_CLOEXEC);
        *state = &f;
        return f.source >= 0 ? 0 : -1;
}

static int teardown(void **state) {
        Fixture *f = *state;

        closep(&f->source);
        sample_deinit(&f->sample);
        return unit_dir_teardown((void **) &f->dir);
}

static int publish(Fixture *f, State *state) {
        _cleanup_(cache_closep) Cache *cache = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(freep) char *path = NULL;
        const CacheFile files[] = {
                { .role = RECORD_ROLE_XMODEL, .mode = 0644, .fd = f->source },
                { .role = RECORD_ROLE_LOG,
                  .mode = 0644,
                  .fd = -1,
                  .data = slice_of(LOG, strlen(LOG)) },
        };
        int r;

        r = cache_open(&cache, f->root, state, CACHE_NORMAL, NULL);
        if (r < 0)
                return r;
        r = cache_publish(cache, &f->sample.record, files, ARRAY_SIZE(files), &record);
        if (r < 0)
                return r;
        const ViewFile view[] = {
                { .name = "unet.xmodel", .object = &record->objects[0].digest },
                { .name = "meta.json", .data = slice_of("{}", 2) },
        };
        return cache_view(cache, &record->key, "unet", view, ARRAY_SIZE(view), &path);
}

static void expect_content(Cache *cache, const RecordObject *object, const char *content) {
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(100);
        _cleanup_(closep) int fd = -1;

        assert_int_equal(cache_open_object(cache, object, &fd), 0);
        assert_int_equal(file_read_fd(fd, &bytes), 0);
        assert_true(slice_is(bytes_slice(&bytes), content));
}

/* 0 or CACHE_MISS, nothing in between. The state is new: all is read and verified. */
static int look(Fixture *f) {
        _cleanup_(state_closep) State *state = memory_state();
        _cleanup_(cache_closep) Cache *cache = NULL;
        _cleanup_(record_freep) Record *record = NULL;
        CacheCounters counters;
        int r;

        assert_int_equal(cache_open(&cache, f->root, state, CACHE_NORMAL, NULL), 0);
        assert_int_equal(cache_mode(cache), CACHE_NORMAL);
        r = cache_lookup(cache, &f->sample.record.key, &record);
        assert_in_range(r, 0, CACHE_MISS);
        if (r == 0) {
                expect_content(cache, &record->objects[0], CONTENT);
                expect_content(cache, &record->objects[1], LOG);
        }
        /* not even damage that would be mended: nothing incomplete ever has a real name */
        cache_counters(cache, &counters);
        assert_int_equal(counters.quarantined, 0);
        assert_int_equal(counters.incomplete, 0);
        return r;
}

static void expect_no_temps_in(Fixture *f, const char *directory) {
        DIR *dir = opendir(below(f->dir, directory));
        struct dirent *entry;

        while (dir && (entry = readdir(dir)))
                assert_false(file_is_temp_name(entry->d_name));
        if (dir)
                closedir(dir);
}

static void expect_no_temps(Fixture *f) {
        expect_no_temps_in(f, "c/objects");
        expect_no_temps_in(f, "c/records");
        expect_no_temps_in(f, "c/views");
}

/* after the fault: all or nothing, no litter, and the next time it works */
static void expect_recovery(Fixture *f) {
        _cleanup_(state_closep) State *state = memory_state();

        (void) look(f);
        expect_no_temps(f);
        assert_int_equal(publish(f, state), 0);
        assert_int_equal(look(f), 0);
        assert_int_equal(file_remove_tree(f->dir->fd, "c"), 0);
}

static void fail_each_call(Fixture *f, int error) {
        long nth;

        for (nth = 0; nth < CALLS_MAX; nth++) {
                _cleanup_(state_closep) State *state = memory_state();
                bool failed;
                int r;

                fail_io_arm(nth, error);
                r = publish(f, state);
                failed = fail_io_disarm();
                if (!failed)
                        break;
                /* some failures do not matter, such as that of removing a temporary name */
                if (r != 0 && r != -error && r != -EROFS)
                        fail_msg("call %ld, %s: %s became %s", nth, fail_io_call(), strerror(error),
                                 strerror(-r));
                if (strcmp(fail_io_call(), "unlinkat") != 0)
                        expect_no_temps(f);
                if (r == 0)
                        assert_int_equal(look(f), 0);
                expect_recovery(f);
        }
        assert_in_range(nth, 40, CALLS_MAX - 1);
}

static void survives_io_errors(void **state) {
        fail_each_call(*state, EIO);
}

static void survives_a_full_disk(void **state) {
        fail_each_call(*state, ENOSPC);
}

static void survives_a_quota(void **state) {
        fail_each_call(*state, EDQUOT);
}

static void survives_a_lack_of_descriptors(void **state) {
        fail_each_call(*state, EMFILE);
}

static void survives_a_read_only_disk(void **state) {
        fail_each_call(*state, EROFS);
}

/* the child's status: 0 if it got through all its calls, FAIL_IO_STATUS if it died */
static int publish_and_die(Fixture *f, long nth) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                State *state = memory_state();

                fail_io_arm(nth, FAIL_IO_DIE);
                _exit(publish(f, state) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void survives_kill_at_each_call(void **state) {
        Fixture *f = *state;
        long nth, n_whole = 0;
        int status;

        for (nth = 0; nth < CALLS_MAX; nth++) {
                status = publish_and_die(f, nth);
                if (status == 0)
                        break;
                assert_int_equal(status, FAIL_IO_STATUS);
                n_whole += look(f) == 0;
                expect_recovery(f);
        }
        assert_in_range(nth, 40, CALLS_MAX - 1);
        assert_in_range(n_whole, 1, nth - 1); /* both outcomes occur */
        assert_int_equal(look(f), 0);
}

/* The cache is made with directories above it, and what was published is on disk, names of all
 * directories included, when the call returns. */
static void syncs_all_of_an_artifact(void **state) {
        Fixture *f = *state;
        _cleanup_(state_closep) State *memory = memory_state();
        const Digest content = digest_of(CONTENT, strlen(CONTENT)),
                     log = digest_of(LOG, strlen(LOG));

        (void) snprintf(f->root, sizeof(f->root), "%s/new/home/c", f->dir->path);
        fail_io_watch_syncs(true);
        assert_int_equal(publish(f, memory), 0);
        fail_io_watch_syncs(false);
        assert_true(fail_io_is_synced(shard_path(f->dir, "new/home/c/objects", &content)));
        assert_true(fail_io_is_synced(shard_path(f->dir, "new/home/c/objects", &log)));
        assert_true(
                fail_io_is_synced(shard_path(f->dir, "new/home/c/records", &f->sample.record.key)));
}

/* the same over an artifact that is there: it never goes away */
static void replacing_never_loses(void **state) {
        Fixture *f = *state;
        long nth;
        int status;

        assert_int_equal(publish_and_die(f, CALLS_MAX), 0);
        for (nth = 0; nth < CALLS_MAX; nth++) {
                status = publish_and_die(f, nth);
                if (status == 0)
                        break;
                assert_int_equal(status, FAIL_IO_STATUS);
                assert_int_equal(look(f), 0);
        }
        assert_in_range(nth, 20, CALLS_MAX - 1);
}

static void survives_failing_allocations(void **state) {
        Fixture *f = *state;
        long nth;

        for (nth = 0; nth < CALLS_MAX; nth++) {
                _cleanup_(state_closep) State *memory = memory_state();
                bool failed;
                int r;

                fail_alloc_arm(nth);
                r = publish(f, memory);
                failed = fail_alloc_disarm();
                if (!failed)
                        break;
                assert_true(r == 0 || r == -ENOMEM);
                expect_recovery(f);
        }
        assert_in_range(nth, 20, CALLS_MAX - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(survives_io_errors, setup, teardown),
                cmocka_unit_test_setup_teardown(survives_a_full_disk, setup, teardown),
                cmocka_unit_test_setup_teardown(survives_a_quota, setup, teardown),
                cmocka_unit_test_setup_teardown(survives_a_lack_of_descriptors, setup, teardown),
                cmocka_unit_test_setup_teardown(survives_a_read_only_disk, setup, teardown),
                cmocka_unit_test_setup_teardown(survives_kill_at_each_call, setup, teardown),
                cmocka_unit_test_setup_teardown(syncs_all_of_an_artifact, setup, teardown),
                cmocka_unit_test_setup_teardown(replacing_never_loses, setup, teardown),
                cmocka_unit_test_setup_teardown(survives_failing_allocations, setup, teardown),
        };

        /* thousands of syncs, which cost nothing in memory */
        if (access("/dev/shm", W_OK) == 0)
                (void) setenv("TMPDIR", "/dev/shm", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
