#include "cache_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/path.h"
#include "cache/cache.h"
#include "cache/database.h"
#include "cache/index.h"
#include "cache/survey.h"

#define N 40

typedef struct Fixture {
        UnitDir *dir;
        State *state;
        Cache *cache;
        Digest keys[N];
} Fixture;

static int open_cache(Fixture *f) {
        return cache_open(&f->cache, below(f->dir, "c"), f->state, CACHE_NORMAL, NULL);
}

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){};
        if (unit_dir_setup((void **) &f.dir) < 0)
                return -1;
        f.state = memory_state();
        *state = &f;
        return open_cache(&f);
}

static int teardown(void **state) {
        Fixture *f = *state;

        (void) cache_close(f->cache);
        (void) state_close(f->state);
        return unit_dir_teardown((void **) &f->dir);
}

static Index *index_of(Fixture *f) {
        return cache_index(f->cache);
}

/* All have the same log, and a model of @i + 1 bytes of their own. */
static void publish(Fixture *f, unsigned i) {
        _cleanup_(sample_deinit) Sample sample;
        _cleanup_(record_freep) Record *record = NULL;
        uint8_t model[N + 1];
        const CacheFile files[] = {
                { .role = RECORD_ROLE_XMODEL, .fd = -1, .data = slice_of(model, i + 1) },
                { .role = RECORD_ROLE_LOG, .fd = -1, .data = slice_of_string("shared log") },
        };

        memset(model, (int) i, sizeof(model));
        sample_init(&sample, i);
        sample.provenance[1].tag = "source";
        assert_int_equal(cache_publish(f->cache, &sample.record, files, 2, &record), 0);
        f->keys[i] = record->key;
}

static void publish_all(Fixture *f) {
        for (unsigned i = 0; i < N; i++)
                publish(f, i);
}

static uint64_t record_size(Fixture *f, unsigned i) {
        struct stat st;

        assert_int_equal(stat(shard_path(f->dir, "c/records", &f->keys[i]), &st), 0);
        return (uint64_t) st.st_size;
}

static void expect_totals(Fixture *f, unsigned n) {
        IndexTotals totals = index_totals(index_of(f));
        uint64_t bytes = n > 0 ? strlen("shared log") : 0; /* once */

        for (unsigned i = 0; i < n; i++)
                bytes += i + 1 + record_size(f, i);
        assert_int_equal(totals.entries, n);
        assert_int_equal(totals.bytes, bytes);
}

static int take_entry(const IndexEntry *entry, void *userdata) {
        *(IndexEntry *) userdata = *entry;
        return 0;
}

static IndexEntry entry_of(Fixture *f, unsigned i) {
        IndexEntry entry = {};

        assert_int_equal(index_find(index_of(f), &f->keys[i], take_entry, &entry), 0);
        return entry;
}

static int count_entry(const IndexEntry *entry, void *userdata) {
        ++*(unsigned *) userdata;
        return 0;
}

static unsigned count(Fixture *f) {
        unsigned n = 0;

        assert_int_equal(index_each_after(index_of(f), NULL, 1000, count_entry, &n), 0);
        return n;
}

/* --- rows --------------------------------------------------------------------------------- */

static void knows_what_was_published(void **state) {
        Fixture *f = *state;
        IndexEntry entry;
        unsigned n = 0;

        publish_all(f);
        expect_totals(f, N);
        entry = entry_of(f, 6);
        assert_int_equal(entry.build_ms, 12345);
        assert_int_equal(entry.peak_memory, UINT64_C(3) << 30);
        assert_int_equal(entry.size, 7);
        assert_int_equal(entry.bytes, 7 + strlen("shared log") + record_size(f, 6));
        assert_int_equal(entry.hits, 0);
        assert_int_equal(entry.used_ns, entry.created_ns);
        assert_false(entry.failed);
        assert_int_equal(
                index_each_of_source(index_of(f), "/w/unet_int.xmodel", 7, count_entry, &n), 0);
        assert_int_equal(n, 7);
        n = 0;
        assert_int_equal(index_each_of_source(index_of(f), "/w/other", 7, count_entry, &n), 0);
        assert_int_equal(n, 0);
}

