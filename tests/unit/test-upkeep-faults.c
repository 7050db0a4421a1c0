#include "cache_fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "cache/cache.h"
#include "cache/collector.h"
#include "cache/fsck.h"
#include "cache/index.h"
#include "cache/survey.h"
#include "tests/support/fail_alloc.h"
#include "tests/support/fail_io.h"

/*
 * Eviction, with the survey before it, and a check of the whole cache: each call that opens or
 * changes something fails, and each allocation. What must stay stays, nothing is reported to be
 * well that could not be looked at, and the next pass does all that is left.
 */

#define N       4
#define HOUR_NS (3600 * CLOCK_NS_PER_S)

enum {
        EVICTED,
        UNKNOWN, /* a record that the index does not have */
        LOST,    /* a row without a record */
        LEASED,  /* would be the first to go */
};

typedef struct Fixture {
        UnitDir *dir;
        State *state;
        Cache *cache;
        Digest keys[N];
        Digest models[N];
        int64_t now_ns;
        int lowest; /* descriptor when all is built */
} Fixture;

static int setup(void **state) {
        static Fixture f;

        f = (Fixture){};
        *state = &f;
        return unit_dir_setup((void **) &f.dir);
}

static int teardown(void **state) {
        Fixture *f = *state;

        return unit_dir_teardown((void **) &f->dir);
}

static void publish(Fixture *f, unsigned i) {
        _cleanup_(record_freep) Record *record = NULL;
        _cleanup_(sample_deinit) Sample sample;
        char model[100];
        const CacheFile files[] = {
                { .role = RECORD_ROLE_XMODEL, .fd = -1, .data = slice_of(model, sizeof(model)) },
                { .role = RECORD_ROLE_LOG, .fd = -1, .data = slice_of_string("a shared log") },
        };

        memset(model, 'a' + (int) i, sizeof(model));
        sample_init(&sample, i);
        sample.record.build_ms = 1000 * (N - i);
        assert_int_equal(cache_publish(f->cache, &sample.record, files, 2, &record), 0);
        f->keys[i] = record->key;
        f->models[i] = record->objects[0].digest;
}

