#include "cache_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/path.h"
#include "base/random.h"
#include "cache/cache.h"
#include "cache/collector.h"
#include "cache/index.h"
#include "cache/lock.h"
#include "cache/survey.h"
#include "overlapping_readers.h"

#define N       30
#define HOUR_NS (3600 * CLOCK_NS_PER_S)

/* the disk as the test wants it: LINK LINKER:--wrap=statvfs64 */
static uint64_t disk_free = UINT64_MAX / 2;

int __wrap_statvfs64(const char *path, struct statvfs *ret);
int __wrap_statvfs64(const char *path, struct statvfs *ret) {
        *ret = (struct statvfs){ .f_frsize = 1, .f_bavail = disk_free };
        return 0;
}

/* or full, once the index is written */
static bool records_fail;

int __real_record_write(const char *root, const Digest *key, Slice file);
int __wrap_record_write(const char *root, const Digest *key, Slice file);
int __wrap_record_write(const char *root, const Digest *key, Slice file) {
        return records_fail ? -ENOSPC : __real_record_write(root, key, file);
}

typedef struct Fixture {
        UnitDir *dir;
        State *state;
        Cache *cache;
        Digest keys[N];
        uint64_t own[N]; /* bytes that go with entry i only */
        CollectorSpec spec;
        CollectorResult result;
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){};
        disk_free = UINT64_MAX / 2;
        if (unit_dir_setup((void **) &f.dir) < 0)
                return -1;
        f.state = memory_state();
        *state = &f;
        if (cache_open(&f.cache, below(f.dir, "c"), f.state, CACHE_NORMAL, NULL) < 0)
                return -1;
        f.spec = (CollectorSpec){
                .root = cache_directory(f.cache),
                .index = cache_index(f.cache),
                .state = f.state,
                .now_ns = clock_real_ns() + 2 * HOUR_NS, /* no lease, and no grace, lasts so long */
        };
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        (void) cache_close(f->cache);
        (void) state_close(f->state);
        return unit_dir_teardown((void **) &f->dir);
}

#define SHARED "a log that all of them have"

/* Costs @build_ms, holds @size bytes of its own. */
static int try_to_publish(Fixture *f, unsigned i, uint64_t build_ms, size_t size) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(sample_deinit) Sample sample;
        _cleanup_(freep) uint8_t *model = malloc(size);
        const CacheFile files[] = {
                { .role = RECORD_ROLE_XMODEL, .fd = -1, .data = slice_of(model, size) },
                { .role = RECORD_ROLE_LOG, .fd = -1, .data = slice_of_string(SHARED) },
        };
        struct stat st;
        int r;

        assert_non_null(model);
        memset(model, (int) i, size);
        sample_init(&sample, i);
        sample.record.build_ms = build_ms;
        r = cache_publish(f->cache, &sample.record, files, 2, &record);
        if (r < 0)
                return r;
        f->keys[i] = record->key;
        assert_int_equal(stat(shard_path(f->dir, "c/records", &f->keys[i]), &st), 0);
        f->own[i] = size + (uint64_t) st.st_size;
        return 0;
}

static void publish_as(Fixture *f, unsigned i, uint64_t build_ms, size_t size) {
        assert_int_equal(try_to_publish(f, i, build_ms, size), 0);
}

/* The higher the number, the dearer. */
static void publish(Fixture *f) {
        for (unsigned i = 0; i < N; i++)
                publish_as(f, i, 1000 * (i + 1), 1000 + i);
}

static char *make_view_of(Fixture *f, unsigned i, const char *net_name) {
        _cleanup_(record_freep) Record *record = NULL;
        char *path;

        assert_int_equal(cache_load(f->cache, &f->keys[i], &record), 0);
        const ViewFile file = { .name = "unet.xmodel", .object = &record->objects[0].digest };
        assert_int_equal(cache_view(f->cache, &f->keys[i], net_name, &file, 1, &path), 0);
        return path;
}

static char *make_view(Fixture *f, unsigned i) {
        return make_view_of(f, i, "unet");
}

static bool is_there(Fixture *f, unsigned i) {
        _cleanup_(record_freep) Record *record = NULL;

        return cache_lookup(f->cache, &f->keys[i], &record) == 0;
}

static unsigned count_there(Fixture *f) {
        unsigned n = 0;

        for (unsigned i = 0; i < N; i++)
                n += exists(shard_path(f->dir, "c/records", &f->keys[i]));
        return n;
}

