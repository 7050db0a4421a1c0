#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "daemon/estimate.h"
#include "daemon/schedule.h"
#include "tests/support/fail_alloc.h"

#define UNKNOWN ESTIMATE_UNKNOWN

/* in the order of arrival; the names are the order that is wanted */
static void fill(ScheduleEntry entries[static 6]) {
        static char names[] = "dafbec";
        const ScheduleEntry given[] = {
                { .state = SCHEDULE_WAITING, .priority = { .saved = 5 }, .predicted_ms = 10 },
                { .state = SCHEDULE_RUNNING, .predicted_ms = 100, .elapsed_ms = 40 },
                { .state = SCHEDULE_RESTING, .priority = { .client = true }, .predicted_ms = 1 },
                { .state = SCHEDULE_RUNNING },
                { .state = SCHEDULE_WAITING, .priority = { .saved = 5 }, .predicted_ms = 10 },
                { .state = SCHEDULE_WAITING, .priority = { .client = true }, .predicted_ms = 7 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
                entries[i] = given[i];
                entries[i].job = &names[i];
        }
}

static void expect_order(const ScheduleEntry *entries) {
        for (size_t i = 0; i < 6; i++) {
                assert_int_equal(*(const char *) entries[i].job, 'a' + (int) i);
                assert_int_equal(entries[i].position, i < 2 ? 0 : i - 1);
        }
}

static void running_then_waiting_then_resting(void **state) {
        ScheduleEntry entries[6];

        fill(entries);
        assert_int_equal(schedule_make(entries, 6, 2, false), 0);
        expect_order(entries);
        assert_int_equal(entries[0].left_ms, 60);
        assert_int_equal(entries[1].left_ms, UNKNOWN);
        assert_int_equal(entries[2].left_ms, 67);
        assert_int_equal(entries[3].left_ms, 77);
        assert_int_equal(entries[4].left_ms, 87);
        assert_int_equal(entries[5].left_ms, UNKNOWN); /* who knows when it is tried again */
}

static void while_it_is_paused_nothing_has_an_end(void **state) {
        ScheduleEntry entries[6];

        fill(entries);
        assert_int_equal(schedule_make(entries, 6, 2, true), 0);
        expect_order(entries);
        assert_int_equal(entries[0].left_ms, 60); /* but what runs */
        for (size_t i = 1; i < 6; i++)
                assert_int_equal(entries[i].left_ms, UNKNOWN);
}

static void an_empty_queue(void **state) {
        assert_int_equal(schedule_make(NULL, 0, 2, false), 0);
}

static void without_memory_there_is_an_order(void **state) {
        ScheduleEntry entries[6];

        fill(entries);
        fail_alloc_arm(0);
        assert_int_equal(schedule_make(entries, 6, 2, false), -ENOMEM);
        assert_true(fail_alloc_disarm());
        expect_order(entries);
        assert_int_equal(entries[2].left_ms, UNKNOWN);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(running_then_waiting_then_resting),
                cmocka_unit_test(while_it_is_paused_nothing_has_an_end),
                cmocka_unit_test(an_empty_queue),
                cmocka_unit_test(without_memory_there_is_an_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
