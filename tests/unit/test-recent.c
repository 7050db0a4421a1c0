#include "unit.h"

#include "cache/recent.h"

static void forgets_what_has_no_place(void **state) {
        const Digest a = { .bytes = { 1 } }, b = { .bytes = { 3 } }, c = { .bytes = { 2 } };
        uint32_t value = 7, found = 0;
        Recent *recent;

        (void) state;
        assert_int_equal(recent_new(&recent, 2, sizeof(value)),
                         0); /* a and b have the same place */
        assert_false(recent_find(recent, &a, &found));
        recent_note(recent, &a, &value);
        assert_true(recent_find(recent, &a, &found));
        assert_int_equal(found, 7);
        assert_false(recent_find(recent, &b, &found));

        value = 8;
        recent_note(recent, &c, &value);
        recent_note(recent, &b, &value);
        assert_false(recent_find(recent, &a, &found));
        assert_true(recent_is(recent, &b, &value));
        assert_true(recent_is(recent, &c, &value));
        value = 9;
        assert_false(recent_is(recent, &b, &value));
        recent_note(recent, &b, &value);
        assert_true(recent_is(recent, &b, &value));

        recent_forget(recent);
        assert_false(recent_find(recent, &b, &found));
        assert_false(recent_find(recent, &c, &found));
        assert_null(recent_free(recent));
        assert_null(recent_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(forgets_what_has_no_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