static void publishing_again_replaces(void **state) {
        Fixture *f = *state;

        publish(f, 0);
        index_touch(index_of(f), &f->keys[0], INT64_MAX / 2);
        assert_int_equal(index_flush(index_of(f)), 0);
        publish(f, 0);
        expect_totals(f, 1);
        assert_int_equal(entry_of(f, 0).hits, 1); /* uses are kept */
        assert_int_equal(entry_of(f, 0).used_ns, INT64_MAX / 2);
}

static int take_key(const IndexEntry *entry, void *userdata) {
        *(Digest *) userdata = entry->key;
        return 1;
}

static void newest_come_first(void **state) {
        Fixture *f = *state;
        Digest key;

        publish_all(f);
        assert_int_equal(index_each_newest(index_of(f), 1, take_key, &key), 1);
        assert_true(digest_equal(&key, &f->keys[N - 1]));
}

/* --- uses ----------------------------------------------------------------------------------- */

static void uses_are_written_together(void **state) {
        Fixture *f = *state;
        int64_t before;

        publish_all(f);
        before = entry_of(f, 3).used_ns;
        for (unsigned i = 0; i < 5; i++) {
                _cleanup_(record_freep) Record *record = NULL;

                assert_int_equal(cache_lookup(f->cache, &f->keys[3], &record), 0);
        }
        assert_true(index_has_touches(index_of(f)));
        assert_int_equal(entry_of(f, 3).hits, 0); /* nothing was written for them */
        assert_int_equal(index_flush(index_of(f)), 0);
        assert_false(index_has_touches(index_of(f)));
        assert_int_equal(entry_of(f, 3).hits, 5);
        assert_true(entry_of(f, 3).used_ns > before);
        assert_int_equal(entry_of(f, 4).hits, 0);
}

static void uses_are_written_at_the_end(void **state) {
        Fixture *f = *state;

        publish_all(f);
        index_touch(index_of(f), &f->keys[3], INT64_MAX);
        f->cache = cache_close(f->cache);
        assert_int_equal(open_cache(f), 0);
        assert_int_equal(entry_of(f, 3).hits, 1);
        expect_totals(f, N);
}

static void uses_are_bounded(void **state) {
        Fixture *f = *state;

        publish(f, 0);
        for (uint32_t i = 0; i < INDEX_TOUCHES_MAX + 100; i++) {
                Digest key = digest_of(&i, sizeof(i));

                index_touch(index_of(f), &key, 1);
        }
        index_touch(index_of(f), &f->keys[0], INT64_MAX); /* no room: forgotten */
        assert_int_equal(index_flush(index_of(f)), 0);
        assert_int_equal(entry_of(f, 0).hits, 0);
        index_touch(index_of(f), &f->keys[0], INT64_MAX);
        assert_int_equal(index_flush(index_of(f)), 0);
        assert_int_equal(entry_of(f, 0).hits, 1);
}

static void *touch_many(void *userdata) {
        Fixture *f = userdata;

        for (unsigned i = 0; i < 1000; i++) {
                index_touch(index_of(f), &f->keys[i % N], i);
                if (i % 100 == 0)
                        (void) index_flush(index_of(f));
        }
        return NULL;
}

static void threads_touch_at_once(void **state) {
        Fixture *f = *state;
        pthread_t threads[4];
        uint64_t hits = 0;

        publish_all(f);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                assert_int_equal(pthread_create(&threads[i], NULL, touch_many, f), 0);
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(index_flush(index_of(f)), 0);
        for (unsigned i = 0; i < N; i++)
                hits += entry_of(f, i).hits;
        assert_int_equal(hits, 4000);
}

/* --- removing ------------------------------------------------------------------------------- */

static int count_orphan(const Digest *object, void *userdata) {
        ++*(unsigned *) userdata;
        return 0;
}

static unsigned remove_and_count(Fixture *f, unsigned i) {
        unsigned n = 0;

        assert_int_equal(index_begin(index_of(f)), 0);
        assert_int_equal(index_remove(index_of(f), &f->keys[i], true, count_orphan, &n), 0);
        assert_int_equal(index_end(index_of(f), 0), 0);
        return n;
}

