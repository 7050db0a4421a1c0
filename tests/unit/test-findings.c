#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "daemon/findings.h"
#include "tests/support/fail_alloc.h"

static int fill(void *userdata) {
        _cleanup_(findings_cleanup) Findings list = {};

        for (int i = 0; i < 20; i++)
                findings_add(&list, "cache", "", FINDING_OK, "number %d", i);
        return list.error;
}

static void survives_failing_allocations(void **state) {
        assert_true(fail_alloc_sweep(fill, NULL) > 20);
}

static void keeps_copies_in_order(void **state) {
        _cleanup_(findings_cleanup) Findings list = {};
        char subject[] = "toolchain x";

        findings_add(&list, subject, "engine", FINDING_FAILED, "%s is down", "docker");
        subject[0] = '?';
        findings_add(&list, "inotify", "", FINDING_WARNING, "full");
        assert_int_equal(list.error, 0);
        assert_int_equal(list.n, 2);
        assert_string_equal(list.items[0].subject, "toolchain x");
        assert_string_equal(list.items[0].step, "engine");
        assert_string_equal(list.items[0].text, "docker is down");
        assert_int_equal(list.items[0].state, FINDING_FAILED);
        assert_string_equal(list.items[1].step, "");
}

static void is_capped(void **state) {
        _cleanup_(findings_cleanup) Findings list = {};

        for (int i = 0; i < FINDINGS_MAX + 5; i++)
                findings_add(&list, "a", "", FINDING_OK, "b");
        assert_int_equal(list.n, FINDINGS_MAX);
        assert_int_equal(list.error, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(survives_failing_allocations),
                cmocka_unit_test(keeps_copies_in_order),
                cmocka_unit_test(is_capped),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
