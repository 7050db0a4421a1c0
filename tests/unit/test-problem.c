#include "unit.h"

#include <errno.h>
#include <string.h>

#include "base/problem.h"
#include "base/utf8.h"

static void sets_and_prefixes(void **state) {
        Problem p;

        assert_int_equal(problem_set(&p, -EINVAL, "%s is %d", "x", 7), -EINVAL);
        assert_string_equal(p.text, "x is 7");
        assert_int_equal(problem_prefix(&p, -EIO, "%s", "file"), -EIO);
        assert_string_equal(p.text, "file: x is 7");
        p.text[0] = '\0';
        (void) problem_prefix(&p, 0, "file");
        assert_string_equal(p.text, "file");
        assert_int_equal(problem_set(NULL, -EIO, "x"), -EIO);
        assert_int_equal(problem_prefix(NULL, -EIO, "x"), -EIO);
}

static void cannot_be_forged(void **state) {
        Problem p;

        (void) problem_set(&p, 0, "%s", "a\nERROR: \x1b[2J\xff");
        assert_string_equal(p.text, "a\\nERROR: \\x1b[2J\\xff");
        (void) problem_prefix(&p, 0, "%s", "f\n");
        assert_string_equal(p.text, "f\\n: a\\nERROR: \\x1b[2J\\xff");
}

static void long_text_is_cut_and_says_so(void **state) {
        static const char *const units[] = { "a", "\xc3\xa9", "\xf0\x9f\x98\x80", "\n", "\xff" };
        char text[2 * PROBLEM_MAX];

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
                for (size_t length = 200; length < PROBLEM_MAX + 20; length++) {
                        size_t n = strlen(units[i]), used = 0;
                        Problem p;

                        while (used + n <= length) {
                                memcpy(text + used, units[i], n);
                                used += n;
                        }
                        text[used] = '\0';
                        (void) problem_set(&p, 0, "%s", text);
                        assert_true(strlen(p.text) < PROBLEM_MAX);
                        assert_true(utf8_valid(p.text, strlen(p.text)));
                        if (strcmp(text, p.text) != 0 && n != 1)
                                assert_string_equal(p.text + strlen(p.text) - 3, "...");
                        if (used >= PROBLEM_MAX)
                                assert_string_equal(p.text + strlen(p.text) - 3, "...");

                        (void) problem_prefix(&p, 0, "%s", "prefix");
                        assert_memory_equal(p.text, "prefix: ", 8);
                        assert_true(utf8_valid(p.text, strlen(p.text)));
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sets_and_prefixes),
                cmocka_unit_test(cannot_be_forged),
                cmocka_unit_test(long_text_is_cut_and_says_so),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