static void shared_objects_are_orphans_at_last(void **state) {
        Fixture *f = *state;

        publish(f, 0);
        publish(f, 1);
        assert_int_equal(remove_and_count(f, 1), 1); /* its model; the log is the other's, too */
        expect_totals(f, 1);
        assert_int_equal(remove_and_count(f, 0), 2);
        expect_totals(f, 0);
        assert_true(index_was_evicted(index_of(f), &f->keys[0]));
        publish(f, 0);
        assert_false(index_was_evicted(index_of(f), &f->keys[0]));
}

static void what_is_undone_was_never_done(void **state) {
        Fixture *f = *state;

        publish_all(f);
        assert_int_equal(index_begin(index_of(f)), 0);
        assert_int_equal(index_remove(index_of(f), &f->keys[1], true, NULL, NULL), 0);
        assert_int_equal(index_end(index_of(f), -EIO), -EIO);
        expect_totals(f, N);
        assert_int_equal(count(f), N);
}

static void a_miss_after_eviction_is_counted(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;
        CacheCounters counters;

        publish(f, 0);
        (void) remove_and_count(f, 0);
        assert_int_equal(unlink(shard_path(f->dir, "c/records", &f->keys[0])), 0);
        assert_int_equal(cache_lookup(f->cache, &f->keys[0], &record), CACHE_MISS);
        cache_counters(f->cache, &counters);
        assert_int_equal(counters.evicted, 1);
}

/* --- loss ----------------------------------------------------------------------------------- */

static void survey(Fixture *f) {
        assert_int_equal(survey_complete(below(f->dir, "c"), index_of(f)), 0);
        assert_true(index_is_complete(index_of(f)));
}

static void a_lost_index_comes_back(void **state) {
        Fixture *f = *state;

        publish_all(f);
        f->cache = cache_close(f->cache);
        assert_int_equal(unlink(below(f->dir, "c/index.db")), 0);
        assert_int_equal(open_cache(f), 0);
        assert_false(index_is_complete(index_of(f)));
        assert_int_equal(count(f), 0);
        survey(f);
        expect_totals(f, N);
        assert_int_equal(entry_of(f, 6).build_ms, 12345);
        assert_int_equal(entry_of(f, 6).used_ns, entry_of(f, 6).created_ns);
}

static void spoil(Fixture *f) {
        char garbage[4096];

        memset(garbage, 'x', sizeof(garbage));
        write_file(below(f->dir, "c/index.db"), garbage, sizeof(garbage));
        (void) unlink(below(f->dir, "c/index.db-wal"));
        (void) unlink(below(f->dir, "c/index.db-shm"));
}

static void a_corrupt_index_comes_back(void **state) {
        Fixture *f = *state;

        publish_all(f);
        f->cache = cache_close(f->cache);
        spoil(f);
        assert_int_equal(open_cache(f), 0);
        assert_int_equal(index_recreated(index_of(f)), 1);
        survey(f);
        expect_totals(f, N);
}

typedef struct Orphans {
        Digest shared; /* the content that all name */
        unsigned n;    /* how often it was said to be nobody's */
} Orphans;

static int count_shared_orphan(const Digest *object, void *userdata) {
        Orphans *orphans = userdata;

        orphans->n += digest_equal(object, &orphans->shared);
        return 0;
}

static Digest shared_object(Fixture *f) {
        _cleanup_(record_freep) Record *record = NULL;

        assert_int_equal(cache_load(f->cache, &f->keys[0], &record), 0);
        return record_object(record, RECORD_ROLE_LOG)->digest;
}

/* The pages of the file that @bytes are, one after the other; all is well in between. */
static void damage_page(Fixture *f, Slice bytes, size_t page, size_t n) {
        _cleanup_(freep) uint8_t *copy = malloc(bytes.size);

        assert_non_null(copy);
        memcpy(copy, bytes.data, bytes.size);
        memset(copy + n * page, 'x', page);
        write_file(below(f->dir, "c/index.db"), copy, bytes.size);
}