static unsigned count_files(Fixture *f, const char *name) {
        unsigned n = 0;

        for (unsigned shard = 0; shard < 256; shard++) {
                _cleanup_(closedirp) DIR *dir = NULL;
                char path[64];
                struct dirent *entry;

                (void) snprintf(path, sizeof(path), "%s/%02x", name, shard);
                dir = opendir(below(f->dir, path));
                while (dir && (entry = readdir(dir)))
                        n += entry->d_name[0] != '.';
        }
        return n;
}

static int collect(Fixture *f) {
        _cleanup_(collector_freep) Collector *collector = NULL;
        int r;

        assert_int_equal(collector_new(&collector, &f->spec), 0);
        do
                r = collector_step(collector);
        while (r == COLLECTOR_MORE);
        f->result = *collector_result(collector);
        return r;
}

/* what index and disk say of each other after whatever happened */
static void expect_agreement(Fixture *f) {
        IndexTotals totals = index_totals(f->spec.index);
        uint64_t bytes = 0;
        unsigned n = 0;

        for (unsigned i = 0; i < N; i++) {
                if (!exists(shard_path(f->dir, "c/records", &f->keys[i])))
                        continue;
                assert_true(is_there(f, i)); /* with all of its objects */
                bytes += f->own[i];
                n++;
        }
        assert_int_equal(totals.entries, n);
        assert_int_equal(totals.bytes, bytes + (n > 0 ? strlen(SHARED) : 0));
        assert_int_equal(count_files(f, "c/records"), n);
        assert_int_equal(count_files(f, "c/objects"), n + (n > 0));
}

/* --- limits --------------------------------------------------------------------------------- */

static void without_limits_all_stays(void **state) {
        Fixture *f = *state;

        publish(f);
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.evicted, 0);
        assert_int_equal(f->result.freed_bytes, 0);
        assert_true(f->result.satisfied);
        assert_int_equal(count_there(f), N);
}

static void limits_the_number(void **state) {
        Fixture *f = *state;

        publish(f);
        f->spec.limits.max_entries = 10;
        assert_int_equal(collect(f), 0);
        assert_true(f->result.satisfied);
        assert_int_equal(f->result.evicted, 20);
        for (unsigned i = 0; i < N; i++)
                assert_int_equal(exists(shard_path(f->dir, "c/records", &f->keys[i])), i >= 20);
        expect_agreement(f);
        assert_int_equal(collect(f), 0); /* nothing is left to be done */
        assert_int_equal(f->result.evicted, 0);
}

static void limits_the_bytes(void **state) {
        Fixture *f = *state;
        uint64_t before;

        publish(f);
        before = index_totals(f->spec.index).bytes;
        f->spec.limits.max_bytes = before / 2;
        assert_int_equal(collect(f), 0);
        assert_true(f->result.satisfied);
        assert_int_equal(index_totals(f->spec.index).bytes, before - f->result.freed_bytes);
        assert_true(index_totals(f->spec.index).bytes <= before / 2 - before / 32);
        assert_in_range(f->result.evicted, 10, 20);
        expect_agreement(f);
}

static void limits_the_age(void **state) {
        Fixture *f = *state;

        publish(f);
        f->spec.limits.max_idle_s = 3600;
        index_touch(f->spec.index, &f->keys[7], f->spec.now_ns - HOUR_NS / 2);
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.expired, N - 1);
        assert_int_equal(count_there(f), 1);
        assert_true(is_there(f, 7));
        expect_agreement(f);
}

static void makes_room_on_the_disk(void **state) {
        Fixture *f = *state;

        publish(f);
        f->spec.limits.min_free_bytes = 16000;
        disk_free = 16000;
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.evicted, 0);
        disk_free = 12000; /* 4000 are missing, and 1000 are the sixteenth */
        assert_int_equal(collect(f), 0);
        assert_true(f->result.satisfied);
        assert_in_range(f->result.freed_bytes, 5000, 5000 + 2 * f->own[N - 1]);
        expect_agreement(f);
        disk_free = 0; /* and cannot be mended: all goes, and it is said */
        f->spec.limits.min_free_bytes = 1 << 30;
        assert_int_equal(collect(f), 0);
        assert_false(f->result.satisfied);
        assert_int_equal(count_there(f), 0);
}

