#include "unit.h"

#include "base/clock.h"
#include "daemon/pace.h"

static unsigned wait_after(int64_t took_ms) {
        const int64_t began = 7 * CLOCK_NS_PER_S;
        Pace pace;

        pace_init(&pace, 2000);
        pace_begin(&pace, began);
        pace_end(&pace, began + took_ms * CLOCK_NS_PER_MS);
        return pace_wait_ms(&pace);
}

static void waits_longer_after_longer_rounds(void **state) {
        assert_int_equal(wait_after(0), 2000);
        assert_int_equal(wait_after(10), 2090);
        assert_int_equal(wait_after(1000), 11000);
        assert_int_equal(wait_after(-5), 2000);
}

static void waits_no_longer_than_a_minute(void **state) {
        assert_int_equal(wait_after(6400), 59600);
        assert_int_equal(wait_after(6500), PACE_WAIT_MAX_MS);
        assert_int_equal(wait_after(INT64_C(1) << 33), PACE_WAIT_MAX_MS);
}

static void each_round_counts_by_itself(void **state) {
        Pace pace;

        pace_init(&pace, 2000);
        assert_int_equal(pace_wait_ms(&pace), 2000);
        pace_end(&pace, CLOCK_NS_PER_S); /* none began */
        assert_int_equal(pace_wait_ms(&pace), 2000);
        pace_begin(&pace, CLOCK_NS_PER_S);
        pace_begin(&pace, 2 * CLOCK_NS_PER_S); /* it goes on */
        pace_end(&pace, 3 * CLOCK_NS_PER_S);
        assert_int_equal(pace_wait_ms(&pace), 20000);
        pace_begin(&pace, 4 * CLOCK_NS_PER_S);
        pace_end(&pace, 4 * CLOCK_NS_PER_S);
        assert_int_equal(pace_wait_ms(&pace), 2000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(waits_longer_after_longer_rounds),
                cmocka_unit_test(waits_no_longer_than_a_minute),
                cmocka_unit_test(each_round_counts_by_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
