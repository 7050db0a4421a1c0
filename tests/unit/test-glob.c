#include "unit.h"

#include <string.h>

#include "base/cleanup.h"
#include "daemon/glob.h"

static void matches(void **state) {
        static const struct {
                const char *pattern, *path;
                bool directory, expected;
        } cases[] = {
                { "build", "build", true, true },
                { "build", "a/b/build", false, true },
                { "build", "builds", false, false },
                { "build", "build/x", false, false }, /* its parent is asked about first */
                { "build/", "a/build", true, true },
                { "build/", "a/build", false, false },
                { "/build", "build", true, true },
                { "/build", "a/build", true, false },
                { "a/b", "a/b", false, true },
                { "a/b", "c/a/b", false, false },
                { "*.onnx", "x.onnx", false, true },
                { "*.onnx", "a/x.onnx", false, true },
                { "a/*.onnx", "a/x.onnx", false, true },
                { "a/*.onnx", "a/b/x.onnx", false, false },
                { "a/**/x", "a/x", false, true },
                { "a/**/x", "a/b/c/x", false, true },
                { "a/**/x", "a/bx", false, false },
                { "a/**", "a/b/c", false, true },
                { "a/**", "a", false, false },
                { "**/x", "x", false, true },
                { "**/x", "a/b/x", false, true },
                { "**/x", "a/bx", false, false },
                { "a**b/", "ax/yb", true, true },
                { "?x", "ax", false, true },
                { "?x", "x", false, false },
                { "a?b", "a/b", false, false },
                { "\\*", "*", false, true },
                { "\\*", "a", false, false },
                { "\\!a", "!a", false, true },
                { "a\\", "a\\", false, true },
                { "*", "anything", false, true },
                { "*a*b*", "xxaxxbxx", false, true },
                { "*a*b*", "xxbxxaxx", false, false },
                { "", "", false, false },
                { "/", "a", true, false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                if (glob_match(cases[i].pattern, cases[i].path, cases[i].directory) !=
                    cases[i].expected)
                        fail_msg("%s on %s", cases[i].pattern, cases[i].path);
}

/* fnmatch(3) would take years: thousands of million ways to place the stars */
static void hostile_patterns_are_quick(void **state) {
        char pattern[GLOB_MAX + 1] = "", path[4096];

        for (size_t i = 0; i + 2 < GLOB_MAX - 2; i += 2)
                memcpy(pattern + i, "*a", 3);
        strcat(pattern, "b");
        memset(path, 'a', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        assert_false(glob_match(pattern, path, false));
        path[sizeof(path) - 2] = 'b';
        assert_true(glob_match(pattern, path, false));
}

static void long_patterns_match_nothing(void **state) {
        char pattern[GLOB_MAX + 2];

        memset(pattern, '*', sizeof(pattern) - 1);
        pattern[GLOB_MAX + 1] = '\0';
        assert_false(glob_match(pattern, "a", false));
        pattern[GLOB_MAX] = '\0';
        assert_true(glob_match(pattern, "a", false));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(matches),
                cmocka_unit_test(hostile_patterns_are_quick),
                cmocka_unit_test(long_patterns_match_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