/* The survivors are those that the formula says, whatever their numbers are. */
static void evicts_in_the_order_of_the_formula(void **state) {
        Fixture *f = *state;
        EvictionCandidate candidates[N];
        Random random = RANDOM_INIT(7);

        for (unsigned i = 0; i < N; i++)
                publish_as(f, i, random_below(&random, 100000),
                           1 + (size_t) random_below(&random, 200000));
        for (unsigned i = 0; i < N; i++) {
                int64_t idle_ns = (int64_t) random_below(&random, 100) * HOUR_NS / 10;

                /* uses count forward only: the pass is a hundred hours later */
                candidates[i] =
                        (EvictionCandidate){ .key = f->keys[i],
                                             .used_ns = f->spec.now_ns + 100 * HOUR_NS - idle_ns };
                index_touch(f->spec.index, &f->keys[i], candidates[i].used_ns);
        }
        f->spec.now_ns += 100 * HOUR_NS;
        for (unsigned i = 0; i < N; i++) {
                _cleanup_(record_freep) Record *record = NULL;
                uint64_t bytes = f->own[i] + strlen(SHARED);

                assert_int_equal(cache_load(f->cache, &f->keys[i], &record), 0);
                candidates[i].worth = eviction_worth(record->build_ms, bytes,
                                                     f->spec.now_ns - candidates[i].used_ns);
        }
        eviction_sort(candidates, N);
        f->spec.limits.max_entries = 12;
        assert_int_equal(collect(f), 0);
        for (unsigned i = 0; i < N; i++)
                assert_int_equal(exists(shard_path(f->dir, "c/records", &candidates[i].key)),
                                 i >= N - 12);
        expect_agreement(f);
}

/* --- what is left alone ----------------------------------------------------------------------- */

static void pins_hold(void **state) {
        Fixture *f = *state;

        publish(f);
        assert_int_equal(cache_pin(f->cache, &f->keys[0]), 0);
        f->spec.limits.max_entries = 1;
        assert_int_equal(collect(f), 0);
        assert_true(f->result.satisfied);
        assert_int_equal(f->result.pinned, 1);
        assert_true(is_there(f, 0));
        assert_int_equal(count_there(f), 1);
        assert_int_equal(state_unpin(f->state, &f->keys[0]), 0);
        f->spec.limits = (EvictionLimits){ .max_bytes = 1 };
        f->spec.now_ns += 24 * HOUR_NS;
        assert_int_equal(index_flush(f->spec.index), 0);
        assert_int_equal(collect(f), 0);
        assert_int_equal(count_there(f), 0);
        expect_agreement(f);
}

static void leases_hold_until_they_end(void **state) {
        Fixture *f = *state;
        _cleanup_(freep) char *path = NULL;

        publish(f);
        path = make_view(f, 3);
        f->spec.now_ns = clock_real_ns();
        f->spec.limits.max_bytes = 1;
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.leased, 1);
        assert_false(f->result.satisfied);
        assert_int_equal(count_there(f), 1);
        assert_true(exists(path));
        expect_agreement(f);

        f->spec.now_ns += HOUR_NS + CLOCK_NS_PER_S;
        assert_int_equal(index_flush(f->spec.index), 0);
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.leased, 0);
        assert_int_equal(count_there(f), 0);
        assert_false(exists(path));
}

static void a_net_may_be_called_anything(void **state) {
        Fixture *f = *state;
        _cleanup_(freep) char *path = NULL;

        publish(f);
        path = make_view_of(f, 3, "..unet");
        f->spec.now_ns = clock_real_ns();
        f->spec.limits.max_bytes = 1;
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.leased, 1);
        assert_true(exists(path));
}

static void what_is_compiled_is_in_use(void **state) {
        Fixture *f = *state;
        _cleanup_(closep) int lock = -1;

        publish(f);
        assert_int_equal(cache_lock_key(f->cache, &f->keys[5], false, &lock), 0);
        f->spec.limits.max_bytes = 1;
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.in_use, 1);
        assert_int_equal(count_there(f), 1);
        assert_true(is_there(f, 5));
}

/* Steps until the first entry is gone. */
static void step_into_eviction(Fixture *f, Collector *collector) {
        while (collector_result(collector)->evicted == 0)
                assert_int_equal(collector_step(collector), COLLECTOR_MORE);
        assert_true(collector_result(collector)->evicted < N);
}