/* Found only when somebody asks what nobody names: the new file has no rows, which means nothing. */
static void a_corrupt_index_makes_no_orphans(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes bytes = BYTES_INIT(16 * 1024 * 1024);
        unsigned n_asked = 0, n_removed = 0;
        Orphans orphans = {};
        size_t page;

        publish_all(f);
        orphans.shared = shared_object(f);
        f->cache = cache_close(f->cache);
        assert_int_equal(file_read(AT_FDCWD, below(f->dir, "c/index.db"), &bytes), 0);
        page = (size_t) bytes.data[16] << 8 | bytes.data[17];
        for (size_t n = 1; n < bytes.size / page; n++) {
                for (unsigned remove = 0; remove < 2; remove++) {
                        bool whole;

                        damage_page(f, bytes_slice(&bytes), page, n);
                        assert_int_equal(open_cache(f), 0);
                        whole = index_recreated(index_of(f)) == 0;
                        if (remove)
                                (void) index_remove(index_of(f), &f->keys[0], true,
                                                    count_shared_orphan, &orphans);
                        else if (whole)
                                assert_true(index_names_object(index_of(f), &orphans.shared));
                        if (whole && index_recreated(index_of(f)) > 0)
                                *(remove ? &n_removed : &n_asked) += 1;
                        f->cache = cache_close(f->cache);
                }
        }
        assert_int_equal(orphans.n, 0);
        assert_true(n_asked > 0 && n_removed > 0); /* it was found in the middle of it */
        assert_int_equal(open_cache(f), 0);
}

/* in the middle of work, with the file open */
static void an_index_that_vanishes_comes_back(void **state) {
        Fixture *f = *state;

        publish_all(f);
        survey(f);
        assert_int_equal(unlink(below(f->dir, "c/index.db")), 0);
        (void) unlink(below(f->dir, "c/index.db-wal"));
        (void) unlink(below(f->dir, "c/index.db-shm"));
        index_follow(index_of(f));
        assert_int_equal(index_recreated(index_of(f)), 1);
        assert_false(index_is_complete(index_of(f)));
        publish(f, 0);
        survey(f);
        expect_totals(f, N);
        assert_true(exists(below(f->dir, "c/index.db")));
        index_follow(index_of(f));
        assert_int_equal(index_recreated(index_of(f)), 1); /* it is the one there */
}

static void an_index_that_breaks_comes_back(void **state) {
        Fixture *f = *state;
        uint8_t garbage[64 * 1024];
        int fd;

        publish_all(f);
        survey(f);
        /* every page, behind SQLite's back, and nothing in the journal to help */
        memset(garbage, 0xa5, sizeof(garbage));
        fd = open(below(f->dir, "c/index.db"), O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, garbage, sizeof(garbage)), sizeof(garbage));
        close(fd);
        assert_int_equal(truncate(below(f->dir, "c/index.db-wal"), 0), 0);
        for (unsigned i = 0; i < N; i++) {
                _cleanup_(record_freep) Record *record = NULL;

                assert_int_equal(cache_lookup(f->cache, &f->keys[i], &record), 0);
        }
        (void) index_flush(index_of(f));
        publish(f, 0);
        survey(f);
        assert_int_equal(count(f), N);
        expect_totals(f, N);
}

static void surveys_correct_both_ways(void **state) {
        Fixture *f = *state;

        publish_all(f);
        survey(f);
        /* a record that is gone, and one that the index forgot */
        assert_int_equal(unlink(shard_path(f->dir, "c/records", &f->keys[N - 1])), 0);
        assert_int_equal(index_remove(index_of(f), &f->keys[3], false, NULL, NULL), 0);
        assert_int_equal(survey_mark(below(f->dir, "c")), 0);
        survey(f);
        assert_false(survey_is_marked(below(f->dir, "c")));
        expect_totals(f, N - 1);
}

