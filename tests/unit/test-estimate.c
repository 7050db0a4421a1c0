#include "unit.h"

#include "daemon/estimate.h"

#define UNKNOWN ESTIMATE_UNKNOWN

static void what_is_left(void **state) {
        assert_int_equal(estimate_left(0, 500), UNKNOWN);
        assert_int_equal(estimate_left(1000, 0), 1000);
        assert_int_equal(estimate_left(1000, 400), 600);
        /* over its time: a quarter of what it took, so that it neither ends at once nor never */
        assert_int_equal(estimate_left(1000, 1000), 250);
        assert_int_equal(estimate_left(1000, 8000), 2000);
}

static void one_after_the_other(void **state) {
        const uint64_t left[] = { 100 }, predicted[] = { 10, 20, 30 };
        uint64_t ends[3];

        estimate_ends(left, 1, predicted, 3, 1, ends);
        assert_int_equal(ends[0], 110);
        assert_int_equal(ends[1], 130);
        assert_int_equal(ends[2], 160);
}

static void several_at_once(void **state) {
        const uint64_t left[] = { 100, 5 }, predicted[] = { 50, 10, 10, 1 };
        uint64_t ends[4];

        estimate_ends(left, 2, predicted, 4, 3, ends);
        assert_int_equal(ends[0], 50); /* the free slot */
        assert_int_equal(ends[1], 15);
        assert_int_equal(ends[2], 25);
        assert_int_equal(ends[3], 26);
}

static void what_waits_for_the_unknown_is_unknown(void **state) {
        const uint64_t left[] = { UNKNOWN, 5 }, predicted[] = { 10, 0, 10 };
        uint64_t ends[3];

        estimate_ends(left, 2, predicted, 3, 2, ends);
        assert_int_equal(ends[0], 15);
        assert_int_equal(ends[1], UNKNOWN); /* nobody knows how long it takes itself */
        assert_int_equal(ends[2], UNKNOWN); /* both slots are taken for who knows how long */
}

static void nothing_overflows(void **state) {
        const uint64_t left[] = { UNKNOWN - 5 }, predicted[] = { 10, UNKNOWN };
        uint64_t ends[2];

        estimate_ends(left, 1, predicted, 2, 1, ends);
        assert_int_equal(ends[0], UNKNOWN);
        assert_int_equal(ends[1], UNKNOWN);
        estimate_ends(NULL, 0, predicted, 2, 0, ends); /* no slots: never */
        assert_int_equal(ends[0], UNKNOWN);
}

static void more_slots_than_are_looked_at(void **state) {
        uint64_t left[ESTIMATE_SLOTS_MAX + 5], predicted[] = { 7 }, end;

        for (size_t i = 0; i < ESTIMATE_SLOTS_MAX + 5; i++)
                left[i] = 100 + i;
        estimate_ends(left, ESTIMATE_SLOTS_MAX + 5, predicted, 1, 1000, &end);
        assert_int_equal(end, 107);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_left),
                cmocka_unit_test(one_after_the_other),
                cmocka_unit_test(several_at_once),
                cmocka_unit_test(what_waits_for_the_unknown_is_unknown),
                cmocka_unit_test(nothing_overflows),
                cmocka_unit_test(more_slots_than_are_looked_at),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
