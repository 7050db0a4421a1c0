#include "unit.h"

#include "base/histogram.h"

static size_t bucket_of(uint64_t value) {
        Histogram h = {};
        size_t found = HISTOGRAM_BUCKETS;

        histogram_add(&h, value);
        assert_true(h.sum == value);
        for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
                if (h.counts[i] == 0)
                        continue;
                assert_int_equal(h.counts[i], 1);
                assert_int_equal(found, HISTOGRAM_BUCKETS); /* only one */
                found = i;
        }
        return found;
}

static void values_are_in_the_smallest_bucket_that_holds_them(void **state) {
        assert_int_equal(bucket_of(0), 0);
        assert_int_equal(bucket_of(1), 0);
        assert_int_equal(bucket_of(2), 1);
        assert_int_equal(bucket_of(3), 2);
        assert_int_equal(bucket_of(4), 2);
        assert_int_equal(bucket_of(5), 3);
        assert_int_equal(bucket_of(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
        for (size_t i = 1; i < HISTOGRAM_BUCKETS - 1; i++) {
                assert_int_equal(bucket_of(histogram_bound(i)), i);
                assert_int_equal(bucket_of(histogram_bound(i) + 1), i + 1);
        }
        assert_true(histogram_bound(HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_are_in_the_smallest_bucket_that_holds_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
