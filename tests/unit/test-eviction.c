#include "unit.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/random.h"
#include "cache/eviction.h"

#define HOUR (3600 * CLOCK_NS_PER_S)
#define MIB  (UINT64_C(1) << 20)

/* docs/CACHE.md has this table */
static void vectors(void **state) {
        static const struct {
                uint64_t build_ms, bytes;
                int64_t idle_ns;
                double worth;
        } table[] = {
                { 0, 0, 0, 16.0 },
                { 0, 0, -5 * HOUR, 16.0 }, /* from the future: just used */
                { 0, 15 * MIB / 16, 0, 1.0 },
                { 1000, 15 * MIB / 16, 0, 2.0 },
                { 1000, 15 * MIB / 16, HOUR, 1.0 },
                { 599000, 79 * MIB + 15 * MIB / 16, 0, 7.5 },
                { 599000, 79 * MIB + 15 * MIB / 16, 24 * HOUR, 0.3 },
                { 1000, 79 * MIB + 15 * MIB / 16, 24 * HOUR, 0.001 },
                { 599000, 15 * MIB / 16, 24 * HOUR, 24.0 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                assert_true(eviction_worth(table[i].build_ms, table[i].bytes, table[i].idle_ns) ==
                            table[i].worth);
}

static void worth_is_finite_and_positive(void **state) {
        double least = eviction_worth(0, UINT64_MAX, INT64_MAX);

        assert_true(least > 0);
        assert_true(eviction_worth(UINT64_MAX, 0, INT64_MIN) < 1e30);
}

typedef struct Sample {
        uint64_t build_ms, bytes;
        int64_t idle_ns;
} Sample;

static Sample any(Random *random) {
        return (Sample){
                .build_ms = random_u64(random) >> (random_u64(random) % 60),
                .bytes = random_u64(random) >> (random_u64(random) % 60),
                .idle_ns = (int64_t) (random_u64(random) >> (1 + random_u64(random) % 60)),
        };
}

static double worth(Sample s) {
        return eviction_worth(s.build_ms, s.bytes, s.idle_ns);
}

/* dearer, smaller, younger: each on its own never makes an entry worth less */
static void worth_is_monotonic(void **state) {
        Random random = RANDOM_INIT(1);

        for (unsigned i = 0; i < 100000; i++) {
                Sample a = any(&random), b = any(&random), c = a;

                c.build_ms = b.build_ms;
                assert_true((a.build_ms <= c.build_ms) ? worth(a) <= worth(c)
                                                       : worth(a) >= worth(c));
                c = a;
                c.bytes = b.bytes;
                assert_true((a.bytes <= c.bytes) ? worth(a) >= worth(c) : worth(a) <= worth(c));
                c = a;
                c.idle_ns = b.idle_ns;
                assert_true((a.idle_ns <= c.idle_ns) ? worth(a) >= worth(c) : worth(a) <= worth(c));
        }
}

#define N 2000

static EvictionCandidate candidate(Random *random) {
        Sample s = any(random);
        EvictionCandidate c = {
                .used_ns = (int64_t) (random_u64(random) % 4),
                .expired = random_u64(random) % 8 == 0,
                .worth = random_u64(random) % 2 ? worth(s) : (double) (random_u64(random) % 4),
        };

        for (size_t i = 0; i < DIGEST_SIZE; i++)
                c.key.bytes[i] = (uint8_t) random_u64(random);
        return c;
}

/* the order as it is written down, not as it is programmed */
static bool may_follow(const EvictionCandidate *a, const EvictionCandidate *b) {
        if (a->expired != b->expired)
                return a->expired;
        if (a->worth != b->worth)
                return a->worth < b->worth;
        if (a->used_ns != b->used_ns)
                return a->used_ns < b->used_ns;
        return memcmp(a->key.bytes, b->key.bytes, DIGEST_SIZE) < 0;
}

static void order_is_as_documented(void **state) {
        static EvictionCandidate a[N], b[N];
        Random random = RANDOM_INIT(2);

        for (size_t i = 0; i < N; i++)
                a[i] = candidate(&random);
        memcpy(b, a, sizeof(b));
        random_shuffle(&random, b, N, sizeof(b[0]));
        eviction_sort(a, N);
        eviction_sort(b, N);
        for (size_t i = 0; i < N; i++)
                assert_true(digest_equal(&a[i].key, &b[i].key));
        for (size_t i = 1; i < N; i++)
                assert_true(may_follow(&a[i - 1], &a[i]));
        eviction_sort(NULL, 0);
}

static void expect_need(EvictionLimits limits, uint64_t bytes, uint64_t entries, uint64_t free,
                        uint64_t need_bytes, uint64_t need_entries) {
        EvictionNeed need = eviction_need(&limits, bytes, entries, free);

        assert_int_equal(need.bytes, need_bytes);
        assert_int_equal(need.entries, need_entries);
}

static void needs(void **state) {
        const EvictionLimits none = {};
        const EvictionLimits limits = { .max_bytes = 1600,
                                        .max_entries = 32,
                                        .min_free_bytes = 160 };

        expect_need(none, UINT64_MAX, UINT64_MAX, 0, 0, 0);
        expect_need(limits, 1600, 32, 160, 0, 0); /* exactly full is not too full */
        expect_need(limits, 1601, 32, 160, 101, 0);
        expect_need(limits, 1600, 33, 160, 0, 3);
        expect_need(limits, 0, 0, 159, 11, 0);
        expect_need(limits, 1601, 0, 0, 170, 0); /* the larger of the two */
        expect_need((EvictionLimits){ .max_entries = 2 }, 0, 3, 0, 0, 1); /* no sixteenth of 2 */
        expect_need((EvictionLimits){ .max_bytes = 1 }, UINT64_MAX, 0, 0, UINT64_MAX - 1, 0);
}

static void age(void **state) {
        const EvictionLimits day = { .max_idle_s = 24 * 3600 }, none = {};

        assert_false(eviction_is_expired(&none, INT64_MAX));
        assert_false(eviction_is_expired(&day, 24 * HOUR));
        assert_true(eviction_is_expired(&day, 24 * HOUR + CLOCK_NS_PER_S));
        assert_false(eviction_is_expired(&day, INT64_MIN));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(vectors),
                cmocka_unit_test(worth_is_finite_and_positive),
                cmocka_unit_test(worth_is_monotonic),
                cmocka_unit_test(order_is_as_documented),
                cmocka_unit_test(needs),
                cmocka_unit_test(age),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
