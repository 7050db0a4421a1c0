#include "unit.h"

#include "cache/costs.h"
#include "cache/database.h"
#include "cache/state.h"

#define MB ((uint64_t) 1 << 20)

static int setup(void **state) {
        State *s;
        int r = state_open(&s, NULL, NULL);

        *state = s;
        return r;
}

static int teardown(void **state) {
        (void) state_close(*state);
        return 0;
}

static void learns_from_each_compile(void **state) {
        const Cost first = { .build_ms = 1000, .peak_memory = 800 * MB, .size = 10 * MB };
        const Cost second = { .build_ms = 3000, .peak_memory = 80 * MB, .size = 10 * MB };
        Cost cost = {};

        assert_int_equal(costs_find(*state, "/w/a", "b1024", "vitis", 10 * MB, &cost),
                         COSTS_UNKNOWN);
        assert_int_equal(costs_learn(*state, "/w/a", "b1024", "vitis", &first), 0);
        assert_int_equal(costs_find(*state, "/w/a", "b1024", "vitis", 10 * MB, &cost), 0);
        assert_int_equal(cost.build_ms, 1000);
        assert_int_equal(cost.peak_memory, 800 * MB);
        assert_int_equal(costs_learn(*state, "/w/a", "b1024", "vitis", &second), 0);
        assert_int_equal(costs_find(*state, "/w/a", "b1024", "vitis", 10 * MB, &cost), 0);
        assert_int_equal(cost.build_ms, 2000);        /* the mean */
        assert_int_equal(cost.peak_memory, 700 * MB); /* fades by an eighth */
}

/* numbers that nobody measured, from a damaged row */
static void nonsense_stays_in_bounds(void **state) {
        const Cost large = { .build_ms = UINT64_MAX, .peak_memory = INT64_MAX, .size = 1 };
        const Cost negative = { .build_ms = 1,
                                .peak_memory = (uint64_t) -5,
                                .size = (uint64_t) -7 };
        Cost cost = cost_scale(&large, UINT64_MAX);

        assert_int_equal(cost.build_ms, INT64_MAX);
        assert_int_equal(cost.peak_memory, INT64_MAX);
        assert_int_equal(costs_learn(*state, "/w/a", "b1024", "vitis", &negative), 0);
        assert_int_equal(costs_find(*state, "/w/a", "b1024", "vitis", MB, &cost), 0);
        assert_int_equal(cost.build_ms, 1);
        assert_int_equal(cost.peak_memory, 0);
}

static void a_failure_teaches_memory_only(void **state) {
        const Cost made = { .build_ms = 1000, .peak_memory = 100 * MB, .size = MB };
        const Cost killed = { .peak_memory = 900 * MB, .size = MB };
        Cost cost = {};

        assert_int_equal(costs_learn(*state, "/w/a", "t", "vitis", &made), 0);
        assert_int_equal(costs_learn(*state, "/w/a", "t", "vitis", &killed), 0);
        assert_int_equal(costs_find(*state, "/w/a", "t", "vitis", MB, &cost), 0);
        assert_int_equal(cost.build_ms, 1000);
        assert_int_equal(cost.peak_memory, 900 * MB);
        assert_int_equal(costs_learn(*state, "/w/b", "t", "vitis", &killed), 0);
        assert_int_equal(costs_learn(*state, "/w/b", "t", "vitis", &made), 0);
        assert_int_equal(costs_find(*state, "/w/b", "t", "vitis", MB, &cost), 0);
        assert_int_equal(cost.build_ms, 1000); /* the first that is known */
}

static void each_target_and_toolchain_has_its_own(void **state) {
        const Cost a = { .build_ms = 100, .size = MB }, b = { .build_ms = 900, .size = MB };
        Cost cost = {};

        assert_int_equal(costs_learn(*state, "/w/a", "b1024", "vitis", &a), 0);
        assert_int_equal(costs_learn(*state, "/w/a", "b4096", "vitis", &b), 0);
        assert_int_equal(costs_find(*state, "/w/a", "b4096", "vitis", MB, &cost), 0);
        assert_int_equal(cost.build_ms, 900);
        assert_int_equal(costs_find(*state, "/w/a", "b1024", "dpucc", MB, &cost), COSTS_UNKNOWN);
}

static void a_new_source_costs_as_the_nearest_in_size(void **state) {
        const Cost small = { .build_ms = 100, .peak_memory = 50 * MB, .size = MB };
        const Cost large = { .build_ms = 60000, .peak_memory = 9000 * MB, .size = 100 * MB };
        Cost cost = {};

        assert_int_equal(costs_learn(*state, "/w/small", "t", "vitis", &small), 0);
        assert_int_equal(costs_learn(*state, "/w/large", "t", "vitis", &large), 0);
        assert_int_equal(costs_find(*state, "/w/new", NULL, "vitis", 80 * MB, &cost), 0);
        assert_int_equal(cost.build_ms, 48000);
        assert_int_equal(cost.peak_memory, 7200 * MB);
        assert_int_equal(costs_find(*state, "/w/new", NULL, "vitis", 2 * MB, &cost), 0);
        assert_int_equal(cost.build_ms, 200);
        assert_int_equal(cost.peak_memory, 100 * MB);
        /* a guide has its limits */
        assert_int_equal(costs_find(*state, "/w/new", NULL, "vitis", 4000 * MB, &cost), 0);
        assert_int_equal(cost.build_ms, 240000);
}

static void a_damaged_row_is_no_guide(void **state) {
        const Cost known = { .build_ms = 100, .peak_memory = 50 * MB, .size = MB };
        Cost cost = {};

        assert_int_equal(costs_learn(*state, "/w/a", "t", "vitis", &known), 0);
        assert_int_equal(database_run(state_database(*state), NULL, NULL,
                                      "INSERT INTO costs SELECT NULL, '/w/b', 't', 'vitis', 9, 9,"
                                      " -9223372036854775807 - 1 + 1048576",
                                      ""),
                         0);
        assert_int_equal(costs_find(*state, "/w/new", NULL, "vitis", MB, &cost), 0);
        assert_int_equal(cost.build_ms, 100);
}

static void an_unknown_size_changes_nothing(void **state) {
        const Cost cost = { .build_ms = 100, .peak_memory = 3, .size = 0 };

        assert_int_equal(cost_scale(&cost, 50).build_ms, 100);
        assert_int_equal(cost_scale(&cost, 0).peak_memory, 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(learns_from_each_compile, setup, teardown),
                cmocka_unit_test_setup_teardown(nonsense_stays_in_bounds, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failure_teaches_memory_only, setup, teardown),
                cmocka_unit_test_setup_teardown(each_target_and_toolchain_has_its_own, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_new_source_costs_as_the_nearest_in_size, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_damaged_row_is_no_guide, setup, teardown),
                cmocka_unit_test(an_unknown_size_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