/* two that have the same directory see each other's rows and totals */
static void indexes_are_shared(void **state) {
        Fixture *f = *state;
        _cleanup_(index_closep) Index *other = NULL;
        Problem problem = {};

        assert_int_equal(index_open(&other, below(f->dir, "c"), &problem), 0);
        assert_false(index_is_private(other));
        publish_all(f);
        index_touch(other, &f->keys[2], INT64_MAX);
        assert_int_equal(index_flush(other), 0);
        assert_int_equal(index_totals(other).entries, N);
        assert_int_equal(entry_of(f, 2).hits, 1);
}

/* --- what the database promises --------------------------------------------------------------- */

static unsigned count_aside(Fixture *f) {
        _cleanup_(closedirp) DIR *dir = opendir(below(f->dir, "c"));
        struct dirent *entry;
        unsigned n = 0;

        assert_non_null(dir);
        while ((entry = readdir(dir)))
                n += strncmp(entry->d_name, "index.db.corrupt-", 17) == 0;
        return n;
}

static void corrupt_files_are_bounded(void **state) {
        Fixture *f = *state;

        publish(f, 0);
        for (unsigned i = 0; i < DATABASE_ASIDE_MAX + 4; i++) {
                f->cache = cache_close(f->cache);
                spoil(f);
                write_file(below(f->dir, "c/index.db-wal"), "x", 1);
                assert_int_equal(open_cache(f), 0);
        }
        assert_in_range(count_aside(f), 1, 3 * DATABASE_ASIDE_MAX);
        assert_int_equal(survey_complete(below(f->dir, "c"), index_of(f)), 0);
        expect_totals(f, 1);
}

/* Nobody enters into it what he publishes, and nobody marks it for that. */
static void a_private_index_is_surveyed_each_time(void **state) {
        Fixture *f = *state;
        _cleanup_(index_closep) Index *index = NULL;

        assert_int_equal(index_open(&index, NULL, NULL), 0);
        for (unsigned i = 0; i < 3; i++) {
                publish(f, i);
                assert_int_equal(survey_complete(below(f->dir, "c"), index), 0);
                assert_int_equal(index_totals(index).entries, i + 1);
        }
}

static void without_a_file_it_is_private(void **state) {
        _cleanup_(index_closep) Index *index = NULL;
        Problem problem = {};

        (void) state;
        assert_int_equal(index_open(&index, NULL, &problem), 0);
        assert_true(index_is_private(index));
        assert_false(index_is_complete(index));
        assert_int_equal(index_set_complete(index, true), 0);
        assert_true(index_is_complete(index));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(knows_what_was_published, setup, teardown),
                cmocka_unit_test_setup_teardown(publishing_again_replaces, setup, teardown),
                cmocka_unit_test_setup_teardown(newest_come_first, setup, teardown),
                cmocka_unit_test_setup_teardown(uses_are_written_together, setup, teardown),
                cmocka_unit_test_setup_teardown(uses_are_written_at_the_end, setup, teardown),
                cmocka_unit_test_setup_teardown(uses_are_bounded, setup, teardown),
                cmocka_unit_test_setup_teardown(threads_touch_at_once, setup, teardown),
                cmocka_unit_test_setup_teardown(shared_objects_are_orphans_at_last, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_is_undone_was_never_done, setup, teardown),
                cmocka_unit_test_setup_teardown(a_miss_after_eviction_is_counted, setup, teardown),
                cmocka_unit_test_setup_teardown(a_lost_index_comes_back, setup, teardown),
                cmocka_unit_test_setup_teardown(a_corrupt_index_comes_back, setup, teardown),
                cmocka_unit_test_setup_teardown(a_corrupt_index_makes_no_orphans, setup, teardown),
                cmocka_unit_test_setup_teardown(an_index_that_vanishes_comes_back, setup, teardown),
                cmocka_unit_test_setup_teardown(an_index_that_breaks_comes_back, setup, teardown),
                cmocka_unit_test_setup_teardown(surveys_correct_both_ways, setup, teardown),
                cmocka_unit_test_setup_teardown(indexes_are_shared, setup, teardown),
                cmocka_unit_test_setup_teardown(corrupt_files_are_bounded, setup, teardown),
                cmocka_unit_test_setup_teardown(a_private_index_is_surveyed_each_time, setup,
                                                teardown),
                cmocka_unit_test(without_a_file_it_is_private),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