static void what_is_used_meanwhile_stays(void **state) {
        Fixture *f = *state;
        _cleanup_(collector_freep) Collector *collector = NULL;
        int r;

        publish(f);
        f->spec.limits.max_bytes = 1;
        assert_int_equal(collector_new(&collector, &f->spec), 0);
        while (index_totals(f->spec.index).entries == N &&
               !index_is_touched(f->spec.index, &f->keys[N - 1])) {
                /* after the plan, which has all of them, and before the first slice */
                assert_int_equal(collector_step(collector), COLLECTOR_MORE);
                if (index_is_complete(f->spec.index))
                        assert_true(is_there(f, N - 1));
        }
        do
                r = collector_step(collector);
        while (r == COLLECTOR_MORE);
        assert_int_equal(r, 0);
        assert_int_equal(collector_result(collector)->in_use, 1);
        assert_int_equal(count_there(f), 1);
        expect_agreement(f);
}

/* A reader that has it open reads on. */
static void open_files_live_on(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(bytes_cleanup) Bytes content = BYTES_INIT(4096);
        _cleanup_(closep) int fd = -1;

        publish(f);
        assert_int_equal(cache_lookup(f->cache, &f->keys[4], &record), 0);
        assert_int_equal(cache_open_object(f->cache, &record->objects[0], &fd), 0);
        assert_int_equal(index_flush(f->spec.index), 0);
        f->spec.limits.max_bytes = 1;
        assert_int_equal(collect(f), 0);
        assert_int_equal(count_there(f), 0);
        assert_int_equal(file_read_fd(fd, &content), 0);
        assert_int_equal(content.size, 1004);
}

/* looked up, then evicted, then to be shown: a miss, and no view of nothing */
static void a_view_of_what_is_gone_is_refused(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;
        char *path;

        publish(f);
        assert_int_equal(cache_lookup(f->cache, &f->keys[4], &record), 0);
        const ViewFile file = { .name = "unet.xmodel", .object = &record->objects[0].digest };
        assert_int_equal(index_flush(f->spec.index), 0);
        f->spec.limits.max_bytes = 1;
        assert_int_equal(collect(f), 0);
        assert_int_equal(cache_view(f->cache, &f->keys[4], "unet", &file, 1, &path), -ENOENT);
}

/* the same where another artifact holds the content, too, and could go at any time */
static void nor_is_one_whose_content_is_shared(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *record = NULL;
        char *path;

        publish(f);
        assert_int_equal(cache_lookup(f->cache, &f->keys[4], &record), 0);
        const ViewFile file = { .name = "compile.log", .object = &record->objects[1].digest };
        assert_int_equal(index_flush(f->spec.index), 0);
        f->spec.limits.max_entries = 2;
        assert_int_equal(collect(f), 0);
        assert_false(is_there(f, 4));
        assert_int_equal(cache_view(f->cache, &f->keys[4], "unet", &file, 1, &path), -ENOENT);
}

/* looked up, then evicted, then to be pinned: nobody is told that it stays */
static void what_is_gone_is_not_pinned(void **state) {
        Fixture *f = *state;

        publish(f);
        f->spec.limits.max_entries = 1;
        assert_int_equal(collect(f), 0);
        assert_int_equal(cache_pin(f->cache, &f->keys[0]), CACHE_MISS);
        assert_false(state_is_pinned(f->state, &f->keys[0]));
        assert_int_equal(cache_pin(f->cache, &f->keys[N - 1]), 0);
        assert_true(state_is_pinned(f->state, &f->keys[N - 1]));
}

/* --- beside others ---------------------------------------------------------------------------- */

static void waits_in_vain_for_who_stays(void **state) {
        Fixture *f = *state;
        _cleanup_(collector_freep) Collector *collector = NULL;
        int lock = -1, r;

        publish(f);
        f->spec.limits.max_bytes = 1;
        assert_int_equal(collector_new(&collector, &f->spec), 0);
        step_into_eviction(f, collector);
        assert_int_equal(lock_store_shared(f->spec.root, false, &lock), 0);
        assert_int_equal(collector_step(collector), COLLECTOR_BUSY);
        assert_int_equal(collector_step(collector), COLLECTOR_BUSY);
        close(lock);
        do
                r = collector_step(collector);
        while (r == COLLECTOR_MORE);
        assert_int_equal(r, 0);
        assert_int_equal(count_there(f), 0);
}

