#include "unit.h"

#include "base/strings.h"
#include "tests/support/fail_alloc.h"

static int fill(void *userdata) {
        Strings list = {};
        int r = 0;

        for (int i = 0; r == 0 && i < 40; i++)
                r = strings_add(&list, i % 2 ? "odd" : "even");
        strings_deinit(&list);
        return r;
}

static void survives_failing_allocations(void **state) {
        assert_true(fail_alloc_sweep(fill, NULL) > 40);
}

static void owns_copies(void **state) {
        Strings list = {};
        char text[] = "abc";

        assert_int_equal(strings_add(&list, text), 0);
        text[0] = 'x';
        assert_int_equal(strings_add(&list, text), 0);
        assert_int_equal(list.n, 2);
        assert_true(strings_contain(&list, "abc"));
        assert_true(strings_contain(&list, "xbc"));
        assert_false(strings_contain(&list, "ab"));
        strings_deinit(&list);
        assert_int_equal(list.n, 0);
        assert_false(strings_contain(&list, "abc"));
        strings_deinit(&list);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(survives_failing_allocations),
                cmocka_unit_test(owns_copies),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
