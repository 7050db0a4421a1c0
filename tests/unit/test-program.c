#include "unit.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

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

/* With all three closed, in a process of its own: 0, or which of them is not as it should be. */
static int streams_closed(void) {
        static const int access[] = { O_WRONLY, O_RDONLY, O_RDONLY };
        int next;

        for (int fd = 0; fd <= 2; fd++)
                (void) close(fd);
        program_keep_streams();
        for (int fd = 0; fd <= 2; fd++)
                if ((fcntl(fd, F_GETFL) & O_ACCMODE) != access[fd] || fcntl(fd, F_GETFD) != 0)
                        return 1 + fd;
        next = open("/dev/null", O_RDONLY);
        return next > 2 && write(1, "x", 1) < 0 && errno == EBADF ? 0 : 4;
}

static void streams_are_kept(void **state) {
        int before[3], status = -1;
        pid_t pid;

        for (int fd = 0; fd <= 2; fd++)
                before[fd] = fcntl(fd, F_GETFL);
        program_keep_streams();
        for (int fd = 0; fd <= 2; fd++)
                assert_int_equal(fcntl(fd, F_GETFL), before[fd]);

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(streams_closed());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

int main(void) {
#define TEST(_fn) cmocka_unit_test_setup_teardown(_fn, unit_dir_setup, unit_dir_teardown)
        const struct CMUnitTest tests[] = {
                TEST(beside_itself),
                TEST(on_path),
                TEST(not_where_we_stand),
                TEST(streams_are_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