static void gets_its_turn_among_readers(void **state) {
        Fixture *f = *state;
        _cleanup_(collector_freep) Collector *collector = NULL;
        Readers readers;
        int r;

        publish(f);
        f->spec.limits.max_entries = N - 3;
        assert_int_equal(collector_new(&collector, &f->spec), 0);
        readers_start(&readers, f->spec.root);
        do
                r = collector_step(collector);
        while (r == COLLECTOR_MORE || r == COLLECTOR_BUSY);
        readers_stop(&readers);
        assert_int_equal(r, 0);
        assert_in_range(count_there(f), 1, N - 3);
        expect_agreement(f);
}

/* An object that a record names of which the index was not told is not removed. */
static void a_mark_means_a_survey(void **state) {
        Fixture *f = *state;
        _cleanup_(collector_freep) Collector *collector = NULL;
        int r;

        publish(f);
        f->spec.limits.max_entries = 1;
        assert_int_equal(collector_new(&collector, &f->spec), 0);
        step_into_eviction(f, collector);
        /* the dearest is not known any more: its log is that of all others */
        assert_int_equal(index_remove(f->spec.index, &f->keys[N - 1], false, NULL, NULL), 0);
        assert_int_equal(survey_mark(f->spec.root), 0);
        do
                r = collector_step(collector);
        while (r == COLLECTOR_MORE);
        assert_int_equal(r, 0);
        assert_int_equal(count_there(f), 1);
        assert_true(is_there(f, N - 1));
        expect_agreement(f);
}

/* Until the survey is over nobody else takes the index for complete; and who marks meanwhile, or
 * publishes while it begins, gets another one. */
static void a_mark_stays_until_it_is_answered(void **state) {
        Fixture *f = *state;
        int lock = -1, r = SURVEY_MORE;
        Survey survey;

        publish(f);
        assert_int_equal(survey_mark(f->spec.root), 0);
        survey_init(&survey, f->spec.root, f->spec.index);
        assert_int_equal(survey_step(&survey), SURVEY_MORE);
        assert_true(survey_is_marked(f->spec.root));
        assert_int_equal(survey_mark(f->spec.root), 0);
        while (r == SURVEY_MORE)
                r = survey_step(&survey);
        assert_int_equal(r, 0);
        assert_true(survey_is_marked(f->spec.root));

        assert_int_equal(lock_store_shared(f->spec.root, false, &lock), 0);
        assert_int_equal(survey_complete(f->spec.root, f->spec.index), 0);
        assert_true(survey_is_marked(f->spec.root));
        close(lock);
        assert_int_equal(survey_complete(f->spec.root, f->spec.index), 0);
        assert_false(survey_is_marked(f->spec.root));
}

/* Who is killed while he makes one leaves it empty. */
static void an_empty_mark_is_one(void **state) {
        Fixture *f = *state;
        _cleanup_(collector_freep) Collector *collector = NULL;
        int r = COLLECTOR_MORE;

        publish(f);
        write_file(below(f->dir, "c/index.stale"), "", 0);
        f->spec.limits.max_entries = 7;
        assert_int_equal(collector_new(&collector, &f->spec), 0);
        for (unsigned i = 0; i < 10000 && r != 0; i++)
                r = collector_step(collector);
        assert_int_equal(r, 0);
        assert_false(survey_is_marked(f->spec.root));
        assert_int_equal(count_there(f), 7);
}

static void an_index_lost_meanwhile_is_no_harm(void **state) {
        Fixture *f = *state;
        _cleanup_(collector_freep) Collector *collector = NULL;
        int r;

        publish(f);
        f->spec.limits.max_entries = 1;
        assert_int_equal(collector_new(&collector, &f->spec), 0);
        step_into_eviction(f, collector);
        assert_int_equal(unlink(below(f->dir, "c/index.db")), 0);
        (void) unlink(below(f->dir, "c/index.db-wal"));
        (void) unlink(below(f->dir, "c/index.db-shm"));
        do
                r = collector_step(collector);
        while (r == COLLECTOR_MORE);
        assert_int_equal(r, 0);
        assert_int_equal(index_recreated(f->spec.index), 1);
        assert_int_equal(count_there(f), 1);
        assert_true(is_there(f, N - 1));
        expect_agreement(f);
}