/* asked for at the end of time, and so for longer than the lease of all others */
static void lease(Fixture *f) {
        const struct timespec times[] = { { .tv_sec = f->now_ns / CLOCK_NS_PER_S },
                                          { .tv_sec = f->now_ns / CLOCK_NS_PER_S } };
        const ViewFile file = { .name = "unet.xmodel", .object = &f->models[LEASED] };
        _cleanup_(freep) char *path = NULL;

        assert_int_equal(cache_view(f->cache, &f->keys[LEASED], "unet", &file, 1, &path), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static const char *object_path(Fixture *f, unsigned i) {
        return shard_path(f->dir, "c/objects", &f->models[i]);
}

static const char *record_path(Fixture *f, unsigned i) {
        return shard_path(f->dir, "c/records", &f->keys[i]);
}

static const char orphan[] = "c/objects/00/00000000000000000000000000000f";
static const char stray[] = "c/views/000000000000000000000000000000aa";

static void build(Fixture *f) {
        f->state = memory_state();
        assert_int_equal(cache_open(&f->cache, below(f->dir, "c"), f->state, CACHE_NORMAL, NULL),
                         0);
        f->now_ns = clock_real_ns() + 2 * HOUR_NS;
        for (unsigned i = 0; i < N; i++)
                publish(f, i);
        lease(f);
        (void) mkdir(below(f->dir, "c/objects/00"), 0700);
        write_file(below(f->dir, orphan), "o", 1);
        assert_int_equal(mkdir(below(f->dir, stray), 0700), 0);
        assert_int_equal(index_remove(cache_index(f->cache), &f->keys[UNKNOWN], false, NULL, NULL),
                         0);
        assert_int_equal(unlink(record_path(f, LOST)), 0);
        assert_int_equal(survey_mark(cache_directory(f->cache)), 0);
        f->lowest = unit_lowest_fd();
}

static void demolish(Fixture *f) {
        f->cache = cache_close(f->cache);
        f->state = state_close(f->state);
        assert_int_equal(file_remove_tree(f->dir->fd, "c"), 0);
}

/* --- eviction --------------------------------------------------------------------------------- */

static CollectorSpec spec_of(const Fixture *f) {
        return (CollectorSpec){
                .root = cache_directory(f->cache),
                .index = cache_index(f->cache),
                .state = f->state,
                .now_ns = f->now_ns,
                .limits = { .max_entries = 1 },
        };
}

/* up to the step number @steps, -1: to the end */
static int step(Collector *collector, long steps) {
        int r = COLLECTOR_MORE;

        for (long i = 0; i != steps && (r == COLLECTOR_MORE || r == COLLECTOR_BUSY); i++)
                r = collector_step(collector);
        return r;
}

/* The leased one is whole, whatever happened; */
static void expect_lease(Fixture *f) {
        assert_true(exists(record_path(f, LEASED)));
        assert_true(exists(object_path(f, LEASED)));
}

/* and all others go, in a pass that nothing disturbs. */
static void expect_eviction(Fixture *f) {
        _cleanup_(collector_freep) Collector *collector = NULL;
        const CollectorSpec spec = spec_of(f);

        assert_int_equal(unit_lowest_fd(), f->lowest);
        expect_lease(f);
        assert_int_equal(collector_new(&collector, &spec), 0);
        assert_int_equal(step(collector, -1), 0);
        expect_lease(f);
        for (unsigned i = 0; i < LEASED; i++) {
                assert_false(exists(record_path(f, i)));
                assert_false(exists(object_path(f, i)));
        }
        assert_false(exists(below(f->dir, orphan)));
        assert_false(exists(below(f->dir, stray)));
        assert_false(survey_is_marked(spec.root));
        assert_int_equal(index_totals(spec.index).entries, 1);
}

typedef void (*ArmFn)(long nth);
typedef bool (*DisarmFn)(void);

static void arm_io(long nth) {
        fail_io_arm(nth, nth % 2 == 0 ? EMFILE : EIO);
}

/* One pass in which number @nth of what the step @at does fails. False: there is no such number. */
static bool evict_with_fault(Fixture *f, long at, long nth, ArmFn arm, DisarmFn disarm) {
        _cleanup_(collector_freep) Collector *collector = NULL;
        CollectorSpec spec;
        bool failed;
        int r;

        build(f);
        spec = spec_of(f);
        assert_int_equal(collector_new(&collector, &spec), 0);
        (void) step(collector, at);
        arm(nth);
        r = collector_step(collector);
        failed = disarm();
        if (r > 0)
                r = step(collector, -1);
        assert_true(r <= 0);
        expect_eviction(f);
        collector = collector_free(collector);
        demolish(f);
        return failed;
}

/* Of the hundreds of steps that list a shard those are worth a sweep which find something there. */
static bool is_worth_it(const Fixture *f, long at, long n_steps) {
        return at == 0 || (at >= 255 && at < 265) || at >= n_steps - 2 ||
               at == f->keys[UNKNOWN].bytes[0] || at == f->keys[LOST].bytes[0];
}

static long count_steps(Fixture *f) {
        _cleanup_(collector_freep) Collector *collector = NULL;
        CollectorSpec spec;
        long n = 0;

        build(f);
        spec = spec_of(f);
        assert_int_equal(collector_new(&collector, &spec), 0);
        while (collector_step(collector) != 0)
                n++;
        collector = collector_free(collector);
        demolish(f);
        return n + 1;
}

static long sweep_eviction(Fixture *f, ArmFn arm, DisarmFn disarm) {
        long n_steps = count_steps(f), n = 0;

        for (long at = 0; at < n_steps; at++)
                for (long nth = 0; is_worth_it(f, at, n_steps); nth++, n++)
                        if (!evict_with_fault(f, at, nth, arm, disarm))
                                break;
        return n;
}

static void eviction_survives_failing_calls(void **state) {
        assert_in_range(sweep_eviction(*state, arm_io, fail_io_disarm), 60, 2000);
}

static void eviction_survives_failing_allocations(void **state) {
        assert_in_range(sweep_eviction(*state, fail_alloc_arm, fail_alloc_disarm), 5, 2000);
}

/* --- a check ---------------------------------------------------------------------------------- */

static void damage(Fixture *f) {
        (void) chmod(object_path(f, EVICTED), 0600);
        write_file(object_path(f, EVICTED), "x", 1);
        assert_int_equal(unlink(object_path(f, UNKNOWN)), 0);
        write_file(below(f->dir, "c/objects/.dpucc.0123456789abcdef.tmp"), "t", 1);
}

/* those that are in records and objects: of all of them */
static unsigned count_defects(const Fsck *fsck) {
        const Defects *defects = fsck_defects(fsck);

        return (unsigned) (defects->counts[DEFECT_RECORD_INCOMPLETE] +
                           defects->counts[DEFECT_RECORD_DAMAGED] +
                           defects->counts[DEFECT_OBJECT_DAMAGED]);
}

static int run_fsck(Fixture *f, bool repair, unsigned *ret) {
        Fsck *fsck;
        int r;

        r = cache_fsck(f->cache, repair, &fsck);
        if (r < 0)
                return r;
        while ((r = fsck_step(fsck)) == FSCK_MORE)
                ;
        *ret = count_defects(fsck);
        (void) fsck_free(fsck);
        return r;
}

/* a bad object, one that nobody named well, and two records that lack theirs */
#define DEFECTS 4

/* Who had no descriptor or no memory says so: what could not be looked at is not called good. */
static bool check_with_fault(Fixture *f, long nth, ArmFn arm, DisarmFn disarm) {
        unsigned n = 0;
        bool failed;
        int r;

        build(f);
        damage(f);
        arm(nth);
        r = run_fsck(f, false, &n);
        failed = disarm();
        assert_int_equal(unit_lowest_fd(), f->lowest);
        if (r == 0 && n != DEFECTS)
                fail_msg("fault %ld (%s): %u defects instead of %u", nth, fail_io_call(), n,
                         DEFECTS);
        demolish(f);
        return failed;
}

/* A repair that was disturbed is finished by the next. */
static bool repair_with_fault(Fixture *f, long nth, ArmFn arm, DisarmFn disarm) {
        unsigned n = 0;
        bool failed;

        build(f);
        damage(f);
        arm(nth);
        (void) run_fsck(f, true, &n);
        failed = disarm();
        assert_int_equal(unit_lowest_fd(), f->lowest);
        expect_lease(f);
        assert_int_equal(run_fsck(f, true, &n), 0);
        assert_int_equal(run_fsck(f, true, &n), 0); /* what was incomplete left what is unused */
        assert_int_equal(run_fsck(f, false, &n), 0);
        assert_int_equal(n, 0);
        expect_lease(f);
        demolish(f);
        return failed;
}

static void arm_descriptors(long nth) {
        fail_io_arm(nth, EMFILE);
}

typedef bool (*FaultFn)(Fixture *f, long nth, ArmFn arm, DisarmFn disarm);

/* Most of it is the same for each of many shards, so not every number is tried. */
static void sweep_fsck(Fixture *f, FaultFn run, ArmFn arm, DisarmFn disarm) {
        long n = 0;

        for (long nth = 0; run(f, nth, arm, disarm); nth += 1 + nth / 8)
                n++;
        assert_in_range(n, 5, 1000);
}

static void a_check_survives_a_lack_of_descriptors(void **state) {
        sweep_fsck(*state, check_with_fault, arm_descriptors, fail_io_disarm);
}

static void a_check_survives_failing_allocations(void **state) {
        sweep_fsck(*state, check_with_fault, fail_alloc_arm, fail_alloc_disarm);
}

static void a_repair_survives_failing_calls(void **state) {
        sweep_fsck(*state, repair_with_fault, arm_io, fail_io_disarm);
}

static void a_repair_survives_failing_allocations(void **state) {
        sweep_fsck(*state, repair_with_fault, fail_alloc_arm, fail_alloc_disarm);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(eviction_survives_failing_calls, setup, teardown),
                cmocka_unit_test_setup_teardown(eviction_survives_failing_allocations, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_check_survives_a_lack_of_descriptors, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_check_survives_failing_allocations, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_repair_survives_failing_calls, setup, teardown),
                cmocka_unit_test_setup_teardown(a_repair_survives_failing_allocations, setup,
                                                teardown),
        };

        /* thousands of syncs, which cost nothing in memory */
        if (access("/dev/shm", W_OK) == 0)
                (void) setenv("TMPDIR", "/dev/shm", 1);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
