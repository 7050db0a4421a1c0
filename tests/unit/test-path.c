#include "unit.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"

/* @path is freed */
static void assert_path(char *path, const char *expected) {
        if (expected)
                assert_string_equal(path, expected);
        else
                assert_null(path);
        free(path);
}

static void joins(void **state) {
        assert_path(path_join("a", "b"), "a/b");
        assert_path(path_join("a/", "b"), "a/b");
        assert_path(path_join("a", "/b"), "/b");
        assert_path(path_join("", "b"), "b");
        assert_path(path_join("a", ""), "a");
        assert_path(path_join("/", "b"), "/b");
}

static void normalises(void **state) {
        static const char *const cases[][3] = {
                { "/", "a", "/a" },
                { "/x", "a/../b", "/x/b" },
                { "/x/y", "../..", "/" },
                { "/x", "../../../a", "/a" },
                { "/", "/", "/" },
                { "/", "//a///b//", "/a/b" },
                { "/", "/a/./b/.", "/a/b" },
                { "/x", "", "/x" },
                { "/x", ".", "/x" },
                { "/", "..", "/" },
                { "/", "/a/..b/...", "/a/..b/..." },
                { "/x", "a\n/\xff", "/x/a\n/\xff" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_path(path_normalise(cases[i][0], cases[i][1]), cases[i][2]);
}

/* normalising is idempotent, absolute, and has no odd parts left */
static void normalises_anything(void **state) {
        static const char alphabet[] = "a./b";
        unsigned random = 7;

        for (unsigned round = 0; round < 5000; round++) {
                char text[16];
                char *once, *twice;
                size_t n = round % sizeof(text);

                for (size_t i = 0; i < n; i++) {
                        random = random * 1103515245 + 12345;
                        text[i] = alphabet[random >> 16 & 3];
                }
                text[n] = '\0';
                once = path_normalise("/c/d", text);
                twice = path_normalise("/elsewhere", once);
                assert_string_equal(once, twice);
                assert_int_equal(once[0], '/');
                assert_null(strstr(once, "//"));
                assert_null(strstr(once, "/./"));
                assert_null(strstr(once, "/../"));
                assert_true(strlen(once) == 1 || !path_ends_with(once, "/"));
                if (path_is_downward(text))
                        assert_true(path_is_beneath(once, "/c/d"));
                free(once);
                free(twice);
        }
}

static void splits(void **state) {
        assert_string_equal(path_basename("/a/b.x"), "b.x");
        assert_string_equal(path_basename("b"), "b");
        assert_string_equal(path_basename("/"), "");
        assert_path(path_dirname("/a/b"), "/a");
        assert_path(path_dirname("/a"), "/");
        assert_path(path_dirname("a"), ".");
        assert_true(path_ends_with("a.xmodel", ".xmodel"));
        assert_false(path_ends_with("xmodel", ".xmodel"));
}

static void knows_what_is_beneath(void **state) {
        assert_true(path_is_beneath("/a/b", "/a"));
        assert_true(path_is_beneath("/a", "/a"));
        assert_false(path_is_beneath("/ab", "/a"));
        assert_false(path_is_beneath("/", "/a"));
        assert_true(path_is_beneath("/a", "/"));
        assert_string_equal(path_relative("/a/b/c", "/a"), "b/c");
        assert_string_equal(path_relative("/a", "/a"), "");
        assert_string_equal(path_relative("/a", "/"), "a");
        assert_null(path_relative("/ab", "/a"));
}

static void tells_plain_and_downward_names(void **state) {
        char longest[NAME_MAX + 2];

        memset(longest, 'a', sizeof(longest) - 1);
        longest[NAME_MAX + 1] = '\0';
        assert_false(path_is_plain_component(longest));
        longest[NAME_MAX] = '\0';
        assert_true(path_is_plain_component(longest));
        assert_true(path_is_plain_component("a b"));
        assert_true(path_is_plain_component("..."));
        assert_true(path_is_plain_component("\xff"));
        assert_false(path_is_plain_component(""));
        assert_false(path_is_plain_component("."));
        assert_false(path_is_plain_component(".."));
        assert_false(path_is_plain_component("a/b"));
        assert_false(path_is_plain_component("a\n"));
        assert_false(path_is_plain_component("\x7f"));

        assert_true(path_is_downward("a/b"));
        assert_true(path_is_downward("."));
        assert_true(path_is_downward("a//./..b"));
        assert_false(path_is_downward(""));
        assert_false(path_is_downward("/a"));
        assert_false(path_is_downward(".."));
        assert_false(path_is_downward("a/../b"));
        assert_false(path_is_downward("a/.."));
}

static void finds_the_homes(void **state) {
        unsetenv("DPUCC_CACHE_DIR");
        unsetenv("DPUCC_SOCKET");
        unsetenv("XDG_CACHE_HOME");
        unsetenv("XDG_STATE_HOME");
        unsetenv("XDG_CONFIG_HOME");
        unsetenv("XDG_RUNTIME_DIR");
        setenv("HOME", "/h", 1);
        assert_path(path_cache_home(), "/h/.cache/dpucc");
        assert_path(path_state_home(), "/h/.local/state/dpucc");
        assert_path(path_config_home(), "/h/.config/dpucc");
        assert_path(path_default_socket(), "/h/.cache/dpucc/run/dpuccd.sock");

        setenv("XDG_CACHE_HOME", "/c", 1);
        setenv("XDG_STATE_HOME", "relative", 1); /* the specification says: ignore it */
        setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
        assert_path(path_cache_home(), "/c/dpucc");
        assert_path(path_state_home(), "/h/.local/state/dpucc");
        assert_path(path_default_socket(), "/run/user/1/dpucc/dpuccd.sock");

        setenv("DPUCC_CACHE_DIR", "/mine", 1);
        setenv("DPUCC_SOCKET", "s.sock", 1);
        assert_path(path_cache_home(), "/mine");
        assert_path(path_default_socket(), "s.sock");

        unsetenv("HOME");
        assert_path(path_state_home(), NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(joins),
                cmocka_unit_test(normalises),
                cmocka_unit_test(normalises_anything),
                cmocka_unit_test(splits),
                cmocka_unit_test(knows_what_is_beneath),
                cmocka_unit_test(tells_plain_and_downward_names),
                cmocka_unit_test(finds_the_homes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