/* a pass that is given up at any step leaves nothing wrong behind */
static void any_step_may_be_the_last(void **state) {
        Fixture *f = *state;

        publish(f);
        for (unsigned steps = 250; steps < 300; steps++) {
                _cleanup_(collector_freep) Collector *collector = NULL;
                uint64_t left = index_totals(f->spec.index).entries;

                f->spec.limits.max_entries = left > 1 ? left - 1 : 1;
                assert_int_equal(collector_new(&collector, &f->spec), 0);
                for (unsigned i = 0; i < steps; i++)
                        if (collector_step(collector) != COLLECTOR_MORE)
                                break;
                expect_agreement(f);
                assert_int_equal(index_flush(f->spec.index), 0);
                f->spec.now_ns += 200 * HOUR_NS;
        }
        assert_in_range(count_there(f), 1, N - 1);
}

/* --- records that are replaced ------------------------------------------------------------------ */

/* The old one is still the record of its key, though the index was told of the new one. */
static void a_replacement_that_fails_costs_nothing(void **state) {
        Fixture *f = *state;

        publish(f);
        assert_int_equal(cache_pin(f->cache, &f->keys[3]), 0);
        records_fail = true;
        assert_int_equal(try_to_publish(f, 3, 1000, 5000), -ENOSPC);
        records_fail = false;
        assert_true(is_there(f, 3));
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.orphans, 1); /* of the new one */
        expect_agreement(f);
        assert_int_equal(count_there(f), N);
}

/* The power failed: the record was on the disk, and what the index has is of before. */
static void rows_of_the_old_record_cost_nothing(void **state) {
        Fixture *f = *state;
        _cleanup_(record_freep) Record *old = NULL;

        publish(f);
        assert_int_equal(cache_load(f->cache, &f->keys[3], &old), 0);
        publish_as(f, 3, 1000, 5000);
        assert_int_equal(index_add(f->spec.index, old, 100, old->created_ns), 0);
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.orphans, 1); /* of the old one */
        expect_agreement(f);
        assert_int_equal(count_there(f), N);
}

static void set_lease(const char *view, int64_t ns) {
        const struct timespec times[] = { { .tv_sec = ns / CLOCK_NS_PER_S },
                                          { .tv_sec = ns / CLOCK_NS_PER_S } };

        assert_int_equal(utimensat(AT_FDCWD, view, times, 0), 0);
}

/* Whoever was told of its view can read it as long as he could, had it not been replaced. */
static void what_a_leased_view_shows_stays(void **state) {
        Fixture *f = *state;
        _cleanup_(freep) char *view = NULL, *shown = NULL;

        publish(f);
        view = make_view(f, 3);
        shown = path_join(view, "unet.xmodel");
        assert_non_null(shown);
        publish_as(f, 3, 1000, 5000);
        set_lease(view, f->spec.now_ns);
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.orphans, 0);
        assert_int_equal(access(shown, R_OK), 0);

        f->spec.now_ns += 2 * HOUR_NS;
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.orphans, 1);
        expect_agreement(f);
}

/* --- what nobody names ------------------------------------------------------------------------ */

static void orphans_go_when_they_are_old(void **state) {
        Fixture *f = *state;
        struct stat st;

        publish(f);
        /* as if killed between objects and record, after the row */
        assert_int_equal(unlink(shard_path(f->dir, "c/records", &f->keys[2])), 0);
        f->spec.now_ns = clock_real_ns();
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.orphans, 0);
        assert_int_equal(index_totals(f->spec.index).entries, N - 1);
        f->spec.now_ns += 2 * HOUR_NS;
        assert_int_equal(collect(f), 0);
        assert_int_equal(f->result.orphans, 1);
        assert_int_equal(f->result.freed_bytes, 1002);
        expect_agreement(f);
        assert_int_equal(stat(below(f->dir, "c/objects"), &st), 0);
}

static void stray_views_go(void **state) {
        Fixture *f = *state;
        _cleanup_(freep) char *path = NULL, *kept = NULL;

        publish(f);
        path = make_view(f, 2);
        kept = make_view(f, 3);
        assert_int_equal(unlink(shard_path(f->dir, "c/records", &f->keys[2])), 0);
        assert_int_equal(collect(f), 0);
        assert_false(exists(path));
        assert_true(exists(kept));
}

