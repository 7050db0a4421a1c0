#include "unit.h"

#include "daemon/admission.h"

#define GB ((uint64_t) 1 << 30)

static void by_number(void **state) {
        const Admission two = { .running_max = 2 };

        assert_true(admission_allows(&two, 0, 0, 0));
        assert_true(admission_allows(&two, 1, 0, 0));
        assert_false(admission_allows(&two, 2, 0, 0));
}

static void by_memory(void **state) {
        const Admission a = { .running_max = 8, .memory_max = 16 * GB };

        assert_true(admission_allows(&a, 1, 10 * GB, 6 * GB));
        assert_false(admission_allows(&a, 1, 10 * GB, 6 * GB + 1));
        assert_true(admission_allows(&a, 0, 0, 100 * GB));  /* alone: it would never start else */
        assert_false(admission_allows(&a, 1, 100 * GB, 1)); /* and nothing beside it */
        assert_false(admission_allows(&a, 1, 1, UINT64_MAX));
}

static void what_nobody_knows_takes_an_equal_share(void **state) {
        const Admission a = { .running_max = 4, .memory_max = 16 * GB };
        const Admission any = { .running_max = 4 };
        uint64_t share = admission_share(&a, 0);

        assert_int_equal(share, 4 * GB);
        assert_int_equal(admission_share(&a, 7), 7);
        assert_int_equal(admission_share(&any, 7), 0);
        for (unsigned n = 0; n < 4; n++)
                assert_true(admission_allows(&a, n, n * share, share));
        assert_false(
                admission_allows(&a, 2, 2 * 7 * GB, share)); /* two that are known, and large */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(by_number),
                cmocka_unit_test(by_memory),
                cmocka_unit_test(what_nobody_knows_takes_an_equal_share),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
