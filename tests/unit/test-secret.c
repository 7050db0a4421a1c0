#include "unit.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/secret.h"

static char path[128];

static void make(const UnitDir *dir, const char *content, size_t n, mode_t mode) {
        _cleanup_(closep) int fd = -1;

        (void) snprintf(path, sizeof(path), "%s/secret", dir->path);
        (void) unlink(path);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, content, n), 0);
        assert_int_equal(fchmod(fd, mode), 0);
}

static void test_read(void **state) {
        Problem problem = {};
        Secret secret;

        make(*state, "pass word\r\n\n", 12, 0600);
        assert_int_equal(secret_read(path, 1, &secret, &problem), 0);
        assert_int_equal(secret.size, 9);
        assert_string_equal((char *) secret.bytes, "pass word");
        secret_wipe(&secret);
        assert_int_equal(secret.size, 0);
        assert_int_equal(secret.bytes[0], 0);

        make(*state, "x", 1, 0400);
        assert_int_equal(secret_read(path, 0, &secret, &problem), 0);
        assert_int_equal(secret.size, 1);
}

static void test_others_may_read(void **state) {
        Problem problem = {};
        Secret secret = { .size = 7 };

        make(*state, "password", 8, 0640);
        assert_int_equal(secret_read(path, 1, &secret, &problem), -EPERM);
        assert_non_null(strstr(problem.text, "chmod 600"));
        assert_null(strstr(problem.text, "password"));
        make(*state, "password", 8, 0602);
        assert_int_equal(secret_read(path, 1, &secret, &problem), -EPERM);
        assert_int_equal(secret.size, 7);
}

static void test_sizes(void **state) {
        char large[SECRET_MAX + 1];
        Problem problem = {};
        Secret secret;

        memset(large, 'a', sizeof(large));
        make(*state, large, SECRET_MAX, 0600);
        assert_int_equal(secret_read(path, 1, &secret, &problem), 0);
        assert_int_equal(secret.size, SECRET_MAX);
        make(*state, large, SECRET_MAX + 1, 0600);
        assert_int_equal(secret_read(path, 1, &secret, &problem), -EINVAL);
        make(*state, "short\n", 6, 0600);
        assert_int_equal(secret_read(path, 6, &secret, &problem), -EINVAL);
        assert_null(strstr(problem.text, "short"));
        make(*state, "\n", 1, 0600);
        assert_int_equal(secret_read(path, 0, &secret, &problem), -EINVAL);
}

static void test_missing(void **state) {
        Problem problem = {};
        Secret secret;

        assert_int_equal(secret_read("/nonexistent/secret", 1, &secret, &problem), -ENOENT);
        assert_non_null(strstr(problem.text, "/nonexistent/secret"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_read, unit_dir_setup, unit_dir_teardown),
                cmocka_unit_test_setup_teardown(test_others_may_read, unit_dir_setup,
                                                unit_dir_teardown),
                cmocka_unit_test_setup_teardown(test_sizes, unit_dir_setup, unit_dir_teardown),
                cmocka_unit_test(test_missing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
