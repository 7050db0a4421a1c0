#include "unit.h"

#include <errno.h>

#include "base/clock.h"
#include "daemon/settle.h"
#include "tests/support/fail_alloc.h"

/* small numbers, so that every history of a few steps can be tried */
static const SettleTimes times = { .quiet_ns = 3, .max_ns = 10, .open_ns = 20, .paths_max = 4 };

static int setup(void **state) {
        Settle *settle;

        if (settle_new(&settle, &times) < 0)
                return -1;
        *state = settle;
        return 0;
}

static int teardown(void **state) {
        return settle_free(*state) ? -1 : 0;
}

static void assert_takes(Settle *settle, int64_t now, const char *path) {
        char *taken;

        assert_int_equal(settle_take(settle, now, &taken), 1);
        assert_string_equal(taken, path);
        free(taken);
}

static void assert_takes_nothing(Settle *settle, int64_t now) {
        char *taken;

        assert_int_equal(settle_take(settle, now, &taken), 0);
}

static void waits_for_quiet(void **state) {
        Settle *settle = *state;

        assert_int_equal(settle_deadline(settle), SETTLE_NEVER);
        assert_true(settle_is_settled(settle, "a"));
        assert_int_equal(settle_saved(settle, "a", 100), 0);
        assert_false(settle_is_settled(settle, "a"));
        assert_int_equal(settle_deadline(settle), 103);
        assert_takes_nothing(settle, 102);
        assert_int_equal(settle_saved(settle, "a", 102), 0);
        assert_int_equal(settle_deadline(settle), 105);
        assert_takes(settle, 105, "a");
        assert_true(settle_is_settled(settle, "a"));
        assert_takes_nothing(settle, 1000);
}

static void steady_saves_do_not_starve(void **state) {
        Settle *settle = *state;

        for (int64_t now = 100; now <= 108; now += 2) {
                assert_int_equal(settle_saved(settle, "a", now), 0);
                assert_takes_nothing(settle, now);
        }
        assert_int_equal(settle_deadline(settle), 110);
        assert_takes(settle, 110, "a");

        /* the next save begins a new burst */
        assert_int_equal(settle_saved(settle, "a", 111), 0);
        assert_int_equal(settle_deadline(settle), 114);
}

static void a_slow_writer_is_waited_for(void **state) {
        Settle *settle = *state;
        int64_t now;

        for (now = 0; now < 1000; now += 19) {
                assert_int_equal(settle_writing(settle, "a", now), 0);
                assert_takes_nothing(settle, now + 18);
        }
        assert_int_equal(settle_saved(settle, "a", now), 0);
        assert_int_equal(settle_deadline(settle), now + 3);
        assert_takes(settle, now + 3, "a");
}

static void writing_suspends_the_limit_and_closing_resumes_it(void **state) {
        Settle *settle = *state;

        assert_int_equal(settle_saved(settle, "a", 0), 0);
        assert_int_equal(settle_writing(settle, "a", 1), 0);
        assert_takes_nothing(settle, 12); /* past the limit, but half a file */
        assert_int_equal(settle_saved(settle, "a", 13), 0);
        assert_takes(settle, 13, "a");
}

static void a_writer_that_never_closes_is_given_up(void **state) {
        Settle *settle = *state;

        assert_int_equal(settle_writing(settle, "a", 5), 0);
        assert_takes_nothing(settle, 24);
        assert_takes(settle, 25, "a");
}

static void time_does_not_run_backwards(void **state) {
        Settle *settle = *state;

        assert_int_equal(settle_saved(settle, "a", 100), 0);
        assert_int_equal(settle_saved(settle, "b", 50), 0);
        assert_int_equal(settle_deadline(settle), 103);
        assert_takes_nothing(settle, 0);
        assert_int_equal(settle_saved(settle, "c", INT64_MAX), 0);
        assert_true(settle_deadline(settle) < SETTLE_NEVER);
}

static void is_bounded(void **state) {
        Settle *settle = *state;
        const char *paths[] = { "a", "b", "c", "d" };

        for (size_t i = 0; i < 4; i++)
                assert_int_equal(settle_saved(settle, paths[i], 0), 0);
        assert_int_equal(settle_saved(settle, "e", 0), -ENOSPC);
        assert_true(settle_is_settled(settle, "e"));
        assert_int_equal(settle_saved(settle, "a", 1), 0);
        assert_takes(settle, 3, "b");
}

/* ---- every history, against the rules written down naively --------------------------------- */

#define MODEL_PATHS 2

typedef struct Model {
        bool known[MODEL_PATHS], writing[MODEL_PATHS], saved[MODEL_PATHS];
        int64_t first[MODEL_PATHS], last[MODEL_PATHS];
} Model;

static int64_t model_due(const Model *model, int i) {
        int64_t quiet = model->last[i] + times.quiet_ns, limit = model->first[i] + times.max_ns;

        if (model->writing[i])
                return model->last[i] + times.open_ns;
        return quiet < limit ? quiet : limit;
}

