#include "unit.h"

#include "base/cleanup.h"
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
        assert_null(list.items[2]);
        assert_true(strings_contain(&list, "abc"));
        assert_true(strings_contain(&list, "xbc"));
        assert_false(strings_contain(&list, "ab"));
        strings_deinit(&list);
        assert_int_equal(list.n, 0);
        assert_false(strings_contain(&list, "abc"));
        strings_deinit(&list);
}

static void adds_whole_lists(void **state) {
        _cleanup_(strings_cleanup) Strings list = {}, other = {}, none = {};

        assert_int_equal(strings_add(&list, "a"), 0);
        assert_int_equal(strings_add(&other, "b"), 0);
        assert_int_equal(strings_add(&other, "c"), 0);
        assert_int_equal(strings_add_all(&list, &other), 0);
        assert_int_equal(strings_add_all(&list, &none), 0);
        assert_int_equal(list.n, 3);
        assert_string_equal(list.items[2], "c");
        assert_null(list.items[3]);
}

static void finds_the_nearest_name(void **state) {
        static const char *const known[] = { "status", "stats", "show", NULL };
        static const char *const none[] = { NULL };
        char long_name[200] = "";

        assert_string_equal(strings_nearest("statuss", known), "status");
        assert_string_equal(strings_nearest("stat", known), "stats");
        assert_string_equal(strings_nearest("shwo", known), "show");
        assert_null(strings_nearest("reload", known));
        assert_null(strings_nearest("x", none));
        memset(long_name, 's', sizeof(long_name) - 1);
        assert_null(strings_nearest(long_name, known));
}

static void gives_the_last_away(void **state) {
        _cleanup_(strings_cleanup) Strings list = {};
        _cleanup_(freep) char *last = NULL;

        assert_null(strings_pop(&list));
        assert_int_equal(strings_add(&list, "a"), 0);
        assert_int_equal(strings_add(&list, "b"), 0);
        last = strings_pop(&list);
        assert_string_equal(last, "b");
        assert_int_equal(list.n, 1);
        assert_null(list.items[1]);
}

static int print(char **ret, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int print(char **ret, const char *format, ...) {
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = strings_vprintf(ret, format, arguments);
        va_end(arguments);
        return r;
}

static void prints(void **state) {
        _cleanup_(freep) char *text = NULL;

        assert_int_equal(print(&text, "%d %s", 12, "monkeys"), 0);
        assert_string_equal(text, "12 monkeys");
}

static void compares_lists(void **state) {
        _cleanup_(strings_cleanup) Strings a = {}, b = {};

        assert_true(strings_are_same(&a, &b));
        assert_int_equal(strings_add(&a, "x"), 0);
        assert_false(strings_are_same(&a, &b));
        assert_int_equal(strings_add(&b, "x"), 0);
        assert_true(strings_are_same(&a, &b));
        assert_int_equal(strings_add(&a, "y"), 0);
        assert_false(strings_are_same(&b, &a));
        assert_int_equal(strings_add(&b, "z"), 0);
        assert_false(strings_are_same(&a, &b));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(survives_failing_allocations),
                cmocka_unit_test(owns_copies),
                cmocka_unit_test(adds_whole_lists),
                cmocka_unit_test(gives_the_last_away),
                cmocka_unit_test(finds_the_nearest_name),
                cmocka_unit_test(prints),
                cmocka_unit_test(compares_lists),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