/* There is no place for the index: it is in memory, and what others publish is not in it. */
static void a_private_index_ends_the_pass(void **state) {
        Fixture *f = *state;
        _cleanup_(collector_freep) Collector *collector = NULL;
        _cleanup_(freep) char *path = NULL;
        unsigned n_steps = 0;

        publish(f);
        path = make_view(f, 2);
        assert_int_equal(unlink(shard_path(f->dir, "c/records", &f->keys[2])), 0);
        f->cache = cache_close(f->cache);
        assert_int_equal(unlink(below(f->dir, "c/index.db")), 0);
        assert_int_equal(mkdir(below(f->dir, "c/index.db"), 0700), 0);
        assert_int_equal(cache_open(&f->cache, below(f->dir, "c"), f->state, CACHE_NORMAL, NULL),
                         0);
        f->spec.root = cache_directory(f->cache);
        f->spec.index = cache_index(f->cache);
        assert_true(index_is_private(f->spec.index));

        f->spec.limits.max_entries = 10;
        assert_int_equal(collector_new(&collector, &f->spec), 0);
        while (collector_step(collector) != 0)
                assert_true(n_steps++ < 1000);
        assert_false(collector_result(collector)->satisfied);
        assert_int_equal(count_there(f), N - 1);
}

/* What a later version wrote may name any object: nothing is removed. */
static void records_of_a_later_version_stop_it(void **state) {
        Fixture *f = *state;
        _cleanup_(bytes_cleanup) Bytes file = BYTES_INIT(RECORD_BYTES_MAX);
        const char *path;
        Digest checksum;

        publish(f);
        path = shard_path(f->dir, "c/records", &f->keys[9]);
        assert_int_equal(file_read(AT_FDCWD, path, &file), 0);
        file.data[8] = RECORD_VERSION + 1;
        checksum = digest_of(file.data, file.size - DIGEST_SIZE);
        memcpy(file.data + file.size - DIGEST_SIZE, checksum.bytes, DIGEST_SIZE);
        assert_int_equal(unlink(path), 0);
        write_file(path, file.data, file.size);
        assert_int_equal(index_remove(f->spec.index, &f->keys[9], false, NULL, NULL), 0);
        f->spec.limits.max_bytes = 1;
        assert_int_equal(collect(f), 0);
        assert_false(f->result.satisfied);
        assert_int_equal(f->result.evicted + f->result.orphans, 0);
        assert_int_equal(count_there(f), N);
        assert_int_equal(count_files(f, "c/objects"), N + 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(without_limits_all_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(limits_the_number, setup, teardown),
                cmocka_unit_test_setup_teardown(limits_the_bytes, setup, teardown),
                cmocka_unit_test_setup_teardown(limits_the_age, setup, teardown),
                cmocka_unit_test_setup_teardown(makes_room_on_the_disk, setup, teardown),
                cmocka_unit_test_setup_teardown(evicts_in_the_order_of_the_formula, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(pins_hold, setup, teardown),
                cmocka_unit_test_setup_teardown(leases_hold_until_they_end, setup, teardown),
                cmocka_unit_test_setup_teardown(a_net_may_be_called_anything, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_compiled_is_in_use, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_used_meanwhile_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(open_files_live_on, setup, teardown),
                cmocka_unit_test_setup_teardown(a_view_of_what_is_gone_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(nor_is_one_whose_content_is_shared, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_is_gone_is_not_pinned, setup, teardown),
                cmocka_unit_test_setup_teardown(waits_in_vain_for_who_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(gets_its_turn_among_readers, setup, teardown),
                cmocka_unit_test_setup_teardown(a_mark_means_a_survey, setup, teardown),
                cmocka_unit_test_setup_teardown(a_mark_stays_until_it_is_answered, setup, teardown),
                cmocka_unit_test_setup_teardown(an_empty_mark_is_one, setup, teardown),
                cmocka_unit_test_setup_teardown(a_replacement_that_fails_costs_nothing, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(rows_of_the_old_record_cost_nothing, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_a_leased_view_shows_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(an_index_lost_meanwhile_is_no_harm, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(any_step_may_be_the_last, setup, teardown),
                cmocka_unit_test_setup_teardown(orphans_go_when_they_are_old, setup, teardown),
                cmocka_unit_test_setup_teardown(stray_views_go, setup, teardown),
                cmocka_unit_test_setup_teardown(a_private_index_ends_the_pass, setup, teardown),
                cmocka_unit_test_setup_teardown(records_of_a_later_version_stop_it, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