static void model_step(Model *model, Settle *settle, int step, int64_t now) {
        static const char *const names[MODEL_PATHS] = { "a", "b" };
        int path = step % MODEL_PATHS, what = step / MODEL_PATHS;

        if (what == 0) {
                assert_int_equal(settle_saved(settle, names[path], now), 0);
                if (!model->saved[path])
                        model->first[path] = now;
                model->saved[path] = true;
        } else {
                assert_int_equal(settle_writing(settle, names[path], now), 0);
        }
        model->known[path] = true;
        model->writing[path] = what == 1;
        model->last[path] = now;
}

static void model_compare(Model *model, Settle *settle, int64_t now) {
        int64_t deadline = SETTLE_NEVER;
        char *taken;

        while (settle_take(settle, now, &taken) == 1) {
                int path = taken[0] - 'a';

                assert_true(model->known[path] && model_due(model, path) <= now);
                model->known[path] = model->saved[path] = false;
                free(taken);
        }
        for (int i = 0; i < MODEL_PATHS; i++) {
                if (!model->known[i])
                        continue;
                assert_true(model_due(model, i) > now);
                if (model_due(model, i) < deadline)
                        deadline = model_due(model, i);
        }
        assert_int_equal(settle_deadline(settle), deadline);
}

/* 2 things on 2 paths, after 4 different waits, 5 steps deep: 16^5 histories */
static void follows_the_rules_in_every_history(void **state) {
        static const int64_t waits[] = { 0, 2, 3, 12 };
        const int choices = 2 * MODEL_PATHS * 4;

        for (int history = 0; history < choices * choices * choices * choices * choices;
             history++) {
                Settle *settle;
                Model model = { 0 };
                int64_t now = 0;

                assert_int_equal(settle_new(&settle, &times), 0);
                for (int rest = history, i = 0; i < 5; i++, rest /= choices) {
                        now += waits[rest % choices % 4];
                        model_compare(&model, settle, now);
                        model_step(&model, settle, rest % choices / 4, now);
                        model_compare(&model, settle, now);
                }
                settle_free(settle);
        }
}

static void many_paths_come_out_in_order(void **state) {
        SettleTimes wide = times;
        int64_t before = 0;
        Settle *settle;
        unsigned n = 0;
        char name[32], *taken;

        wide.paths_max = 10000;
        wide.quiet_ns = 100000;
        wide.max_ns = 1000000;
        assert_int_equal(settle_new(&settle, &wide), 0);
        for (unsigned i = 0; i < 10000; i++) {
                (void) snprintf(name, sizeof(name), "%u", i * 7919 % 10000);
                assert_int_equal(settle_saved(settle, name, i), 0);
                if (i % 3 == 0)
                        assert_int_equal(settle_writing(settle, name, i), 0);
        }
        for (; settle_deadline(settle) != SETTLE_NEVER; n++) {
                assert_true(settle_deadline(settle) >= before);
                before = settle_deadline(settle);
                assert_int_equal(settle_take(settle, INT64_MAX - 1, &taken), 1);
                free(taken);
        }
        assert_int_equal(n, 10000);
        settle_free(settle);
}

static void other_times_count_from_the_next_save_on(void **state) {
        const SettleTimes slower = { .quiet_ns = 7, .max_ns = 10, .open_ns = 20, .paths_max = 4 };
        Settle *settle = *state;

        assert_int_equal(settle_saved(settle, "a", 0), 0);
        settle_set_times(settle, &slower);
        assert_int_equal(settle_deadline(settle), 3);
        assert_int_equal(settle_saved(settle, "a", 1), 0);
        assert_int_equal(settle_deadline(settle), 8);
}

static int settle_all(void *userdata) {
        Settle *settle;
        char *taken;
        int r;

        r = settle_new(&settle, &settle_default_times);
        if (r < 0)
                return r;

        r = settle_saved(settle, "a", 0);
        if (r == 0)
                r = settle_writing(settle, "b", 0);
        if (r == 0)
                r = settle_take(settle, CLOCK_NS_PER_S, &taken);
        if (r == 1)
                free(taken);
        settle_free(settle);
        return r < 0 ? r : 0;
}

static void survives_without_memory(void **state) {
        assert_true(fail_alloc_sweep(settle_all, NULL) >= 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(waits_for_quiet, setup, teardown),
                cmocka_unit_test_setup_teardown(steady_saves_do_not_starve, setup, teardown),
                cmocka_unit_test_setup_teardown(a_slow_writer_is_waited_for, setup, teardown),
                cmocka_unit_test_setup_teardown(writing_suspends_the_limit_and_closing_resumes_it,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(a_writer_that_never_closes_is_given_up, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(time_does_not_run_backwards, setup, teardown),
                cmocka_unit_test_setup_teardown(is_bounded, setup, teardown),
                cmocka_unit_test_setup_teardown(other_times_count_from_the_next_save_on, setup,
                                                teardown),
                cmocka_unit_test(follows_the_rules_in_every_history),
                cmocka_unit_test(many_paths_come_out_in_order),
                cmocka_unit_test(survives_without_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
