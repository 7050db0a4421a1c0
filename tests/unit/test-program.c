#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/program.h"

static void make_file(UnitDir *dir, const char *name, mode_t mode) {
        int fd = openat(dir->fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, mode);

        assert_true(fd >= 0);
        close(fd);
}

static void beside_itself(void **state) {
        _cleanup_(freep) char *found = NULL, *directory = NULL;

        assert_int_equal(program_directory(&directory), 0);
        assert_int_equal(setenv("PATH", "/nowhere", 1), 0);
        assert_int_equal(program_find("test-program", &found), 0);
        assert_int_equal(strncmp(found, directory, strlen(directory)), 0);
        assert_string_equal(found + strlen(directory), "/test-program");
}

static void on_path(void **state) {
        _cleanup_(freep) char *found = NULL;
        UnitDir *dir = *state;
        char path[256], expected[128];

        make_file(dir, "found", 0755);
        make_file(dir, "no-program", 0644);
        assert_int_equal(mkdirat(dir->fd, "directory", 0755), 0);
        (void) snprintf(path, sizeof(path), ":.:/nowhere::%s", dir->path);
        (void) snprintf(expected, sizeof(expected), "%s/found", dir->path);
        assert_int_equal(setenv("PATH", path, 1), 0);

        assert_int_equal(program_find("found", &found), 0);
        assert_string_equal(found, expected);
        assert_int_equal(program_find("no-program", &found), -ENOENT);
        assert_int_equal(program_find("directory", &found), -ENOENT);
        assert_int_equal(program_find("missing", &found), -ENOENT);
}

static void not_where_we_stand(void **state) {
        _cleanup_(freep) char *found = NULL;
        UnitDir *dir = *state;
        int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        make_file(dir, "found", 0755);
        assert_int_equal(setenv("PATH", ":.:", 1), 0);
        assert_int_equal(fchdir(dir->fd), 0);
        assert_int_equal(program_find("found", &found), -ENOENT);
        assert_int_equal(fchdir(here), 0);
        close(here);
}

int main(void) {
#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, unit_dir_setup, unit_dir_teardown)
        const struct CMUnitTest tests[] = {
                TEST(beside_itself),
                TEST(on_path),
                TEST(not_where_we_stand),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
