#include "unit.h"

#include "base/random.h"
#include "cache/breaker.h"

#define S CLOCK_NS_PER_S

static void test_opens_after_failures_in_a_row(void **state) {
        Breaker breaker = {};

        for (unsigned i = 1; i < BREAKER_FAILURES; i++)
                breaker_fail(&breaker, false, 0);
        assert_true(breaker_allows(&breaker));
        breaker_succeed(&breaker);
        for (unsigned i = 1; i < BREAKER_FAILURES; i++)
                breaker_fail(&breaker, false, 0);
        assert_true(breaker_allows(&breaker));
        assert_true(breaker_probe_ns(&breaker) == BREAKER_NEVER);
        breaker_fail(&breaker, false, 10 * S);
        assert_false(breaker_allows(&breaker));
        assert_int_equal(breaker.n_opened, 1);
        assert_true(breaker_probe_ns(&breaker) == 10 * S + BREAKER_PAUSE_NS);
}

static void test_opens_at_once_when_it_cost_time(void **state) {
        Breaker breaker = {};

        breaker_fail(&breaker, true, 0);
        assert_false(breaker_allows(&breaker));
}

static void test_probe(void **state) {
        Breaker breaker = {};

        assert_false(breaker_probe(&breaker, INT64_MAX));
        breaker_fail(&breaker, true, S);
        assert_false(breaker_probe(&breaker, S + BREAKER_PAUSE_NS - 1));
        assert_true(breaker_probe(&breaker, S + BREAKER_PAUSE_NS));
        assert_false(breaker_allows(&breaker));           /* nobody is sent there meanwhile */
        assert_false(breaker_probe(&breaker, INT64_MAX)); /* one probe only */
        assert_true(breaker_probe_ns(&breaker) == BREAKER_NEVER);
        breaker_succeed(&breaker);
        assert_true(breaker_allows(&breaker));
        breaker_fail(&breaker, false, 20 * S); /* what it counted before is forgotten */
        assert_true(breaker_allows(&breaker));
}

static void test_pause_doubles_up_to_a_maximum(void **state) {
        int64_t now = 0, pause = BREAKER_PAUSE_NS;
        Breaker breaker = {};

        breaker_fail(&breaker, true, now);
        for (unsigned i = 0; i < 20; i++) {
                assert_true(breaker_probe_ns(&breaker) == now + pause);
                now = breaker_probe_ns(&breaker);
                assert_true(breaker_probe(&breaker, now));
                breaker_fail(&breaker, false, now);
                pause = 2 * pause < BREAKER_PAUSE_MAX_NS ? 2 * pause : BREAKER_PAUSE_MAX_NS;
        }
        assert_int_equal(breaker.n_opened, 1);
        assert_true(breaker_probe(&breaker, now + BREAKER_PAUSE_MAX_NS));
        breaker_succeed(&breaker);
        breaker_fail(&breaker, true, 0);
        assert_true(breaker_probe_ns(&breaker) == BREAKER_PAUSE_NS); /* from the beginning */
}

static void test_late_answers_change_nothing(void **state) {
        Breaker breaker = {};

        breaker_fail(&breaker, true, 0);
        breaker_fail(&breaker, true, 3 * S);
        breaker_succeed(&breaker);
        assert_false(breaker_allows(&breaker));
        assert_true(breaker_probe_ns(&breaker) == BREAKER_PAUSE_NS);
}

/* whatever happens: either open to all, or there will be a probe, or there is one */
static void test_never_stuck(void **state) {
        Random random = RANDOM_INIT(4);
        Breaker breaker = {};
        int64_t now = 0;

        for (unsigned i = 0; i < 100000; i++) {
                bool probing = false;

                now += (int64_t) random_below(&random, 20) * S;
                switch (random_below(&random, 3)) {
                case 0:
                        breaker_fail(&breaker, random_below(&random, 4) == 0, now);
                        break;
                case 1:
                        breaker_succeed(&breaker);
                        break;
                default:
                        probing = breaker_probe(&breaker, now);
                        if (probing)
                                assert_int_equal(breaker.state, BREAKER_PROBING);
                }
                assert_true(breaker_allows(&breaker) || breaker.state == BREAKER_PROBING ||
                            breaker_probe_ns(&breaker) <= now + BREAKER_PAUSE_MAX_NS);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_opens_after_failures_in_a_row),
                cmocka_unit_test(test_opens_at_once_when_it_cost_time),
                cmocka_unit_test(test_probe),
                cmocka_unit_test(test_pause_doubles_up_to_a_maximum),
                cmocka_unit_test(test_late_answers_change_nothing),
                cmocka_unit_test(test_never_stuck),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
