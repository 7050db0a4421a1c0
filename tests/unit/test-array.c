#include "unit.h"

#include <errno.h>

#include "base/array.h"
#include "tests/support/fail_alloc.h"

static void grows_and_keeps_the_content(void **state) {
        uint32_t *items = NULL;
        size_t capacity = 0;

        for (uint32_t i = 0; i < 1000; i++) {
                assert_int_equal(array_reserve(&items, &capacity, i + 1, sizeof(*items)), 0);
                assert_true(capacity > i);
                items[i] = i;
        }
        for (uint32_t i = 0; i < 1000; i++)
                assert_int_equal(items[i], i);
        free(items);
}

static void refuses_what_no_memory_holds(void **state) {
        uint64_t *items = NULL;
        size_t capacity = 0;

        assert_int_equal(array_reserve(&items, &capacity, SIZE_MAX / 8, sizeof(*items)), -ENOMEM);
        assert_null(items);
        assert_int_equal(capacity, 0);
}

static void stays_as_it_was_without_memory(void **state) {
        uint32_t *items = NULL, *before;
        size_t capacity = 0;

        assert_int_equal(array_reserve(&items, &capacity, 1, sizeof(*items)), 0);
        before = items;
        fail_alloc_arm(0);
        assert_int_equal(array_reserve(&items, &capacity, 1000, sizeof(*items)), -ENOMEM);
        assert_true(fail_alloc_disarm());
        assert_ptr_equal(items, before);
        assert_true(capacity < 1000);
        free(items);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(grows_and_keeps_the_content),
                cmocka_unit_test(refuses_what_no_memory_holds),
                cmocka_unit_test(stays_as_it_was_without_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
