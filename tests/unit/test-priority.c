#include "unit.h"

#include "daemon/priority.h"

/* each before all that follow */
static void the_order_is_total(void **state) {
        static const Priority order[] = {
                { .client = true, .saved = 9, .cost_ms = 500 },
                { .client = true, .saved = 1, .cost_ms = 5 },
                { .saved = 8, .cost_ms = 10 },
                { .saved = 8, .cost_ms = 11 },
                { .saved = 8 }, /* nobody knows its cost */
                { .saved = 7, .cost_ms = 1 },
                { .saved = 0, .cost_ms = 1 },
        };
        const size_t n = sizeof(order) / sizeof(order[0]);

        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                        assert_int_equal(priority_is_before(order[i], order[j]), i < j);
}

static void those_who_share_a_job_bring_the_best_they_have(void **state) {
        const Priority waiting = { .client = true, .saved = 1 };
        const Priority recent = { .saved = 5, .cost_ms = 70 };
        const Priority both = priority_join(waiting, recent), same = priority_join(recent, waiting);

        assert_true(both.client);
        assert_int_equal(both.saved, 5);
        assert_int_equal(both.cost_ms, 70);
        assert_false(priority_is_before(both, same));
        assert_false(priority_is_before(same, both));
        assert_int_equal(priority_join(both, (Priority){}).cost_ms, 70);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_order_is_total),
                cmocka_unit_test(those_who_share_a_job_bring_the_best_they_have),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
